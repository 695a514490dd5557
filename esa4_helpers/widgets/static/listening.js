/* The listening test: rows in random order, and a comparison at the end. */

/** 0, 1, ... n - 1 in random order, each order as likely as any other. */
function shuffled(n) {
  const order = [...Array(n).keys()];
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

start("listening", ({ root, data, parts }) => {
  const training = collect(root, "train");
  const rows = [...root.querySelectorAll("[data-row]")];
  const sliders = rows.map((row) => row.querySelector("input"));
  // Clip order[i] of the test clips is in row i; they follow the training clips.
  const order = shuffled(rows.length);
  const nTraining = Object.keys(training).length;
  const buttons = Object.values(training);
  order.forEach((clip, i) => {
    buttons[nTraining + clip] = rows[i].querySelector("button");
  });
  const heard = new Set();
  const player = makePlayer(root, data, (clip, _, playing) => {
    const button = buttons[clip];
    button.textContent = `${playing ? "Pause" : "Play"} ${button.dataset.what}`;
    if (playing && clip >= nTraining) countHeard(clip);
  });

  function countHeard(clip) {
    if (heard.has(clip)) return;
    heard.add(clip);
    parts.status.textContent = `Heard ${heard.size} of ${rows.length} clips.`;
    parts.compare.disabled = heard.size < rows.length;
  }

  function compare() {
    const ratings = sliders.map((slider) => Number(slider.value));
    const isAbnormal = order.map((clip) => data.is_anomaly[clip]);
    const result = judge(ratings, isAbnormal);
    parts.compare.disabled = true;
    showTruth();
    showCurve(ratings, isAbnormal);
    parts.auc.textContent = result.auc.toFixed(2);
    parts.sentence.textContent = explain(result);
    parts.results.hidden = false;
    parts.results.focus();
  }

  /** Say what each clip was, and let no rating change after that. */
  function showTruth() {
    rows.forEach((row, i) => {
      const isAbnormal = data.is_anomaly[order[i]];
      row.dataset.clip = order[i];
      sliders[i].disabled = true;
      row.querySelector(".esa4-truth").textContent =
        isAbnormal ? "◆ was abnormal" : "● was normal";
    });
  }

  function showCurve(ratings, isAbnormal) {
    const abnormal = ratings.filter((_, i) => isAbnormal[i]);
    const normal = ratings.filter((_, i) => !isAbnormal[i]);
    parts.curve.setAttribute("points", rocPoints(abnormal, normal).join(" "));
  }

  function explain({ auc, asGood, ways, size }) {
    return (
      `Your AUC is ${auc.toFixed(2)}. There are ${ways} ways to call ${size} of the ` +
      `${rows.length} clips abnormal, and someone who guesses does at least as well ` +
      `as you in ${asGood} of ${ways} ways: p = ${(asGood / ways).toFixed(3)}.`
    );
  }

  buttons.forEach((button, clip) => {
    button.addEventListener("click", () => player.toggle(clip));
  });
  rows.forEach((row, i) => {
    const write = () => (row.querySelector("output").textContent = sliders[i].value);
    sliders[i].addEventListener("input", write);
    write();
  });
  parts.compare.addEventListener("click", compare);
});
