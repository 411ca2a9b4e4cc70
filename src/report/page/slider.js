// A moment of a trajectory: its spectrum and singular vectors, moved through time.

function axis(label, options = {}) {
  return { label, log: false, least: null, most: null, names: [], ...options };
}

function blank(id, title, description, x, y, series) {
  return {
    id,
    title,
    description,
    x,
    y,
    series,
    keys: [],
    levels: [],
    marks: [],
    phases: [],
    map: null,
    notes: [],
    time: false,
  };
}

function curve(label, xs, ys, options) {
  return {
    label,
    key: label,
    trajectory: null,
    xs,
    ys,
    bases: null,
    stroke: "dots",
    colour: 0,
    dashes: 0,
    marker: 0,
    ...options,
  };
}

function counting(length) {
  return Float64Array.from({ length }, (_, i) => i + 1);
}

class Moment {
  constructor(root) {
    this.root = root;
    this.frames = data.spectra.filter((one) => numbers(one.t).length > 0);
    this.vectors = new Map(data.vectors.map((one) => [one.trajectory, one]));
    const options = () =>
      this.frames.map((one, index) => element("option", { value: index }, data.trajectories[one.trajectory]));
    this.select = element(
      "select",
      { id: "moment-trajectory", change: () => this.choose(Number(this.select.value)) },
      options(),
    );
    this.other = element(
      "select",
      { id: "moment-other", change: () => this.draw() },
      element("option", { value: -1 }, "nothing"),
      options(),
    );
    this.slider = element("input", {
      type: "range",
      id: "moment-time",
      min: 0,
      step: 1,
      value: 0,
      "aria-label": "time",
      input: () => this.draw(),
    });
    this.time = element("output", { for: "moment-time" });
    this.play = button("play", "move through time", () => this.toggle());
    this.mode = element("select", { id: "moment-mode", change: () => this.draw() });
    this.modes = element("label", { for: "moment-mode" }, "vector ", this.mode);
    root.append(
      element(
        "div",
        { class: "moment-controls" },
        element("label", { for: "moment-trajectory" }, "trajectory ", this.select),
        element("label", { for: "moment-other" }, "beside ", this.other),
        this.modes,
        element("div", { class: "moment-slider" }, this.play, this.slider, this.time),
      ),
    );
    this.choose(0);
  }

  choose(index) {
    this.stop();
    const frame = this.frames[index];
    const at = this.t === undefined ? null : this.t;
    this.frame = frame;
    this.t = numbers(frame.t);
    this.slider.max = this.t.length - 1;
    this.slider.value = at ? nearest(this.t, at[clamp(this.sample, 0, at.length - 1)]) : this.t.length - 1;
    if (at === null) {
      const other = this.frames.findIndex((one, k) => k !== index && one.trajectory !== frame.trajectory);
      this.other.value = other;
    }
    const kept = this.vectors.get(frame.trajectory);
    this.mode.replaceChildren(
      ...(kept ? [...counting(kept.count)].map((i) => element("option", { value: i - 1 }, String(i))) : []),
    );
    this.draw();
  }

  toggle() {
    if (this.timer) return this.stop();
    if (Number(this.slider.value) >= this.t.length - 1) this.slider.value = 0;
    const stride = Math.max(1, Math.round(this.t.length / 240));
    this.timer = setInterval(() => {
      this.slider.value = Number(this.slider.value) + stride;
      this.draw();
      if (Number(this.slider.value) >= this.t.length - 1) this.stop();
    }, 50);
    this.play.textContent = "pause";
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "play";
  }

  draw() {
    this.sample = Number(this.slider.value);
    const t = this.t[this.sample];
    this.time.textContent = `t = ${format(t, 4)}`;
    this.time.dataset.trajectory = data.trajectories[this.frame.trajectory];
    this.slider.setAttribute("aria-valuetext", `time ${format(t, 4)}`);
    for (const plot of plots) plot.setNow(t);
    this.put("spectrum", this.spectrum(t), 0.3);
    const kept = this.vectors.get(this.frame.trajectory);
    this.modes.hidden = !kept;
    if (kept) this.drawVectors(kept, t);
    else for (const name of ["left", "right"]) this.drop(name);
  }

  /** Draws a figure into the plot of that name, which is made when it is first needed. */
  put(name, figure, ratio) {
    this.plots = this.plots || {};
    if (this.plots[name]) {
      this.cards[name].hidden = false;
      this.plots[name].show(figure);
      return;
    }
    const plot = new Plot(figure, { label: plain(figure.title), ratio });
    const root = element(
      "figure",
      { class: name === "spectrum" ? "card wide" : "card", id: `moment-${name}` },
      element("figcaption", null, element("h3", null, rich(figure.title))),
      element("div", { class: "drawing" }),
    );
    root.querySelector(".drawing").append(switches(plot, root), plot.root, legend(plot));
    (this.box = this.box || this.root.appendChild(element("div", { class: "cards" }))).append(root);
    this.plots[name] = plot;
    (this.cards = this.cards || {})[name] = root;
    attend(plot);
  }

