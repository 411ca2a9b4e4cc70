// Axes: from values to places and back, ticks.

/** Below this many decades from the largest value there is only rounding. */
const DECADES = 18;

class Scale {
  constructor(low, high, log) {
    Object.assign(this, { low, high, log });
  }

  /** The scale that shows the values; `least` and `most` limit it. */
  static around(values, log, room, { least = null, most = null } = {}) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (!Number.isFinite(value) || (log && !(value > 0))) continue;
      const x = log ? Math.log10(value) : value;
      if (x < low) low = x;
      if (x > high) high = x;
    }
    if (low > high) return log ? new Scale(-1, 0, true) : new Scale(0, 1, false);
    const limit = (x) => (log ? Math.log10(x) : x);
    const floor = least !== null && (!log || least > 0) ? limit(least) : null;
    const top = most !== null && (!log || most > 0) ? limit(most) : null;
    if (floor !== null) low = Math.max(low, Math.min(floor, high));
    if (top !== null) high = Math.min(high, Math.max(top, low));
    if (log) low = Math.max(low, high - DECADES);
    const flat = high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high));
    const margin = flat ? (log || high === 0 ? 0.5 : Math.max(0.5 * Math.abs(high), 1e-300)) : room * (high - low);
    return new Scale(low - margin, high + margin, log);
  }

  /** The transformed value; NaN where it has no place. */
  into(value) {
    return this.log ? (value > 0 ? Math.log10(value) : NaN) : value;
  }

  place(value) {
    return (this.into(value) - this.low) / (this.high - this.low);
  }

  value(place) {
    const x = this.low + place * (this.high - this.low);
    return this.log ? 10 ** x : x;
  }

  /** The part between two places. */
  part(from, to) {
    const width = this.high - this.low;
    const low = this.low + from * width;
    const high = this.low + to * width;
    // Deeper than doubles can tell apart there is nothing to see.
    return high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300) ? new Scale(low, high, this.log) : this;
  }

  ticks(count) {
    if (!this.log) return this.round(count);
    const inside = Math.floor(this.high) - Math.ceil(this.low) + 1;
    if (inside >= 2) return this.decades(count);
    return this.high - this.low > 0.25 ? this.parts() : this.round(count);
  }

  decades(count) {
    const stride = Math.max(1, Math.ceil((this.high - this.low) / count));
    const ticks = { major: [], minor: [] };
    for (let e = Math.floor(this.low); e <= this.high; e++) {
      if (e >= this.low) {
        if (((e % stride) + stride) % stride === 0) ticks.major.push([10 ** e, power(e)]);
        else ticks.minor.push(10 ** e);
      }
      if (stride > 1) continue;
      for (let k = 2; k < 10; k++) {
        const x = e + Math.log10(k);
        if (x >= this.low && x <= this.high) ticks.minor.push(10 ** x);
      }
    }
    return ticks;
  }

  parts() {
    const ticks = { major: [], minor: [] };
    for (let e = Math.floor(this.low); e <= this.high; e++) {
      for (let k = 1; k < 10; k++) {
        const x = e + Math.log10(k);
        if (x < this.low || x > this.high || x > 308) continue;
        const value = k * 10 ** e;
        if (k === 1 || k === 2 || k === 5) ticks.major.push([value, tick(value, 10 ** e)]);
        else ticks.minor.push(value);
      }
    }
    return ticks;
  }

  round(count) {
    const [low, high] = [this.value(0), this.value(1)];
    const raw = high / count - low / count;
    const magnitude = 10 ** Math.floor(Math.log10(raw));
    const stride = [1, 2, 5, 10].map((x) => x * magnitude).find((x) => x >= raw * 0.999) || raw;
    const ticks = { major: [], minor: [] };
    const first = Math.ceil(low / stride);
    for (let k = first; k < first + 20 && k * stride <= high + 1e-9 * stride; k++)
      ticks.major.push([k * stride, tick(k * stride, stride)]);
    return ticks;
  }
}

/** A tick's label, with as many digits as its neighbours differ in. */
function tick(value, stride) {
  if (value === 0) return "0";
  const e = Math.floor(Math.log10(Math.abs(value)) + 1e-12);
  if (e >= -3 && e < 5) return minus(value.toFixed(clamp(-Math.floor(Math.log10(stride) + 1e-12), 0, 8)));
  const digits = clamp(e - Math.floor(Math.log10(stride) + 1e-12), 0, 6);
  const mantissa = (value / 10 ** e).toFixed(digits);
  return mantissa === "1" ? power(e) : `${minus(mantissa)}·${power(e)}`;
}
