/* Sound: one clip at a time, in the whole page. */

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

  function toggle(clip) {
    if (clip === current && !audio.paused) {
      audio.pause();
      return;
    }
    if (clip !== current) {
      stop();
      current = clip;
      audio.src = data.sounds[clip];
    }
    for (const other of document.querySelectorAll(".esa4-widget audio")) {
      if (other !== audio) other.pause();
    }
    // A promise that is broken when the reader pauses at once: no error.
    audio.play().catch(tell);
  }

  audio.addEventListener("play", follow);
  audio.addEventListener("pause", tell);
  audio.addEventListener("ended", tell);
  return { toggle, stop };
}
