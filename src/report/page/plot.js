// One figure, drawn: axes, curves, what is under the pointer.

class Plot {
  /** `figure` as in the page's data; `height` of the drawing over its width. */
  constructor(figure, { ratio = 0.56, label = "" } = {}) {
    this.ratio = ratio;
    this.hiddenKeys = new Set();
    this.hiddenDashes = new Set();
    this.now = null;
    this.drawn = false;
    this.tip = element("div", { class: "tip", hidden: true });
    this.status = element("p", { class: "unseen", "aria-live": "polite" });
    this.surface = element("div", {
      class: "surface",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "interactive figure",
      "aria-label": `${label}. Left and right arrow keys read values, up and down choose the curve, plus and minus zoom, shift with arrows moves, 0 shows all.`,
    });
    this.root = element("div", { class: "plot" }, this.surface, this.tip, this.status);
    this.show(figure);
    listen(this);
  }

  /** Shows another figure in its place; the zoom is kept. */
  show(figure) {
    if (this.figure === undefined) this.log = { x: figure.x.log, y: figure.y.log };
    this.figure = figure;
    for (const series of figure.series) {
      series.xs = series.xs || numbers(series.x);
      series.ys = series.ys || numbers(series.y);
      series.bases = series.bases || numbers(series.base);
    }
    if (this.drawn) this.draw();
  }

  isVisible(series) {
    const shown = series.trajectory === null || !selection.hidden.has(series.trajectory);
    return shown && !this.hiddenKeys.has(series.key || series.label) && !this.hiddenDashes.has(series.dashes);
  }

  visible() {
    return this.figure.series.filter((series) => this.isVisible(series));
  }

  /** Whether values of an axis can be shown logarithmically. */
  canLog(axis) {
    const { figure } = this;
    if (figure[axis].names.length || figure.map) return false;
    return figure.series.some((series) => (axis === "x" ? series.xs : series.ys).some((value) => value > 0));
  }

  setLog(axis, log) {
    this.log[axis] = log;
    this.view = null;
    this.draw();
  }

  reset() {
    this.view = null;
    this.draw();
  }

  /** Zooms to a part of what is shown, in parts of its width and height. */
  zoom(x0, x1, y0, y1) {
    this.view = { x: this.scales.x.part(x0, x1), y: this.scales.y.part(y0, y1) };
    this.draw();
  }

  fullScales() {
    const { figure } = this;
    if (figure.map) {
      const { x, y } = figure.map;
      return {
        x: Scale.around([x[0], x[x.length - 1]], this.log.x, 0),
        y: Scale.around([y[0], y[y.length - 1]], this.log.y, 0),
      };
    }
    const [xs, ys] = [[], []];
    const shown = this.visible();
    for (const series of shown.length ? shown : figure.series) {
      for (let i = 0; i < series.xs.length; i++) {
        if (!Number.isFinite(series.ys[i]) || !Number.isFinite(series.xs[i])) continue;
        xs.push(series.xs[i]);
        ys.push(series.ys[i]);
        if (series.bases) ys.push(series.bases[i]);
      }
    }
    for (const level of figure.levels) ys.push(level.y);
    const dotted = figure.x.names.length || figure.series.some((series) => series.stroke === "dots");
    // A fixed range does not follow the data: what moves is seen to move.
    const around = (axis, values, room) =>
      Scale.around(figure[axis].range || values, this.log[axis], room, figure[axis]);
    return { x: around("x", xs, dotted ? 0.05 : 0), y: around("y", ys, 0.04) };
  }

