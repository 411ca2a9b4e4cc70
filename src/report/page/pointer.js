// What pointer and keys do to a plot: values, zoom, moving.

/** Most rows of the box with values. */
const ROWS = 10;

function listen(plot) {
  const { surface } = plot;
  let drag = null;
  const at = (event) => {
    const { left, top, width } = surface.getBoundingClientRect();
    const zoom = plot.width / width;
    return [(event.clientX - left) * zoom, (event.clientY - top) * zoom];
  };
  surface.addEventListener("pointerdown", (event) => {
    if (!plot.drawn || event.button !== 0) return;
    drag = { from: at(event), id: event.pointerId };
  });
  surface.addEventListener("pointermove", (event) => {
    if (!plot.drawn) return;
    const point = at(event);
    if (!drag) return read(plot, point);
    if (event.pointerType !== "touch" || Math.abs(point[0] - drag.from[0]) > 8) surface.setPointerCapture(drag.id);
    frame(plot, drag.from, point);
  });
  surface.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const [from, to] = [drag.from, at(event)];
    drag = null;
    forget(plot);
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < 6) read(plot, to);
    else zoomTo(plot, from, to);
  });
  surface.addEventListener("pointercancel", () => {
    drag = null;
    forget(plot);
  });
  surface.addEventListener("pointerleave", () => drag || forget(plot));
  surface.addEventListener("dblclick", () => plot.reset());
  surface.addEventListener("blur", () => forget(plot));
  surface.addEventListener("keydown", (event) => keys(plot, event));
}

function forget(plot) {
  plot.tip.hidden = true;
  plot.cursor?.replaceChildren();
}

/** The rectangle that a drag zooms to; one that is nearly flat takes the whole other axis. */
function rectangle({ box }, [x0, y0], [x1, y1]) {
  const [wide, high] = [Math.abs(x1 - x0) >= 12, Math.abs(y1 - y0) >= 12];
  const sorted = (a, b, low, high) => [clamp(Math.min(a, b), low, high), clamp(Math.max(a, b), low, high)];
  const x = wide || !high ? sorted(x0, x1, box.left, box.right) : [box.left, box.right];
  const y = high ? sorted(y0, y1, box.top, box.bottom) : [box.top, box.bottom];
  return { x, y };
}

function frame(plot, from, to) {
  const { x, y } = rectangle(plot, from, to);
  plot.tip.hidden = true;
  plot.cursor.replaceChildren(
    shape("rect", { class: "selection", x: x[0], y: y[0], width: x[1] - x[0], height: y[1] - y[0] }),
  );
}

function zoomTo(plot, from, to) {
  const { box } = plot;
  const { x, y } = rectangle(plot, from, to);
  if (x[1] - x[0] < 3 || y[1] - y[0] < 3) return;
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  plot.zoom(
    (x[0] - box.left) / width,
    (x[1] - box.left) / width,
    (box.bottom - y[1]) / height,
    (box.bottom - y[0]) / height,
  );
}

/** The point of each visible series that is nearest to a place, nearest series first. */
function found(plot, [px, py]) {
  const { box, scales } = plot;
  const x = scales.x.value((px - box.left) / (box.right - box.left));
  const rows = [];
  for (const series of plot.visible()) {
    if (series.stroke === "guide" || !series.xs.length) continue;
    let index = -1;
    if (ascending(series)) index = nearest(series.xs, x);
    else {
      let least = Infinity;
      for (let i = 0; i < series.xs.length; i++) {
        const distance = Math.hypot(plot.toX(series.xs[i]) - px, plot.toY(series.ys[i]) - py);
        if (distance < least) [least, index] = [distance, i];
      }
    }
    if (index < 0) continue;
    // Where a curve has ended long before, or not begun, it has no value.
    const outside = x < series.xs[0] || x > series.xs[series.xs.length - 1];
    if (ascending(series) && outside && Math.abs(plot.toX(series.xs[index]) - px) > 24) continue;
    const [at, value] = [series.xs[index], series.ys[index]];
    const distance = Math.abs(plot.toY(value) - py);
    rows.push({ series, index, x: at, y: value, distance: Number.isFinite(distance) ? distance : 1e9 });
  }
  return rows.sort((a, b) => a.distance - b.distance);
}

