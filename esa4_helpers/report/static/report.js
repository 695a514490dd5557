/* Reads out the timeline, by keyboard or by pointer. Without it, all else is there. */

const reader = document.querySelector('[data-part="reader"]');

if (reader) {
  const readings = JSON.parse(document.getElementById("readings").textContent);
  const slider = reader.querySelector("input");
  const reading = reader.querySelector("output");
  const cursor = document.querySelector('[data-part="cursor"]');
  const picture = cursor.parentElement;

  function read() {
    const { x, text } = readings[slider.value];
    reading.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    cursor.style.left = `${x}%`;
    cursor.hidden = false;
  }

  slider.addEventListener("input", read);
  picture.addEventListener("pointermove", ({ clientX }) => {
    const { left, width } = picture.getBoundingClientRect();
    slider.value = Math.floor(((clientX - left) / width) * readings.length);
    read();
  });
  reader.hidden = false;
}
