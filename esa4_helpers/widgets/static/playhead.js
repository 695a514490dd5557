/* The line that runs over pictures while their clip is heard. */

/** Draw the playhead over each picture inside an element. */
function moveHeads(element, share, playing) {
  for (const head of element.querySelectorAll(".esa4-head")) {
    head.style.left = `${100 * share}%`;
    head.hidden = !playing && share === 0;
  }
}
