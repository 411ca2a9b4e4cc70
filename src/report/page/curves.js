// From points to SVG paths.

/** How far, in pixels, a drawn line may be from the points that it leaves out. */
const TOLERANCE = 0.25;

/** Runs of consecutive points that have a place: arrays x0, y0, x1, y1, … in pixels. */
function runs(xs, ys, toX, toY) {
  const found = [];
  let run = [];
  for (let i = 0; i < xs.length; i++) {
    const x = toX(xs[i]);
    const y = toY(ys[i]);
    if (Number.isFinite(x) && Number.isFinite(y)) run.push(clamp(x, -1e5, 1e5), clamp(y, -1e5, 1e5));
    else if (run.length) {
      found.push(run);
      run = [];
    }
  }
  if (run.length) found.push(run);
  return found;
}

/** The run without points that lie within the tolerance of the line through their neighbours. */
function thin(run) {
  const count = run.length / 2;
  if (count < 3) return run;
  const kept = [run[0], run[1]];
  let [ax, ay, low, high] = [run[0], run[1], -Infinity, Infinity];
  for (let i = 1; i < count; i++) {
    const [x, y] = [run[2 * i], run[2 * i + 1]];
    const dx = x - ax;
    const slope = (y - ay) / dx;
    if (dx > 1e-6 && slope >= low && slope <= high) {
      low = Math.max(low, (y - TOLERANCE - ay) / dx);
      high = Math.min(high, (y + TOLERANCE - ay) / dx);
      continue;
    }
    if (i > 1 || !(dx > 1e-6)) {
      const [px, py] = [run[2 * i - 2], run[2 * i - 1]];
      if (px !== kept[kept.length - 2] || py !== kept[kept.length - 1]) kept.push(px, py);
      [ax, ay] = [px, py];
    }
    const step = x - ax;
    [low, high] = step > 1e-6 ? [(y - TOLERANCE - ay) / step, (y + TOLERANCE - ay) / step] : [Infinity, -Infinity];
  }
  kept.push(run[2 * count - 2], run[2 * count - 1]);
  return kept;
}

function pathOf(points, start = "M") {
  let path = "";
  for (let i = 0; i < points.length; i += 2)
    path += `${i ? "L" : start}${points[i].toFixed(1)} ${points[i + 1].toFixed(1)}`;
  return path;
}

/** A line's path; a point alone becomes a dot. */
function linePath(xs, ys, toX, toY) {
  return runs(xs, ys, toX, toY)
    .map((run) => (run.length === 2 ? `${pathOf(run)}h0.1` : pathOf(thin(run))))
    .join("");
}

/** The path about the area between `base` and the points. */
function areaPath(xs, ys, base, toX, toY, bottom) {
  const floor = (value) => (Number.isFinite(toY(value)) ? toY(value) : bottom);
  let path = "";
  let [upper, lower] = [[], []];
  const close = () => {
    if (upper.length > 2) {
      const back = [];
      for (let i = lower.length - 2; i >= 0; i -= 2) back.push(lower[i], lower[i + 1]);
      path += `${pathOf(thin(upper))}${pathOf(back, "L")}Z`;
    }
    [upper, lower] = [[], []];
  };
  for (let i = 0; i < xs.length; i++) {
    const x = toX(xs[i]);
    if (!Number.isFinite(x) || !Number.isFinite(ys[i]) || !Number.isFinite(base[i])) {
      close();
      continue;
    }
    upper.push(x, clamp(floor(ys[i]), -1e5, 1e5));
    lower.push(x, clamp(floor(base[i]), -1e5, 1e5));
  }
  close();
  return path;
}

/** The outline of a marker about a point. */
function markerPath(number, x, y, r) {
  const corners = (points) =>
    `${points.map(([dx, dy], k) => `${k ? "L" : "M"}${(x + r * dx).toFixed(1)} ${(y + r * dy).toFixed(1)}`).join("")}Z`;
  switch (number % 6) {
    case 0:
      return `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
    case 1:
      return corners([
        [-0.9, -0.9],
        [0.9, -0.9],
        [0.9, 0.9],
        [-0.9, 0.9],
      ]);
    case 2:
      return corners([
        [0, -1.2],
        [1.1, 0.8],
        [-1.1, 0.8],
      ]);
    case 3:
      return corners([
        [0, -1.3],
        [1.3, 0],
        [0, 1.3],
        [-1.3, 0],
      ]);
    case 4:
      return corners([
        [0, 1.2],
        [1.1, -0.8],
        [-1.1, -0.8],
      ]);
    default:
      return corners([
        [-1.2, -0.4],
        [-0.4, -0.4],
        [-0.4, -1.2],
        [0.4, -1.2],
        [0.4, -0.4],
        [1.2, -0.4],
        [1.2, 0.4],
        [0.4, 0.4],
        [0.4, 1.2],
        [-0.4, 1.2],
        [-0.4, 0.4],
        [-1.2, 0.4],
      ]);
  }
}

/** Markers at every point, or, on lines, about `spacing` pixels apart and not all at the same places. */
function markersPath(number, xs, ys, toX, toY, width, spacing, offset, radius = 3.2) {
  let path = "";
  let next = spacing ? spacing * (0.3 + 0.17 * (offset % 5)) : -Infinity;
  for (let i = 0; i < xs.length; i++) {
    const x = toX(xs[i]);
    const y = toY(ys[i]);
    if (!Number.isFinite(x) || !Number.isFinite(y) || x < -5 || x > width + 5 || x < next) continue;
    path += markerPath(number, x, clamp(y, -1e5, 1e5), radius);
    if (spacing) next = x + spacing;
  }
  return path;
}

const DASHES = ["", "6 2.5", "1.5 2.2", "7 2.5 1.5 2.5", "11 3", "3.5 2"];

/** Classes and attributes of a series's line. */
function look(series) {
  return {
    class: `line ${series.stroke} c${series.colour % 7}`,
    "stroke-dasharray": DASHES[series.dashes % DASHES.length] || null,
  };
}

/** A pale to dark scale, monotone in lightness (cividis, at nine points). */
const SHADES = [
  [0, 34, 78],
  [27, 57, 109],
  [64, 77, 107],
  [93, 98, 110],
  [123, 119, 120],
  [155, 141, 118],
  [190, 166, 108],
  [226, 195, 92],
  [254, 232, 56],
];

function shade(part) {
  const place = clamp(part, 0, 1) * (SHADES.length - 1);
  const k = Math.min(Math.floor(place), SHADES.length - 2);
  const mixed = SHADES[k].map((from, channel) => Math.round(from + (SHADES[k + 1][channel] - from) * (place - k)));
  return `rgb(${mixed.join(" ")})`;
}
