/* Maps with two colour scales: the same for all clips, or each clip's own. */

const SCALES = [["common", "all clips"], ["own", "this clip"]];

/** Show the map of a clip, with the colours that are chosen. */
function showMap(parts, maps, clip) {
  const [scale, cells] = SCALES[parts.scale.value];
  parts.map.src = maps[scale].pictures[clip];
  [parts.maplow.textContent, parts.maphigh.textContent] = maps[scale].ends[clip];
  parts.cells.textContent = cells;
}
