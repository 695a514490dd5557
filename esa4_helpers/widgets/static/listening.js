/* The listening test: clips in random order, a rating for each, and a comparison. */

/** So much of a clip must have been played for it to count as heard. */
const ENOUGH = 0.8;

/** 0, 1, ... n - 1 in random order, each order as likely as any other. */
function shuffled(n) {
  const order = [...Array(n).keys()];
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Clip order[i] is in row i; null is no rating yet. */
function newTest(n) {
  return {
    order: shuffled(n),
    ratings: Array(n).fill(null),
    heard: Array(n).fill(0),
    compared: false,
  };
}

function keyOf(root) {
  return `esa4:${location.pathname}#${root.id}`;
}

/** The test that was begun in this tab before the page was loaded, or a new one. */
function recall(root, n) {
  try {
    const test = JSON.parse(sessionStorage.getItem(keyOf(root)));
    const inOrder = [...test.order].sort((a, b) => a - b);
    const fits = inOrder.length === n && inOrder.every((clip, i) => clip === i);
    if (fits && test.ratings.length === n && test.heard.length === n) return test;
  } catch {
    // No storage, or nothing in it that is a test.
  }
  return newTest(n);
}

function remember(root, test) {
  try {
    sessionStorage.setItem(keyOf(root), JSON.stringify(test));
  } catch {
    // Without storage, a reload starts anew.
  }
}

start("listening", ({ root, data, parts }) => {
  const training = [...root.querySelectorAll("[data-train]")];
  const rows = [...root.querySelectorAll("[data-row]")];
  const tiles = [...root.querySelectorAll("[data-reveal]")];
  let test = recall(root, rows.length);
  let lastNormal = -1;
  let row = null;

  const player = makePlayer(root, data, (clip, share, playing) => {
    if (clip < training.length) {
      training[clip].setAttribute("aria-pressed", playing);
      return;
    }
    const i = test.order.indexOf(clip - training.length);
    rows[i].setAttribute("aria-pressed", playing);
    const tile = tiles[i].querySelector("button");
    tile.setAttribute("aria-pressed", playing);
    moveHeads(tile, share, playing);
    countHeard(i, player.heard());
  });

  function clipIn(i) {
    return training.length + test.order[i];
  }

  function countHeard(i, share) {
    if (share <= test.heard[i]) return;
    const wasHeard = test.heard[i] >= ENOUGH;
    test.heard[i] = share;
    showRow(i);
    if (wasHeard || share < ENOUGH) return;
    remember(root, test);
    showStatus();
  }

  function showRow(i) {
    const rating = test.ratings[i];
    const isHeard = test.heard[i] >= ENOUGH;
    rows[i].querySelector(".esa4-tick").textContent = isHeard ? "✓" : "";
    rows[i].querySelector(".esa4-rated").textContent = rating ?? "–";
    rows[i].querySelector(".esa4-heard").style.width =
      `${100 * Math.min(test.heard[i] / ENOUGH, 1)}%`;
    rows[i].setAttribute(
      "aria-label",
      `Play clip ${i + 1}, ${isHeard ? "heard" : "not yet heard"}, ` +
        (rating === null ? "not yet rated" : `rated ${rating}`),
    );
  }

  function showStatus() {
    const count = test.heard.filter((share) => share >= ENOUGH).length;
    parts.status.textContent = `Heard ${count} of ${rows.length} clips.`;
    parts.compare.disabled = test.compared || count < rows.length;
  }

  function showRating() {
    const name = row === null ? "the clip" : `clip ${row + 1}`;
    parts.question.textContent = `How abnormal does ${name} sound?`;
    parts.rating.disabled = row === null || test.compared;
    parts.rating.value = test.ratings[row] ?? 50;
    parts.rated.textContent = test.ratings[row] ?? "–";
    rows.forEach((button, i) => {
      if (i === row) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  function show() {
    rows.forEach((_, i) => showRow(i));
    showStatus();
    showRating();
    parts.results.hidden = !test.compared;
    if (test.compared) showResults();
  }

  function playNormal(i) {
    lastNormal = i;
    player.toggle(i);
  }

  function playRow(i) {
    row = i;
    showRating();
    player.toggle(clipIn(i));
  }

  /** The next clip that was not heard yet, or if all were, simply the next. */
  function playNext() {
    const after = (row ?? -1) + 1;
    const next = rows.map((_, i) => (after + i) % rows.length);
    player.stop();
    playRow(next.find((i) => test.heard[i] < ENOUGH) ?? next[0]);
  }

  function rate() {
    test.ratings[row] = Number(parts.rating.value);
    parts.rated.textContent = test.ratings[row];
    showRow(row);
    remember(root, test);
  }

  function compare() {
    test.compared = true;
    remember(root, test);
    show();
    parts.results.focus();
  }

  function showResults() {
    const ratings = test.ratings.map((rating) => rating ?? 50);
    const isAbnormal = test.order.map((clip) => data.is_anomaly[clip]);
    const result = judge(ratings, isAbnormal);
    const abnormal = ratings.filter((_, i) => isAbnormal[i]);
    const normal = ratings.filter((_, i) => !isAbnormal[i]);
    parts.curve.setAttribute("points", rocPoints(abnormal, normal).join(" "));
    parts.auc.textContent = result.auc.toFixed(2);
    parts.sentence.textContent = explain(result);
    tiles.forEach((tile, i) => reveal(tile, i, ratings[i]));
  }

  /** Say what a clip was, how it looks, and what everybody said. */
  function reveal(tile, i, rating) {
    const clip = test.order[i];
    const truth = data.is_anomaly[clip] ? "abnormal" : "normal";
    tile.dataset.clip = clip;
    for (const words of tile.querySelectorAll("[data-truth]")) {
      words.hidden = words.dataset.truth !== truth;
    }
    const image = tile.querySelector("img");
    image.src = data.pictures[clip];
    image.alt = `Log-mel spectrogram of a clip that was ${truth}`;
    const said = [`you: ${rating}`, ...data.scores[clip]].map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    });
    tile.querySelector(".esa4-said").replaceChildren(...said);
  }

  function explain({ auc, asGood, ways, size }) {
    return (
      `Your AUC is ${auc.toFixed(2)}. There are ${ways} ways to call ${size} of the ` +
      `${rows.length} clips abnormal, and someone who guesses does at least as well ` +
      `as you in ${asGood} of ${ways} ways: p = ${(asGood / ways).toFixed(3)}.`
    );
  }

  function tryAgain() {
    player.stop();
    test = newTest(rows.length);
    row = null;
    remember(root, test);
    for (const tile of tiles) delete tile.dataset.clip;
    show();
    parts.next.focus();
  }

  training.forEach((button, i) => button.addEventListener("click", () => playNormal(i)));
  rows.forEach((button, i) => button.addEventListener("click", () => playRow(i)));
  tiles.forEach((tile, i) => {
    tile.querySelector("button").addEventListener("click", (event) => {
      const moment = momentOf(event);
      if (moment === null) player.toggle(clipIn(i));
      else player.seek(clipIn(i), moment);
    });
  });
  parts.nextnormal.addEventListener("click", () => {
    player.stop();
    playNormal((lastNormal + 1) % training.length);
  });
  parts.next.addEventListener("click", playNext);
  parts.rating.addEventListener("input", rate);
  parts.compare.addEventListener("click", compare);
  parts.again.addEventListener("click", tryAgain);
  rove(parts.training, "button");
  rove(parts.cells, "button");
  show();
});
