/* Error maps: three pictures of the chosen clip, with its sound. */

start("errormaps", ({ root, data, parts }) => {
  const images = collect(root, "image");
  const player = makePlayer(root, data, (_, share, playing) => {
    parts.play.textContent = playing ? "Pause" : "Play";
    moveHeads(root, share, playing);
  });

  function showClip() {
    const clip = parts.clip.value;
    for (const [what, image] of Object.entries(images)) image.src = data[what][clip];
    showMap(parts, data.maps, clip);
    for (const image of root.querySelectorAll("[data-what]")) {
      image.alt = `${image.dataset.what} of ${data.names[clip]}`;
    }
  }

  function choose() {
    showClip();
    save({ clip: parts.clip.value, scale: parts.scale.value });
  }

  parts.clip.addEventListener("change", player.stop);
  parts.clip.addEventListener("change", choose);
  parts.scale.addEventListener("change", choose);
  parts.play.addEventListener("click", () => player.toggle(parts.clip.value));
  onSeek(root, (moment) => player.seek(parts.clip.value, moment));
  showClip();
  const save = keepState(root, (state) => {
    parts.clip.value = optionIn(state, "clip", parts.clip);
    parts.scale.value = optionIn(state, "scale", parts.scale);
    player.stop();
    showClip();
  });
});
