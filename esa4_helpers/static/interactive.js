/* The interactive parts of the course, in the browser.
 *
 * esa4_helpers/interactive.py writes the page and every number that is known
 * beforehand. This script listens to the controls and shows what they ask for. A page
 * may hold it several times: each widget is started once.
 */
(() => {
  "use strict";

  // ---- Small tools ----------------------------------------------------------

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
  }

  /** All elements that carry an attribute like data-part, by its value. */
  function collect(root, name) {
    const found = {};
    for (const element of root.querySelectorAll(`[data-${name}]`)) {
      found[element.dataset[name]] = element;
    }
    return found;
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

  // ---- Sound ----------------------------------------------------------------

  /** How much of a clip has been played, 0 to 1. Steps of half a second where the
   *  reader has asked for less motion. */
  function progress(audio, duration) {
    if (audio.ended) return 0;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const time = still ? Math.floor(audio.currentTime * 2) / 2 : audio.currentTime;
    return Math.min(time / duration, 1);
  }

  /** Draw the playhead over each picture inside an element. */
  function moveHeads(element, share, playing) {
    for (const head of element.querySelectorAll(".esa4-head")) {
      head.style.left = `${100 * share}%`;
      head.hidden = !playing && share === 0;
    }
  }

  /** Play the clips of one widget, one at a time. `show(clip, share, playing)` is told
   *  where the clip stands whenever that changes. */
  function makePlayer(root, data, show) {
    const audio = root.appendChild(document.createElement("audio"));
    let current = null;
    let frame = 0;

    function tell() {
      if (current !== null) show(current, progress(audio, data.duration), !audio.paused);
    }

    function follow() {
      tell();
      cancelAnimationFrame(frame);
      if (!audio.paused) frame = requestAnimationFrame(follow);
    }

    function stop() {
      audio.pause();
      if (current !== null) show(current, 0, false);
      current = null;
    }

    function toggle(clip) {
      if (clip === current && !audio.paused) {
        audio.pause();
        return;
      }
      if (clip !== current) {
        stop();
        current = clip;
        audio.src = data.sounds[clip];
      }
      for (const other of document.querySelectorAll(".esa4-widget audio")) {
        if (other !== audio) other.pause();
      }
      // A promise that is broken when the reader pauses at once: no error.
      audio.play().catch(tell);
    }

    audio.addEventListener("play", follow);
    audio.addEventListener("pause", tell);
    audio.addEventListener("ended", tell);
    return { toggle, stop };
  }

  // ---- Gallery --------------------------------------------------------------

  function startGallery({ root, data, parts }) {
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
  }

  // ---- Threshold explorer -----------------------------------------------------

  function startExplorer({ root, data, parts }) {
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
      parts.clip.textContent = detector.labels[shown];
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
  }

  // ---- Listening test ---------------------------------------------------------

  /** 0, 1, ... n - 1 in random order, each order as likely as any other. */
  function shuffled(n) {
    const order = [...Array(n).keys()];
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** Share of the values that pass a test. */
  function share(values, test) {
    return values.filter(test).length / values.length;
  }

  /** Points of the ROC curve, as [false-alarm rate, recall]. */
  function rocPoints(abnormal, normal) {
    const cuts = [...new Set([...abnormal, ...normal])].sort((a, b) => b - a);
    return [Infinity, ...cuts].map((cut) => [
      share(normal, (rating) => rating >= cut),
      share(abnormal, (rating) => rating >= cut),
    ]);
  }

  /** Rank of each value from 1 upwards; equal values share the mean of their ranks. */
  function ranks(values) {
    return values.map((value) => {
      const below = values.filter((other) => other < value).length;
      const equal = values.filter((other) => other === value).length;
      return below + (equal + 1) / 2;
    });
  }

  function sum(values) {
    return values.reduce((total, value) => total + value, 0);
  }

  /** In how many ways can `size` of these numbers be chosen so that they sum to
   *  `least` or more? Goes through all ways: with the first number, and without. */
  function countWays(numbers, size, least) {
    if (size === 0) return least <= 0 ? 1 : 0;
    if (numbers.length < size) return 0;
    const [first, ...rest] = numbers;
    return countWays(rest, size - 1, least - first) + countWays(rest, size, least);
  }

  /** Judge ratings by the truth: AUC, and how many ways to guess do as well. */
  function judge(ratings, isAbnormal) {
    const all = ranks(ratings);
    const size = isAbnormal.filter(Boolean).length;
    const observed = sum(all.filter((_, i) => isAbnormal[i]));
    const pairs = size * (ratings.length - size);
    return {
      auc: (observed - (size * (size + 1)) / 2) / pairs,
      asGood: countWays(all, size, observed),
      ways: countWays(all, size, -Infinity),
      size,
    };
  }

  function startListening({ root, data, parts }) {
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
      const isAbnormal = order.map((clip) => data.labels[clip]);
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
        const isAbnormal = data.labels[order[i]];
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
  }

  // ---- Error maps -------------------------------------------------------------

  function startErrorMaps({ root, data, parts }) {
    const images = collect(root, "image");
    const player = makePlayer(root, data, (_, share, playing) => {
      parts.play.textContent = playing ? "Pause" : "Play";
      moveHeads(root, share, playing);
    });

    function chooseClip() {
      player.stop();
      const clip = parts.clip.value;
      for (const [what, image] of Object.entries(images)) {
        image.src = data[what][clip];
        image.alt = `${image.dataset.what} of ${data.names[clip]}`;
      }
    }

    parts.clip.addEventListener("change", chooseClip);
    parts.play.addEventListener("click", () => player.toggle(parts.clip.value));
    chooseClip();
  }

  // ---- Start what is on the page ------------------------------------------------

  const starters = {
    gallery: startGallery,
    explorer: startExplorer,
    listening: startListening,
    errormaps: startErrorMaps,
  };

  for (const root of document.querySelectorAll(".esa4-widget:not([data-started])")) {
    root.dataset.started = "";
    for (const still of root.querySelectorAll(".esa4-still")) still.remove();
    for (const live of root.querySelectorAll(".esa4-live")) live.hidden = false;
    const data = JSON.parse(root.querySelector("script").textContent);
    starters[root.dataset.kind]({ root, data, parts: collect(root, "part") });
  }
})();
