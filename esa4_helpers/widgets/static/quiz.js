/* The quiz: playheads over the clips that the browser's own players play. */

start("quiz", ({ root, data }) => {
  for (const clip of Object.values(collect(root, "clip"))) {
    const audio = clip.querySelector("audio");

    function follow() {
      moveHeads(clip, progress(audio, data.duration), !audio.paused);
      if (!audio.paused) requestAnimationFrame(follow);
    }

    function stopOthers() {
      for (const other of document.querySelectorAll("audio")) {
        if (other !== audio) other.pause();
      }
    }

    for (const event of ["play", "pause", "seeked", "ended"]) {
      audio.addEventListener(event, follow);
    }
    audio.addEventListener("play", stopOthers);
    clip.querySelector(".esa4-picture").addEventListener("click", (event) => {
      audio.currentTime = (event.offsetX / event.currentTarget.clientWidth) * data.duration;
      // A promise that is broken when the reader pauses at once: no error.
      audio.play().catch(follow);
    });
  }
});
