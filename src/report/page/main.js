// Puts the page together.

function theme(node) {
  const order = ["auto", "light", "dark"];
  node.hidden = false;
  node.addEventListener("click", () => {
    const now = order[(order.indexOf(document.documentElement.dataset.theme || "auto") + 1) % order.length];
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    node.textContent = `theme: ${now}`;
  });
}

function print() {
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("section > details:not([open])")];
    for (const node of closed) node.open = true;
    for (const plot of plots) if (!plot.drawn) plot.draw();
  });
  window.addEventListener("afterprint", () => {
    for (const node of closed) node.open = false;
  });
}

document.documentElement.classList.add("scripted");
theme(document.getElementById("theme"));
selection.watchers.push(() => {
  for (const plot of plots) if (plot.drawn) plot.draw();
});
const box = document.getElementById("trajectories");
if (box && data.trajectories.length > 0) trajectories(box);
for (const figure of data.figures) card(figure);
const momentRoot = document.getElementById("moment-view");
if (momentRoot && data.spectra.some((one) => numbers(one.t).length > 0)) new Moment(momentRoot);
print();
document.documentElement.dataset.ready = "true";