  draw() {
    this.drawn = true;
    this.width = Math.max(260, this.surface.clientWidth || 600);
    this.height = Math.round(clamp(this.width * this.ratio, 220, 430));
    this.scales = this.view || this.fullScales();
    const yTicks = this.scales.y.ticks(this.height < 260 ? 4 : 6);
    const names = this.figure.y.names;
    const longest = (names.length ? names : yTicks.major).reduce((most, [, text]) => Math.max(most, text.length), 1);
    const colours = this.figure.map ? 74 : 0;
    this.box = {
      left: Math.round(clamp(14 + 7.2 * longest, 34, 120)),
      top: this.figure.phases.length ? 42 : 28,
      right: this.width - 12 - colours,
      bottom: this.height - 42,
    };
    const { box, scales } = this;
    this.toX = (x) => box.left + scales.x.place(x) * (box.right - box.left);
    this.toY = (y) => box.bottom - scales.y.place(y) * (box.bottom - box.top);
    const clip = `clip-${(Plot.count = (Plot.count || 0) + 1)}`;
    this.cursor = shape("g", { class: "cursor" });
    const svg = shape(
      "svg",
      {
        viewBox: `0 0 ${this.width} ${this.height}`,
        role: "img",
        "aria-label": plain(this.figure.description || this.figure.title),
      },
      shape(
        "clipPath",
        { id: clip },
        shape("rect", { x: box.left, y: box.top - 1, width: box.right - box.left, height: box.bottom - box.top + 2 }),
      ),
      this.axes(yTicks),
      this.phases(),
      shape(
        "g",
        { "clip-path": `url(#${clip})` },
        this.figure.map ? this.map() : [],
        this.lines(),
        this.curves(),
        this.cursor,
      ),
      this.figure.map ? this.bar() : [],
    );
    this.surface.replaceChildren(svg);
    this.markNow();
    this.root.dispatchEvent(new CustomEvent("drawn"));
  }

