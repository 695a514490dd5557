/* The line that runs over pictures while their clip is heard, and clicks that move it. */

/** Draw the playhead over each picture inside an element. */
function moveHeads(element, share, playing) {
  for (const head of element.querySelectorAll(".esa4-head")) {
    head.style.left = `${100 * share}%`;
    head.hidden = !playing && share === 0;
  }
}

/** Which moment of a clip a click in its picture means, from 0 to 1; null for a click
 *  beside the picture, or one that came from the keyboard. */
function momentOf(event) {
  const picture = event.target.closest(".esa4-picture");
  if (!picture || event.detail === 0) return null;
  const { left, width } = picture.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - left) / width, 0), 1);
}

/** Let clicks in the pictures inside an element call `seek` with the moment. */
function onSeek(element, seek) {
  element.addEventListener("click", (event) => {
    const moment = momentOf(event);
    if (moment !== null) seek(moment);
  });
}
