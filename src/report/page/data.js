// What the page was made from. Numbers are stored once, in base64, as 32-bit floats where these have seven digits of them, else as 64-bit ones.

const data = JSON.parse(document.getElementById("data").textContent);
const decoded = new Map();

/** Array number `index`, decoded when it is first asked for. An undefined value is NaN. */
function numbers(index) {
  if (index === null || index === undefined) return null;
  let values = decoded.get(index);
  if (!values) {
    const { wide, base64 } = data.arrays[index];
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    values = wide ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
    decoded.set(index, values);
  }
  return values;
}

/** Which trajectories are hidden, for all figures at once. */
const selection = {
  hidden: new Set(),
  watchers: [],
  set(trajectories, visible) {
    for (const trajectory of trajectories) {
      if (visible) this.hidden.delete(trajectory);
      else this.hidden.add(trajectory);
    }
    for (const watcher of this.watchers) watcher();
  },
};