  drop(name) {
    if (this.cards && this.cards[name]) this.cards[name].hidden = true;
  }

  /** The values of a trajectory at the sample nearest to a time. */
  valuesAt(frame, t) {
    const sample = nearest(numbers(frame.t), t);
    return numbers(frame.values).subarray(sample * frame.count, (sample + 1) * frame.count);
  }

  spectrum(t) {
    const { frame } = this;
    const series = [];
    const other = this.frames[Number(this.other.value)];
    if (other && other !== frame)
      series.push(
        curve(data.trajectories[other.trajectory], counting(other.count), this.valuesAt(other, t), {
          key: "beside",
          marker: 1,
          colour: 1,
          hollow: true,
          radius: 4,
        }),
      );
    series.push(
      curve(data.trajectories[frame.trajectory], counting(frame.count), this.valuesAt(frame, t), { key: "σ_{i}(FGᵀ)" }),
    );
    if (data.target)
      series.push(
        curve("target", counting(data.target.length), Float64Array.from(data.target), {
          key: "σ_{i}(Y)",
          colour: 6,
          hollow: true,
          radius: 6.5,
        }),
      );
    const [bottom, top] = this.extent(frame);
    const kept = frame.count < frame.total ? `, the first ${frame.count} of ${frame.total}` : "";
    return blank(
      "moment-spectrum",
      "Singular values of FGᵀ at this time",
      `Of ${data.trajectories[frame.trajectory]}${kept}, beside those of the target.`,
      axis(`index i${kept}`, { range: [1, frame.count] }),
      axis("σ_{i}", { log: true, range: [bottom, top] }),
      series,
    );
  }

  /** The least and the largest singular value of all times, of nine decades at most. */
  extent(frame) {
    if (frame.extent === undefined) {
      let [least, most] = [Infinity, data.target ? data.target[0] : 0];
      for (const value of numbers(frame.values)) {
        if (value > most) most = value;
        if (value > 0 && value < least) least = value;
      }
      frame.extent = [clamp(least, most * 1e-9, most), most];
    }
    return frame.extent;
  }

  drawVectors(kept, t) {
    const mode = Number(this.mode.value);
    const sample = nearest(numbers(kept.t), t);
    for (const [side, letter] of [
      ["left", "u"],
      ["right", "v"],
    ]) {
      const size = kept[side].size;
      const from = (sample * kept.count + mode) * size;
      const vector = numbers(kept[side].values).subarray(from, from + size);
      const series = [];
      const target =
        data.space && mode < data.space.rank
          ? numbers(data.space[side]).subarray(mode * size, (mode + 1) * size)
          : null;
      if (target)
        series.push(curve("target's", counting(size), target, { stroke: "line", colour: 6, dashes: 1, marker: null }));
      series.push(
        curve(`${letter}_{i}`, counting(size), vector, {
          stroke: "line",
          colour: side === "left" ? 0 : 2,
          marker: null,
        }),
      );
      const most = this.largest(kept, side);
      const part = data.space ? `; part in the target's space ${format(this.part(vector, side, size), 4)}` : "";
      const title = `${side === "left" ? "Left" : "Right"} singular vector`;
      const y = axis(`entries of ${letter}_{${mode + 1}}${part}`, { range: [-most, most] });
      this.put(
        side,
        blank(
          `moment-${side}`,
          title,
          `Number ${mode + 1} of FGᵀ at t = ${format(numbers(kept.t)[sample], 4)}${part}.`,
          axis(side === "left" ? "row" : "column"),
          y,
          series,
        ),
        0.5,
      );
    }
  }

  largest(kept, side) {
    const one = kept[side];
    if (one.most === undefined)
      one.most = numbers(one.values).reduce((most, value) => Math.max(most, Math.abs(value) || 0), 1e-3);
    return one.most;
  }

  /** ‖Uᵀu‖ for the target's singular vectors U. */
  part(vector, side, size) {
    const space = numbers(data.space[side]);
    let sum = 0;
    for (let j = 0; j < data.space.rank; j++) {
      let product = 0;
      for (let i = 0; i < size; i++) product += space[j * size + i] * vector[i];
      sum += product * product;
    }
    return Math.sqrt(sum);
  }
}
