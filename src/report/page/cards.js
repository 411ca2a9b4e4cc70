// A figure on the page: heading, switches, drawing, legend, what has to be said.

/** All plots of the page that show time on the horizontal axis, for the slider. */
const plots = [];

function button(label, title, press, pressed) {
  return element(
    "button",
    {
      type: "button",
      title,
      "aria-label": title,
      "aria-pressed": pressed === undefined ? null : String(pressed),
      click: press,
    },
    label,
  );
}

/** Switches between a logarithmic and a linear axis. */
function logSwitch(plot, axis) {
  const node = button(
    `log ${axis}`,
    `logarithmic ${axis === "x" ? "horizontal" : "vertical"} axis`,
    () => {
      plot.setLog(axis, !plot.log[axis]);
      node.setAttribute("aria-pressed", String(plot.log[axis]));
    },
    plot.log[axis],
  );
  node.dataset.axis = axis;
  node.disabled = !plot.log[axis] && !plot.canLog(axis);
  return node;
}

function mapSwitch(plot) {
  const { map } = plot.figure;
  const positive = map.values.flat().some((value) => value > 0);
  const node = button(
    "log colours",
    "logarithmic colours",
    () => {
      map.log = !map.log;
      node.setAttribute("aria-pressed", String(map.log));
      plot.draw();
    },
    map.log,
  );
  node.disabled = !positive && !map.log;
  return node;
}

function switches(plot, card) {
  const wide = button(
    "wide",
    "as wide as the page",
    () => {
      const now = card.classList.toggle("wide");
      wide.setAttribute("aria-pressed", String(now));
      plot.draw();
    },
    card.classList.contains("wide"),
  );
  wide.classList.add("widen");
  return element(
    "div",
    { class: "switches", role: "group", "aria-label": "view" },
    plot.figure.map ? mapSwitch(plot) : [logSwitch(plot, "x"), logSwitch(plot, "y")],
    button("−", "zoom out", () => plot.zoom(-1 / 3, 4 / 3, -1 / 3, 4 / 3)),
    button("+", "zoom in", () => plot.zoom(0.2, 0.8, 0.2, 0.8)),
    button("all", "show all: reset the zoom", () => plot.reset()),
    wide,
  );
}

/** Lights up the series that a legend entry stands for. */
function lighting(plot, belongs) {
  const light = (on) => () => {
    plot.surface.classList.toggle("dimmed", on);
    for (const part of plot.surface.querySelectorAll("[data-series]"))
      part.classList.toggle("lit", on && belongs(plot.figure.series[Number(part.dataset.series)]));
  };
  return { pointerenter: light(true), pointerleave: light(false), focus: light(true), blur: light(false) };
}

function entry(plot, sample, label, belongs, isShown, toggle) {
  const node = element(
    "button",
    {
      type: "button",
      class: "entry",
      "aria-pressed": String(isShown()),
      title: "show or hide",
      ...lighting(plot, belongs),
      click: () => {
        toggle();
        sync();
        plot.draw();
      },
    },
    sample,
    element("span", null, rich(label)),
  );
  const sync = () => node.setAttribute("aria-pressed", String(isShown()));
  selection.watchers.push(sync);
  return node;
}

function flip(set, value) {
  if (!set.delete(value)) set.add(value);
}

function line(cls, dashes) {
  return shape(
    "svg",
    { class: "swatch", viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" },
    shape("path", { class: cls, "stroke-dasharray": DASHES[dashes % DASHES.length] || null, d: "M0 6H30" }),
  );
}

function legend(plot) {
  const { figure } = plot;
  const box = element("div", { class: "legend", role: "group", "aria-label": "legend: show or hide curves" });
  const seen = new Set();
  for (const series of figure.series) {
    if (!series.key || seen.has(series.key)) continue;
    seen.add(series.key);
    const { key, trajectory } = series;
    const own = trajectory !== null;
    box.append(
      entry(
        plot,
        swatch(series),
        key,
        (other) => (own ? other.trajectory === trajectory : other.key === key),
        () => (own ? !selection.hidden.has(trajectory) : !plot.hiddenKeys.has(key)),
        () => (own ? selection.set([trajectory], selection.hidden.has(trajectory)) : flip(plot.hiddenKeys, key)),
      ),
    );
  }
  for (const { label, dashes } of figure.keys) {
    box.append(
      entry(
        plot,
        line("key", dashes),
        label,
        (series) => series.dashes === dashes,
        () => !plot.hiddenDashes.has(dashes),
        () => flip(plot.hiddenDashes, dashes),
      ),
    );
  }
  const still = new Set();
  for (const [cls, { label, dashes }] of [
    ...figure.levels.map((level) => ["level", level]),
    ...figure.marks.map((mark) => ["mark", mark]),
  ]) {
    if (!label || still.has(label)) continue;
    still.add(label);
    box.append(element("span", { class: "entry" }, line(cls, dashes), element("span", null, rich(label))));
  }
  for (const { label, dashes } of figure.map ? figure.map.contours : [])
    box.append(element("span", { class: "entry" }, line("contour", dashes), element("span", null, rich(label))));
  return box;
}

/** Draws when it comes near the window, and again when its width changes. */
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting && !target.plot.drawn) target.plot.draw();
  },
  { rootMargin: "400px" },
);
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.plot.drawn && Math.abs(target.plot.width - Math.max(260, target.clientWidth)) > 1) target.plot.draw();
});

function attend(plot) {
  plot.surface.plot = plot;
  near.observe(plot.surface);
  sizes.observe(plot.surface);
  plots.push(plot);
}

/** Replaces the static drawing of a figure by one that can be explored. */
function card(figure) {
  const root = document.getElementById(`figure-${figure.id}`);
  const plot = new Plot(figure, { label: plain(figure.title), ratio: root.classList.contains("wide") ? 0.42 : 0.62 });
  root.querySelector(".drawing").replaceChildren(switches(plot, root), plot.root, legend(plot));
  attend(plot);
}

/** The trajectories' buttons, which show and hide them in all figures. */
function trajectories(box) {
  const all = data.trajectories.map((_, index) => index);
  const nodes = all.map((index) => {
    const node = element(
      "button",
      {
        type: "button",
        class: "entry",
        "aria-pressed": "true",
        title: "show or hide in all figures; with Alt: show only this one",
        click: (event) => {
          if (event.altKey) {
            selection.set(all, false);
            selection.set([index], true);
          } else selection.set([index], selection.hidden.has(index));
        },
      },
      data.trajectories[index],
    );
    return node;
  });
  selection.watchers.push(() =>
    nodes.forEach((node, index) => node.setAttribute("aria-pressed", String(!selection.hidden.has(index)))),
  );
  const filter = element("input", {
    type: "search",
    placeholder: "only with …",
    "aria-label": "show only trajectories whose name contains",
    input: () => {
      const wanted = filter.value.trim().toLowerCase();
      selection.set(
        all.filter((index) => !data.trajectories[index].toLowerCase().includes(wanted)),
        false,
      );
      selection.set(
        all.filter((index) => data.trajectories[index].toLowerCase().includes(wanted)),
        true,
      );
    },
  });
  box.append(
    element("span", { class: "what" }, "Trajectories"),
    button("all", "show all trajectories", () => selection.set(all, true)),
    button("none", "hide all trajectories", () => selection.set(all, false)),
  );
  if (all.length > 8) box.append(filter);
  box.append(element("div", { class: "chips" }, nodes));
}
