/* Many buttons, one tab stop: the arrow keys lead from one to the next. */

/** The button one row further up or down (`way` is -1 or 1) that is the nearest. */
function inNextRow(buttons, from, way) {
  const place = (button) => button.getBoundingClientRect();
  const { left, top } = place(from);
  const away = (button) => way * (place(button).top - top);
  const further = buttons.filter((button) => away(button) > 1);
  const row = Math.min(...further.map(away));
  const beside = (button) => Math.abs(place(button).left - left);
  return further
    .filter((button) => away(button) < row + 1)
    .reduce((a, b) => (a && beside(a) <= beside(b) ? a : b), undefined);
}

/** Give the buttons inside an element one tab stop: the one that was used last. */
function rove(element, selector) {
  const list = () => [...element.querySelectorAll(selector)];

  function stopAt(button) {
    for (const other of list()) other.tabIndex = other === button ? 0 : -1;
  }

  element.addEventListener("focusin", ({ target }) => {
    const button = target.closest(selector);
    if (button) stopAt(button);
  });
  element.addEventListener("keydown", (event) => {
    const button = event.target.closest(selector);
    if (!button || event.altKey || event.ctrlKey || event.metaKey) return;
    const buttons = list();
    const i = buttons.indexOf(button);
    const goals = {
      ArrowLeft: () => buttons[i - 1],
      ArrowRight: () => buttons[i + 1],
      ArrowUp: () => inNextRow(buttons, button, -1),
      ArrowDown: () => inNextRow(buttons, button, 1),
      Home: () => buttons[0],
      End: () => buttons.at(-1),
    };
    if (!(event.key in goals)) return;
    event.preventDefault();
    goals[event.key]()?.focus();
  });
  stopAt(list()[0]);
  return { restart: () => stopAt(list()[0]) };
}