function ascending(series) {
  if (series.ascending === undefined) series.ascending = series.xs.every((x, i) => i === 0 || x >= series.xs[i - 1]);
  return series.ascending;
}

function swatch(series) {
  const marked = series.marker !== null || series.stroke === "dots";
  const svg = shape("svg", { class: "swatch", viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" });
  if (series.stroke === "area" || series.stroke === "band")
    svg.append(
      shape("rect", { class: `fill ${series.stroke} c${series.colour % 7}`, x: 1, y: 1, width: 28, height: 10 }),
    );
  if (series.stroke !== "dots" && series.stroke !== "band")
    svg.append(shape("path", { ...look(series), d: "M0 6H30" }));
  if (marked)
    svg.append(
      shape("path", {
        class: `marker c${series.colour % 7} ${series.hollow ? "hollow" : ""}`,
        d: markerPath(series.marker || 0, 15, 6, 3.2),
      }),
    );
  return svg;
}

/** Shows the values at a place. */
function read(plot, point) {
  const { box } = plot;
  if (point[0] < box.left - 4 || point[0] > box.right + 4 || point[1] < 0 || point[1] > box.bottom + 20)
    return forget(plot);
  if (plot.figure.map) return readMap(plot, point);
  const rows = found(plot, point);
  if (!rows.length) return forget(plot);
  const first = rows[0];
  const x = plot.toX(first.x);
  const dots = rows.filter((row) => Number.isFinite(plot.toY(row.y)) && Number.isFinite(plot.toX(row.x)));
  plot.cursor.replaceChildren(
    shape("line", { class: "hair", x1: x, x2: x, y1: box.top, y2: box.bottom }),
    ...dots.map((row) =>
      shape("circle", {
        class: `dot c${row.series.colour % 7}`,
        cx: plot.toX(row.x),
        cy: plot.toY(row.y),
        r: row === first ? 4.5 : 3,
      }),
    ),
  );
  const name = plot.figure.x.names.find(([value]) => value === first.x)?.[1] ?? format(first.x);
  const row = (entry) =>
    element(
      "tr",
      null,
      element("td", null, swatch(entry.series)),
      element("th", { scope: "row" }, rich(entry.series.label)),
      element("td", { class: "number" }, format(entry.y)),
    );
  const more = rows.length > ROWS ? [element("p", null, `and ${rows.length - ROWS} more`)] : [];
  plot.tip.replaceChildren(
    element("p", null, rich(plot.figure.x.label), ` = ${name}`),
    element("table", null, element("tbody", null, rows.slice(0, ROWS).map(row))),
    ...more,
  );
  place(plot, x);
  return first;
}

function readMap(plot, point) {
  const {
    box,
    scales,
    figure: { map, x: axisX, y: axisY },
  } = plot;
  const x = scales.x.value((point[0] - box.left) / (box.right - box.left));
  const y = scales.y.value((box.bottom - point[1]) / (box.bottom - box.top));
  const i = map.x.findIndex((edge, k) => edge <= x && x < map.x[k + 1]);
  const j = map.y.findIndex((edge, k) => edge <= y && y < map.y[k + 1]);
  if (i < 0 || j < 0) return forget(plot);
  const [x0, x1, y0, y1] = [plot.toX(map.x[i]), plot.toX(map.x[i + 1]), plot.toY(map.y[j + 1]), plot.toY(map.y[j])];
  plot.cursor.replaceChildren(shape("rect", { class: "cell", x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
  const name = (axis, value, edges, k) =>
    axis.names.find(([at]) => edges[k] < at && at < edges[k + 1])?.[1] ?? format(value, 4);
  const value = map.values[j][i];
  plot.tip.replaceChildren(
    element("p", null, rich(axisX.label), ` = ${name(axisX, x, map.x, i)}`),
    element("p", null, rich(axisY.label), ` = ${name(axisY, y, map.y, j)}`),
    element("p", null, element("strong", null, rich(map.label), ` = ${value === null ? "–" : format(value)}`)),
  );
  place(plot, (x0 + x1) / 2);
}

function place(plot, x) {
  const { tip, surface, width } = plot;
  tip.hidden = false;
  const zoom = surface.clientWidth / width;
  const room = surface.clientWidth - tip.offsetWidth;
  const right = x * zoom + 14;
  tip.style.left = `${clamp(right <= room ? right : x * zoom - tip.offsetWidth - 14, 0, Math.max(0, room))}px`;
  tip.style.top = "32px";
}

function keys(plot, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const move = moves[event.key];
  if (move && event.shiftKey) plot.zoom(0.2 * move[0], 1 + 0.2 * move[0], 0.2 * move[1], 1 + 0.2 * move[1]);
  else if (move) step(plot, move[0], -move[1]);
  else if (event.key === "PageUp" || event.key === "PageDown") step(plot, event.key === "PageUp" ? -10 : 10, 0);
  else if (event.key === "Home" || event.key === "End") step(plot, event.key === "Home" ? -1e9 : 1e9, 0);
  else if (event.key === "+" || event.key === "=") plot.zoom(0.2, 0.8, 0.2, 0.8);
  else if (event.key === "-") plot.zoom(-1 / 3, 4 / 3, -1 / 3, 4 / 3);
  else if (event.key === "0") plot.reset();
  else if (event.key === "Escape") forget(plot);
  else return;
  event.preventDefault();
}

/** Moves the reading by samples, or to another curve, and says what is there. */
function step(plot, samples, curves) {
  if (plot.figure.map) return cell(plot, samples, curves);
  const shown = plot.visible().filter((series) => series.stroke !== "guide" && series.xs.length);
  if (!shown.length) return;
  const reading = plot.reading || { curve: 0, sample: -1 };
  const curve = clamp(reading.curve + curves, 0, shown.length - 1);
  const series = shown[curve];
  let sample = clamp(reading.sample + samples, 0, series.xs.length - 1);
  if (curves && shown[reading.curve]?.xs.length)
    sample = nearest(
      series.xs,
      shown[clamp(reading.curve, 0, shown.length - 1)].xs[clamp(reading.sample, 0, shown[reading.curve].xs.length - 1)],
    );
  plot.reading = { curve, sample };
  const [x, y] = [series.xs[sample], series.ys[sample]];
  const [px, py] = [plot.toX(x), plot.toY(y)];
  if (Number.isFinite(px))
    read(plot, [
      clamp(px, plot.box.left, plot.box.right),
      Number.isFinite(py) ? clamp(py, plot.box.top, plot.box.bottom) : plot.box.bottom,
    ]);
  plot.status.textContent = `${plain(series.label)}: ${plain(plot.figure.x.label)} ${format(x)}, ${Number.isNaN(y) ? "undefined" : format(y)}`;
}

/** The same in a map, cell by cell. */
function cell(plot, across, down) {
  const { map } = plot.figure;
  const reading = plot.reading || { i: across > 0 ? -1 : 0, j: 0 };
  const i = clamp(reading.i + across, 0, map.x.length - 2);
  const j = clamp(reading.j - down, 0, map.y.length - 2);
  plot.reading = { i, j };
  readMap(plot, [(plot.toX(map.x[i]) + plot.toX(map.x[i + 1])) / 2, (plot.toY(map.y[j]) + plot.toY(map.y[j + 1])) / 2]);
  plot.status.textContent = [...plot.tip.querySelectorAll("p")].map((line) => line.textContent).join(", ");
}
