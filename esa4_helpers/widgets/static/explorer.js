/* The threshold explorer: one threshold, and all that follows from it. Python has worked
   out every outcome; here they are shown. */

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
}

/** Write a number with four digits, as Python's format ".4g" does. */
function fourDigits(value) {
  const [digits, exponent] = value.toExponential(3).split("e");
  if (exponent >= -4 && exponent < 4) return String(Number(value.toPrecision(4)));
  return `${Number(digits)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** The axis of a detector: places for scores, and scores for places, as in Python. */
function makeScale({ ends, centre, stretch }, { width, margin }) {
  // Halves, as the difference of two very large numbers may be infinite.
  const bend = (score) => (stretch ? Math.asinh((score - centre) / stretch) : score / 2);
  const unbend = (bent) => (stretch ? centre + stretch * Math.sinh(bent) : bent * 2);
  const [low, high] = ends.map(bend);
  const length = width - 2 * margin;
  return {
    placeOf: (score) => margin + (length * (bend(score) - low)) / (high - low),
    scoreAt(place) {
      const share = clamp((place - margin) / length, 0, 1);
      return clamp(unbend(low * (1 - share) + high * share), ...ends);
    },
  };
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

/** Tell `move` where in a drawing, from 0 to 1, a pointer is put down and dragged. On a
 *  dot only a drag counts: a press is the dot's own. */
function onDrag(drawing, move) {
  let start = null;

  function tell(event) {
    const { left, top, width, height } = drawing.getBoundingClientRect();
    move((event.clientX - left) / width, (event.clientY - top) / height);
  }

  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = event.clientX;
    if (event.target.closest(".esa4-dot")) return;
    drawing.setPointerCapture(event.pointerId);
    tell(event);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (event.buttons === 0) start = null;
    if (start === null) return;
    if (!drawing.hasPointerCapture(event.pointerId)) {
      if (Math.abs(event.clientX - start) < 5) return;
      drawing.setPointerCapture(event.pointerId);
    }
    tell(event);
  });
}

/** Let the arrow keys, Home and End call `step` with how many places to go. */
function onSteps(element, step) {
  const steps = {
    ArrowRight: 1, ArrowUp: 1, PageUp: 3, End: Infinity,
    ArrowLeft: -1, ArrowDown: -1, PageDown: -3, Home: -Infinity,
  };
  element.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    step(steps[event.key]);
  });
}

start("explorer", ({ root, data, parts }) => {
  const axes = collect(root, "axis");
  const dots = [...root.querySelectorAll(".esa4-dot")];
  const presets = [...root.querySelectorAll("[data-preset]")];
  const player = makePlayer(root, data, (clip, share, playing) => {
    for (const dot of dots) {
      dot.setAttribute("aria-pressed", playing && dot.dataset.clip === clip);
    }
    moveHeads(parts.pictures, share, playing);
  });
  let detector;
  let scale;
  let threshold;
  let shown = null;

  function chooseDetector() {
    detector = data.detectors[parts.detector.value];
    scale = makeScale(detector, data);
    for (const part of root.querySelectorAll("[data-of]")) {
      part.hidden = part.dataset.of !== parts.detector.value;
    }
    parts.curve.setAttribute("points", detector.roc);
    parts.auc.textContent = detector.auc;
    parts.roc.setAttribute("aria-valuemax", detector.cuts.length - 1);
    threshold = detector.first;
    showThreshold();
    showClip();
  }

  /** How many of the different scores the threshold leaves below. */
  function cutNumber() {
    return detector.values.filter((value) => value <= threshold).length;
  }

  function showThreshold() {
    const cut = detector.cuts[cutNumber()];
    const axis = axes[parts.detector.value];
    const place = scale.placeOf(threshold);
    set(axis.querySelector(".esa4-threshold"), { x1: place, x2: place });
    set(axis.querySelector(".esa4-alarm"), { x: place, width: data.width - place });
    for (const [part, text] of Object.entries(cut.texts)) {
      parts[part].textContent = text;
    }
    const text = fourDigits(threshold);
    parts.threshold_text.textContent = text;
    parts.threshold.value = place;
    parts.threshold.setAttribute("aria-valuetext", `threshold ${text}: ${cut.summary}`);
    for (const preset of presets) {
      preset.setAttribute("aria-pressed", Number(preset.dataset.preset) === threshold);
    }
    set(parts.point, { cx: cut.point[0], cy: cut.point[1] });
    set(parts.roc, {
      "aria-label": `ROC curve, AUC ${detector.auc}`,
      "aria-valuenow": detector.cuts.length - 1 - cutNumber(),
      "aria-valuetext":
        `recall ${cut.texts.recall} at a false-alarm rate of ${cut.texts.false_alarm_rate}`,
    });
  }

  function setThreshold(value) {
    threshold = clamp(value, ...detector.ends);
    showThreshold();
    save({ detector: parts.detector.value, threshold });
  }

  /** Go to the stop that is some places further than the threshold. */
  function step(places) {
    const above = detector.stops.filter((stop) => stop > threshold);
    const below = detector.stops.filter((stop) => stop < threshold).reverse();
    const way = places > 0 ? above : below;
    if (way.length) setThreshold(way[Math.min(Math.abs(places), way.length) - 1]);
  }

  function stepOnCurve(places) {
    setThreshold(detector.cuts[clamp(cutNumber() + places, 0, detector.cuts.length - 1)].at);
  }

  /** Take the point of the ROC curve that is nearest to a place in its drawing. */
  function takePoint(x, y) {
    const rates = [(x * 240 - 32) / 200, (208 - y * 246) / 200];
    const distance = ({ point }) => Math.hypot(point[0] - rates[0], point[1] - rates[1]);
    const nearest = detector.cuts.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    setThreshold(nearest.at);
  }

  function showClip() {
    if (shown === null) return;
    parts.pictures.hidden = false;
    for (const dot of dots) {
      dot.classList.toggle("esa4-chosen", dot.dataset.clip === shown);
    }
    parts.clip.textContent = detector.dots[shown];
    parts.spectrogram.src = data.pictures[shown];
    parts.spectrogram.alt = `Log-mel spectrogram of ${data.names[shown]}`;
    if (!parts.map) return;
    parts.mapfigure.hidden = !detector.maps;
    parts.mapwords.hidden = !detector.maps;
    if (!detector.maps) return;
    showMap(parts, detector.maps, shown);
    parts.map.alt = `Anomaly map of ${data.names[shown]}`;
  }

  for (const dot of dots) {
    onPress(dot, () => {
      shown = dot.dataset.clip;
      showClip();
      player.toggle(shown);
    });
  }
  for (const axis of Object.values(axes)) {
    onDrag(axis.firstElementChild, (x) => setThreshold(scale.scoreAt(x * data.width)));
  }
  for (const preset of presets) {
    preset.addEventListener("click", () => setThreshold(Number(preset.dataset.preset)));
  }
  onDrag(parts.roc, takePoint);
  // To the right on the curve there are more alarms, from a lower threshold.
  onSteps(parts.roc, (places) => stepOnCurve(-places));
  onSteps(parts.threshold, step);
  onSeek(parts.pictures, (moment) => player.seek(shown, moment));
  parts.threshold.addEventListener("input", () => {
    setThreshold(scale.scoreAt(parts.threshold.value));
  });
  parts.scale?.addEventListener("change", showClip);
  parts.detector.addEventListener("change", () => {
    chooseDetector();
    save({ detector: parts.detector.value, threshold });
  });
  chooseDetector();
  const save = keepState(root, (state) => {
    parts.detector.value = optionIn(state, "detector", parts.detector);
    chooseDetector();
    const value = parseFloat(state.get("threshold"));
    if (Number.isFinite(value)) threshold = clamp(value, ...detector.ends);
    showThreshold();
  });
});
