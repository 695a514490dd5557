/* The signal path, from samples to a log-mel spectrogram, in the numbers of Python's
   log_mel_spectrogram. Needs FFT, from vendor/fft.js. */

/** A periodic Hann window. */
function hannWindow(size) {
  return Float64Array.from(
    { length: size },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size),
  );
}

/** Cut frames out of a clip, with silence before and after. */
function cutFrames(samples, nFft, hopLength) {
  const margin = Math.floor(nFft / 2);
  const padded = new Float64Array(samples.length + 2 * margin);
  padded.set(samples, margin);
  const count = 1 + Math.floor((padded.length - nFft) / hopLength);
  return Array.from({ length: count }, (_, i) =>
    padded.subarray(i * hopLength, i * hopLength + nFft));
}

/** Returns a function from a frame to its power at each frequency. As many samples as a
 *  power of two. */
function makePowerSpectrum(nFft) {
  const fft = new FFT(nFft);
  const hann = hannWindow(nFft);
  const windowed = new Float64Array(nFft);
  const spectrum = new Float64Array(2 * nFft);
  return (frame) => {
    for (let i = 0; i < nFft; i++) windowed[i] = frame[i] * hann[i];
    fft.realTransform(spectrum, windowed);
    return Float64Array.from(
      { length: nFft / 2 + 1 },
      (_, i) => spectrum[2 * i] ** 2 + spectrum[2 * i + 1] ** 2,
    );
  };
}

/** Slaney's mel scale: 3 mel are 200 Hz up to 1 kHz, and 27 a factor of 6.4 above. */
function hzToMel(hz) {
  return hz < 1000 ? (3 * hz) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4);
}

function melToHz(mel) {
  return mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27);
}

/** The triangular filters of the mel bands from 0 Hz to half the sample rate, of equal
 *  area: for each, its first frequency and the weights from there on. */
function melFilters(sr, nFft, nMels) {
  const top = hzToMel(sr / 2);
  const edge = (i) => melToHz((top * i) / (nMels + 1));
  return Array.from({ length: nMels }, (_, band) => {
    const [low, middle, high] = [edge(band), edge(band + 1), edge(band + 2)];
    const first = Math.max(Math.ceil((low * nFft) / sr), 0);
    const last = Math.min(Math.floor((high * nFft) / sr), nFft / 2);
    const weights = Float64Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => {
      const hz = ((first + i) * sr) / nFft;
      const height = Math.min((hz - low) / (middle - low), (high - hz) / (high - middle));
      return (2 / (high - low)) * Math.max(height, 0);
    });
    return { first, weights };
  });
}

/** A power in dB: at least -100 dB, which stands for silence. */
function powerToDb(power) {
  return 10 * Math.log10(Math.max(1e-10, power));
}

/** The log-mel spectrogram of a clip in dB: for each band from low to high, one number
 *  a frame. */
function logMelSpectrogram(
  samples, sr, { nMels = 128, nFft = 2048, hopLength = 512 } = {},
) {
  const powerSpectrum = makePowerSpectrum(nFft);
  const filters = melFilters(sr, nFft, nMels);
  const powers = cutFrames(samples, nFft, hopLength).map(powerSpectrum);
  return filters.map(({ first, weights }) =>
    Float64Array.from(powers, (power) => {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * power[first + i];
      return powerToDb(sum);
    }));
}
