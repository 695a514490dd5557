/* The gallery: tiles that play their clip, and can be sorted. */

start("gallery", ({ root, data, parts }) => {
  const tiles = collect(root, "clip");
  const groups = Object.values(collect(root, "group"));
  const homes = new Map(Object.values(tiles).map((tile) => {
    const item = tile.closest("li");
    return [item, item.parentNode];
  }));
  const player = makePlayer(root, data, (clip, share, playing) => {
    tiles[clip].setAttribute("aria-pressed", playing);
    moveHeads(tiles[clip], share, playing);
  });
  const tabStop = rove(root, ".esa4-tile");

  /** By name, each clip is in its group; by a number, all are in one list. */
  function sort() {
    const { order, values } = data.sorts[parts.sort.value];
    for (const group of groups) group.hidden = Boolean(values);
    parts.all.hidden = !values;
    for (const clip of order) {
      const item = tiles[clip].closest("li");
      (values ? parts.all : homes.get(item)).append(item);
      tiles[clip].querySelector(".esa4-value").textContent = values ? values[clip] : "";
    }
    tabStop.restart();
  }

  for (const [clip, tile] of Object.entries(tiles)) {
    tile.addEventListener("click", (event) => {
      const moment = momentOf(event);
      if (moment === null) player.toggle(clip);
      else player.seek(clip, moment);
    });
  }
  parts.sort.addEventListener("change", () => {
    sort();
    save({ sort: parts.sort.value });
  });
  sort();
  const save = keepState(root, (state) => {
    parts.sort.value = optionIn(state, "sort", parts.sort);
    sort();
  });
});
