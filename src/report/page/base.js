// Elements, labels and numbers. Text reaches the page as text nodes alone, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat());
  return node;
}

/** An HTML element; attributes that are functions are listeners. */
function element(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
function shape(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** The pieces of a label with `_{…}` and `^{…}`: [kind, text], kind "", "sub" or "sup". */
function pieces(label) {
  const found = [];
  const mark = /([_^])\{([^}]*)\}/g;
  let from = 0;
  for (let hit = mark.exec(label); hit; hit = mark.exec(label)) {
    if (hit.index > from) found.push(["", label.slice(from, hit.index)]);
    found.push([hit[1] === "_" ? "sub" : "sup", hit[2]]);
    from = hit.index + hit[0].length;
  }
  if (from < label.length) found.push(["", label.slice(from)]);
  return found;
}

/** A label as HTML nodes. */
function rich(label) {
  return pieces(label).map(([kind, text]) => (kind ? element(kind, null, text) : document.createTextNode(text)));
}

/** A label as plain text, for those who listen. */
function plain(label) {
  return pieces(label)
    .map(([kind, text]) => (kind === "sub" ? "_" : kind === "sup" ? "^" : "") + text)
    .join("");
}

/** A label as the content of an SVG text. */
function richSvg(label) {
  let level = 0;
  return pieces(label).map(([kind, text]) => {
    const wanted = kind === "sub" ? 3.2 : kind === "sup" ? -4.5 : 0;
    const span = shape("tspan", { dy: wanted - level, class: kind ? "small" : null }, text);
    level = wanted;
    return span;
  });
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function power(exponent) {
  return "10" + [...String(exponent)].map((c) => RAISED[c]).join("");
}

function minus(text) {
  return text.replace("-", "−");
}

/** A value with at most `digits` significant digits. */
function format(value, digits = 5) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const e = Number(exponent);
  if (e < -3 || e >= digits) return `${minus(trim(mantissa))}·${power(e)}`;
  return minus(trim(value.toFixed(Math.max(0, digits - 1 - e))));
}

function trim(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Where in an ascending array the value nearest to `x` is. */
function nearest(values, x) {
  let low = 0;
  let high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(values[low] - x) <= Math.abs(values[high] - x) ? low : high;
}
