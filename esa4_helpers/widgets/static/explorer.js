/* The threshold explorer: one threshold, and all that follows from it. Python has worked
   out every outcome; here they are shown. */

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
}

/** Let a drawn dot answer like a button: to a click, Enter and the space bar. */
function onPress(element, action) {
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    action();
  });
}

start("explorer", ({ root, data, parts }) => {
  const axes = collect(root, "axis");
  const dots = [...root.querySelectorAll(".esa4-dot")];
  const player = makePlayer(root, data, (clip, share, playing) => {
    for (const dot of dots) {
      dot.setAttribute("aria-pressed", playing && dot.dataset.clip === clip);
    }
    moveHeads(parts.pictures, share, playing);
  });
  let detector;
  let shown = null;

  function chooseDetector() {
    detector = data.detectors[parts.detector.value];
    for (const [i, axis] of Object.entries(axes)) {
      axis.hidden = i !== parts.detector.value;
    }
    parts.threshold.max = detector.cuts.length - 1;
    parts.threshold.value = Math.floor(detector.cuts.length / 2);
    parts.curve.setAttribute("points", detector.roc);
    parts.auc.textContent = detector.auc;
    showThreshold();
    showClip();
  }

  function showThreshold() {
    const cut = detector.cuts[parts.threshold.value];
    const axis = axes[parts.detector.value];
    set(axis.querySelector(".esa4-threshold"), { x1: cut.x, x2: cut.x });
    set(axis.querySelector(".esa4-alarm"), { x: cut.x, width: data.width - cut.x });
    for (const [part, text] of Object.entries(cut.texts)) {
      parts[part].textContent = text;
    }
    parts.threshold.setAttribute("aria-valuetext", cut.summary);
    set(parts.point, { cx: cut.point[0], cy: cut.point[1] });
    parts.roc.setAttribute(
      "aria-label",
      `ROC curve, AUC ${detector.auc}. Now recall ${cut.texts.recall} ` +
        `at a false-alarm rate of ${cut.texts.false_alarm_rate}`,
    );
  }

  function showClip() {
    if (shown === null) return;
    parts.pictures.hidden = false;
    parts.clip.textContent = detector.dots[shown];
    parts.spectrogram.src = data.pictures[shown];
    parts.spectrogram.alt = `Log-mel spectrogram of ${data.names[shown]}`;
    if (!parts.map) return;
    parts.mapfigure.hidden = !detector.maps;
    if (!detector.maps) return;
    parts.map.src = detector.maps[shown];
    parts.map.alt = `Anomaly map of ${data.names[shown]}`;
    [parts.maplow.textContent, parts.maphigh.textContent] = detector.mapends;
  }

  for (const dot of dots) {
    onPress(dot, () => {
      shown = dot.dataset.clip;
      showClip();
      player.toggle(shown);
    });
  }
  parts.detector.addEventListener("change", chooseDetector);
  parts.threshold.addEventListener("input", showThreshold);
  chooseDetector();
});
