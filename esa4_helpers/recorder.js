// Record one channel of sound for some seconds, as it comes: a MediaRecorder would
// compress it, and what a browser does for speech would change how a machine sounds.
async (seconds) => {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { autoGainControl: false, echoCancellation: false, noiseSuppression: false },
    });
    const context = new AudioContext();
    await context.resume();
    const source = context.createMediaStreamSource(stream);
    const tap = context.createScriptProcessor(4096, 1, 1);
    const wanted = Math.round(seconds * context.sampleRate);
    const samples = new Int16Array(wanted);
    let n = 0;
    await new Promise((resolve) => {
      tap.onaudioprocess = (event) => {
        for (const sample of event.inputBuffer.getChannelData(0).subarray(0, wanted - n)) {
          samples[n++] = Math.max(-32768, Math.min(32767, Math.round(32768 * sample)));
        }
        if (n === wanted) resolve();
      };
      source.connect(tap);
      tap.connect(context.destination);
    });
    tap.onaudioprocess = null;
    stream.getTracks().forEach((track) => track.stop());
    const rate = context.sampleRate;
    await context.close();
    const bytes = new Uint8Array(samples.buffer);
    const pieces = [];
    for (let i = 0; i < bytes.length; i += 32768) {
      pieces.push(String.fromCharCode(...bytes.subarray(i, i + 32768)));
    }
    return { rate, samples: btoa(pieces.join("")) };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}
