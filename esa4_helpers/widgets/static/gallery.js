/* The gallery: tiles that play their clip, and can be sorted. */

start("gallery", ({ root, data, parts }) => {
  const tiles = collect(root, "clip");
  const player = makePlayer(root, data, (clip, share, playing) => {
    tiles[clip].setAttribute("aria-pressed", playing);
    moveHeads(tiles[clip], share, playing);
  });

  function sort() {
    const { order, values } = data.sorts[parts.sort.value];
    for (const clip of order) {
      const item = tiles[clip].parentNode;
      item.parentNode.append(item);
      tiles[clip].querySelector(".esa4-value").textContent = values[clip];
    }
  }

  for (const [clip, tile] of Object.entries(tiles)) {
    tile.addEventListener("click", () => player.toggle(clip));
  }
  parts.sort.addEventListener("change", sort);
  sort();
});
