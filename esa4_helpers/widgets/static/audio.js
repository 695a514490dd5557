/* Sound: the clips of one widget, one at a time. */

/** How much of a clip has been played, 0 to 1. Steps of half a second where the
 *  reader has asked for less motion. */
function progress(audio, duration) {
  if (audio.ended) return 0;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const time = still ? Math.floor(audio.currentTime * 2) / 2 : audio.currentTime;
  return Math.min(time / duration, 1);
}

/** Play the clips of one widget, one at a time. `show(clip, share, playing)` is told
 *  where the clip stands whenever that changes. */
function makePlayer(root, data, show) {
  const audio = root.appendChild(document.createElement("audio"));
  let current = null;
  let frame = 0;

  function tell() {
    if (current !== null) show(current, progress(audio, data.duration), !audio.paused);
  }

  function follow() {
    tell();
    cancelAnimationFrame(frame);
    if (!audio.paused) frame = requestAnimationFrame(follow);
  }

  function stop() {
    audio.pause();
    if (current !== null) show(current, 0, false);
    current = null;
  }

  function choose(clip) {
    if (clip === current) return;
    stop();
    current = clip;
    audio.src = data.sounds[clip];
  }

  function play() {
    // A promise that is broken when the reader pauses at once: no error.
    audio.play().catch(tell);
  }

  function toggle(clip) {
    if (clip === current && !audio.paused) {
      audio.pause();
      return;
    }
    choose(clip);
    play();
  }

  /** Go on from some moment of a clip, a share of its duration. */
  function seek(clip, share) {
    choose(clip);
    audio.currentTime = share * data.duration;
    tell();
    play();
  }

  /** How much of the current clip was really played, 0 to 1. */
  function heard() {
    let time = 0;
    for (let i = 0; i < audio.played.length; i++) {
      time += audio.played.end(i) - audio.played.start(i);
    }
    return Math.min(time / data.duration, 1);
  }

  audio.addEventListener("play", follow);
  audio.addEventListener("pause", tell);
  audio.addEventListener("ended", tell);
  return { toggle, seek, stop, heard };
}
