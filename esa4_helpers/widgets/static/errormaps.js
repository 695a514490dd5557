/* Error maps: three pictures of the chosen clip, with its sound. */

start("errormaps", ({ root, data, parts }) => {
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
});
