/* What a widget shows, as a part of the page's address that can be passed on:
   #explorer:detector=2&threshold=5;gallery:sort=1 */

/** What the address says about each widget, by its id. */
function readAddress() {
  const states = new Map();
  for (const part of location.hash.slice(1).split(";")) {
    const found = /^([A-Za-z][\w-]*):(.*)$/.exec(part);
    if (found) states.set(found[1], new URLSearchParams(found[2]));
  }
  return states;
}

function writeAddress(id, values) {
  const others = readAddress();
  others.delete(id);
  const states = [[id, new URLSearchParams(values)], ...others];
  const hash = states.map(([name, state]) => `${name}:${state}`).join(";");
  try {
    history.replaceState(history.state, "", `#${hash}`);
  } catch {
    // A page without an address of its own, or one that changes too often: no harm.
  }
}

/** Call `restore` with what the address says about a widget, now and whenever that
 *  changes. Returns a function that puts values into the address. */
function keepState(root, restore) {
  function read() {
    const states = readAddress();
    if (!states.has(root.id)) return;
    restore(states.get(root.id));
    if (states.keys().next().value !== root.id) return;
    // Widgets further down, which start later, may be what makes the page long enough.
    if (document.readyState === "complete") root.scrollIntoView();
    else addEventListener("load", () => root.scrollIntoView(), { once: true });
  }

  let timer = 0;
  // The output of a notebook may be a frame, whose address nobody sees.
  const isPage = window.parent === window;
  addEventListener("hashchange", read);
  read();
  return (values) => {
    clearTimeout(timer);
    // A drag changes the state many times a second, which browsers don't take.
    if (isPage) timer = setTimeout(writeAddress, 150, root.id, values);
  };
}

/** The option of a list that a state means, or else the one that is chosen. */
function optionIn(state, name, select) {
  const value = state.get(name);
  const known = [...select.options].some((option) => option.value === value);
  return known ? value : select.value;
}
