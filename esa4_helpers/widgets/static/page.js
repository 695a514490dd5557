/* How a widget starts, and finds its parts. Each widget's own script calls start(). */

/** All elements that carry an attribute like data-part, by its value. */
function collect(root, name) {
  const found = {};
  for (const element of root.querySelectorAll(`[data-${name}]`)) {
    found[element.dataset[name]] = element;
  }
  return found;
}

/** Start each widget of one kind that stands in the page, once: a page may hold this
 *  script several times. */
function start(kind, startWidget) {
  const kindred = `.esa4-widget[data-kind="${kind}"]:not([data-started])`;
  for (const root of document.querySelectorAll(kindred)) {
    root.dataset.started = "";
    for (const still of root.querySelectorAll(".esa4-still")) still.remove();
    for (const live of root.querySelectorAll(".esa4-live")) live.hidden = false;
    const data = JSON.parse(root.querySelector("script").textContent);
    startWidget({ root, data, parts: collect(root, "part") });
  }
}