  axes(yTicks) {
    const { box, figure } = this;
    const group = shape("g", { class: "axes" });
    const named = (axis, ticks) => (figure[axis].names.length ? { major: figure[axis].names, minor: [] } : ticks);
    const x = named("x", this.scales.x.ticks(Math.round(clamp((box.right - box.left) / 75, 3, 10))));
    const y = named("y", yTicks);
    const inX = (value) => value >= box.left - 0.5 && value <= box.right + 0.5;
    const inY = (value) => value >= box.top - 0.5 && value <= box.bottom + 0.5;
    let last = -Infinity;
    for (const [value, text] of x.major) {
      const at = this.toX(value);
      if (!inX(at)) continue;
      group.append(shape("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }));
      const half = 3.6 * text.length;
      if (at - half < last + 6) continue;
      last = at + half;
      group.append(
        shape("text", { x: clamp(at, half, this.width - half), y: box.bottom + 16, "text-anchor": "middle" }, text),
      );
    }
    for (const [value, text] of y.major) {
      const at = this.toY(value);
      if (!inY(at)) continue;
      group.append(shape("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
      group.append(shape("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, text));
    }
    for (const value of x.minor)
      group.append(
        shape("line", { class: "minor", x1: this.toX(value), x2: this.toX(value), y1: box.bottom, y2: box.bottom + 3 }),
      );
    for (const value of y.minor)
      group.append(
        shape("line", { class: "minor", x1: box.left - 3, x2: box.left, y1: this.toY(value), y2: this.toY(value) }),
      );
    group.append(
      shape("path", { class: "frame", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }),
      shape("text", { class: "name", x: 4, y: 14 }, richSvg(figure.y.label)),
      shape("text", { class: "name", x: box.right, y: this.height - 6, "text-anchor": "end" }, richSvg(figure.x.label)),
    );
    return group;
  }

  /** Shaded intervals, their names above the frame. */
  phases() {
    const { box, figure } = this;
    const group = shape("g", { class: "phases" });
    const edge = (value) => clamp(Number.isFinite(this.toX(value)) ? this.toX(value) : box.left, box.left, box.right);
    figure.phases.forEach((phase, number) => {
      const [from, to] = [edge(phase.from), edge(phase.to)];
      if (to - from < 0.5) return;
      group.append(
        shape("rect", {
          class: `phase p${number % 3}`,
          x: from,
          width: to - from,
          y: box.top,
          height: box.bottom - box.top,
        }),
      );
      if (to - from > 6.4 * plain(phase.label).length)
        group.append(
          shape(
            "text",
            { class: "phase-name", x: (from + to) / 2, y: box.top - 5, "text-anchor": "middle" },
            richSvg(phase.label),
          ),
        );
    });
    return group;
  }

  /** Levels and marks. */
  lines() {
    const { box, figure } = this;
    const group = shape("g", { class: "lines" });
    const dash = (number) => DASHES[number % DASHES.length] || null;
    for (const level of figure.levels) {
      const y = this.toY(level.y);
      if (Number.isFinite(y))
        group.append(
          shape("line", {
            class: "level",
            x1: box.left,
            x2: box.right,
            y1: y,
            y2: y,
            "stroke-dasharray": dash(level.dashes),
          }),
        );
    }
    for (const mark of figure.marks) {
      const x = this.toX(mark.x);
      if (Number.isFinite(x))
        group.append(
          shape("line", {
            class: "mark",
            x1: x,
            x2: x,
            y1: box.top,
            y2: box.bottom,
            "stroke-dasharray": dash(mark.dashes),
          }),
        );
    }
    return group;
  }

  curves() {
    const { box, toX, toY } = this;
    const group = shape("g", { class: "curves" });
    const order = { band: 0, area: 0, guide: 1, line: 2, dots: 3, emphasis: 4 };
    const shown = this.visible().map((series) => [series, this.figure.series.indexOf(series)]);
    shown.sort(([a, i], [b, j]) => order[a.stroke] - order[b.stroke] || i - j);
    const crowded = shown.length > 16;
    for (const [series, index] of shown) {
      const { xs, ys, bases } = series;
      const part = shape("g", { "data-series": index });
      if (bases)
        part.append(
          shape("path", {
            class: `fill ${series.stroke} c${series.colour % 7}`,
            d: areaPath(xs, ys, bases, toX, toY, box.bottom),
          }),
        );
      if (series.stroke !== "dots" && series.stroke !== "band")
        part.append(shape("path", { ...look(series), d: linePath(xs, ys, toX, toY) }));
      if (series.stroke === "dots" || (series.marker !== null && !crowded)) {
        const spacing = series.stroke === "dots" || xs.length < 8 ? 0 : 110;
        part.append(
          shape("path", {
            class: `marker c${series.colour % 7} ${series.hollow ? "hollow" : ""}`,
            d: markersPath(series.marker || 0, xs, ys, toX, toY, this.width, spacing, index, series.radius),
          }),
        );
      }
      group.append(part);
    }
    return group;
  }

  /** Colours of a map: from a value to a part of its range. */
  shades() {
    const { map } = this.figure;
    const scale = Scale.around(
      map.values.flat().filter((value) => value !== null),
      this.log.map ?? map.log,
      0,
    );
    return scale;
  }

  map() {
    const { map } = this.figure;
    const scale = this.shades();
    const group = shape("g", { class: "map" });
    map.values.forEach((row, j) =>
      row.forEach((value, i) => {
        const place = value === null ? NaN : scale.place(value);
        const [x0, x1, y0, y1] = [
          this.toX(map.x[i]),
          this.toX(map.x[i + 1]),
          this.toY(map.y[j + 1]),
          this.toY(map.y[j]),
        ];
        // A hair wider, lest the ground shine through between two cells.
        group.append(
          shape("rect", {
            x: x0,
            y: y0,
            width: Math.max(0, x1 - x0 + 0.4),
            height: Math.max(0, y1 - y0 + 0.4),
            class: Number.isFinite(place) ? null : "void",
            fill: Number.isFinite(place) ? shade(place) : null,
          }),
        );
      }),
    );
    for (const contour of map.contours) {
      const d = contour.lines
        .map((line) =>
          linePath(
            line.map((p) => p[0]),
            line.map((p) => p[1]),
            this.toX,
            this.toY,
          ),
        )
        .join("");
      const dashes = DASHES[contour.dashes % DASHES.length] || null;
      group.append(
        shape("path", { class: "contour under", d }),
        shape("path", { class: "contour", d, "stroke-dasharray": dashes }),
      );
    }
    return group;
  }

  /** The colours' scale, to the right of a map. */
  bar() {
    const { box } = this;
    const scale = this.shades();
    const group = shape("g", { class: "axes" });
    const [x, height] = [box.right + 14, box.bottom - box.top];
    for (let k = 0; k < 48; k++)
      group.append(
        shape("rect", {
          x,
          y: box.bottom - (height * (k + 1)) / 48,
          width: 12,
          height: height / 48 + 0.5,
          fill: shade((k + 0.5) / 48),
        }),
      );
    for (const [value, text] of scale.ticks(5).major)
      group.append(shape("text", { x: x + 17, y: box.bottom - scale.place(value) * height + 4 }, text));
    group.append(
      shape("text", { class: "name", x: this.width - 4, y: 14, "text-anchor": "end" }, richSvg(this.figure.map.label)),
    );
    return group;
  }

  /** Marks the slider's time. */
  setNow(t) {
    this.now = t;
    if (this.drawn) this.markNow();
  }

  markNow() {
    this.surface.querySelector(".now")?.remove();
    const x = this.now === null || !this.figure.time ? NaN : this.toX(this.now);
    if (Number.isFinite(x))
      this.cursor.parentNode.append(
        shape("line", { class: "now", x1: x, x2: x, y1: this.box.top, y2: this.box.bottom }),
      );
  }
}
