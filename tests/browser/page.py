"""A report in headless Chromium: what a reader does to it must work, and nothing may leave the page.

usage: page.py units SCRIPTS                      the script's functions by themselves
       page.py use REPORT.html ARTEFACTS [--most-bytes N] [--most-seconds S] [--trajectories N]
"""

import argparse
import base64
import json
import os
import pathlib
import re
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHECKS = []


def check(what, holds, found=""):
    """Notes a check; failures are told at once, and at the end by the exit code."""
    CHECKS.append((what, bool(holds)))
    print(f"{'ok    ' if holds else 'FAILED'} {what}{f': {found}' if found != '' else ''}", flush=True)


def browser(width, height, dark, scripts=True):
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ["CHROMIUM"]
    for flag in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1", f"--window-size={width},{height}"]:
        options.add_argument(flag)
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    environment = dict(os.environ)
    environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [os.environ.get("CHROMIUM_LIBRARIES"), os.environ.get("LD_LIBRARY_PATH")]))
    os.environ["LD_LIBRARY_PATH"] = environment["LD_LIBRARY_PATH"]
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(os.environ["CHROMEDRIVER"], env=environment))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    return driver


def shot(driver, path, width):
    """The whole page as one picture."""
    # Figures are drawn when they come near: the page grows as its window does.
    for _ in range(3):
        height = min(driver.execute_script("return document.documentElement.scrollHeight"), 16000)
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        time.sleep(0.4)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    path.write_bytes(base64.b64decode(picture["data"]))


def open_page(driver, report):
    driver.get(report.as_uri())
    return driver.execute_script("return document.documentElement.dataset.ready") == "true"


def use(driver, report, arguments):
    begin = time.monotonic()
    ready = open_page(driver, report)
    seconds = time.monotonic() - begin
    inner = driver.execute_script("const e = performance.getEntriesByType('navigation')[0]; return e.domContentLoadedEventEnd / 1000")
    check("the script ran to its end", ready)
    if not ready:
        sys.exit("\n".join(entry["message"] for entry in driver.get_log("browser")))
    check("interactive in time", max(seconds, inner) <= arguments.most_seconds, f"{inner:.2f} s to DOMContentLoaded, {seconds:.2f} s to the driver's return")
    figures(driver, report)
    hover(driver)
    toggles(driver, arguments.trajectories)
    logarithms(driver)
    zooming(driver)
    moments = bool(driver.find_elements(By.ID, "moment-time"))
    check("a slider where there are spectra", moments == (arguments.trajectories > 0))
    if moments:
        slider(driver)
    keyboard(driver, moments, arguments.trajectories <= 50)
    themes(driver)


def surface(driver, number=0):
    node = driver.find_elements(By.CSS_SELECTOR, "#figures .surface")[number]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    for _ in range(50):
        if node.find_elements(By.CSS_SELECTOR, "svg"):
            break
        time.sleep(0.05)
    return node


def figures(driver, report):
    text = report.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
    cards = driver.find_elements(By.CSS_SELECTOR, "#figures figure.card")
    check("a card for each figure", len(cards) == len(data["figures"]) > 0, len(cards))
    for number, figure in enumerate(data["figures"]):
        svg = surface(driver, number).find_element(By.CSS_SELECTOR, "svg")
        label = svg.get_attribute("aria-label")
        drawn = svg.find_elements(By.CSS_SELECTOR, "[data-series]")
        paths = driver.execute_script("return [...arguments[0].querySelectorAll('path, line, rect, text')].map((e) => e.outerHTML).join('')", svg)
        good = "NaN" not in paths and "Infinity" not in paths and "undefined" not in paths
        check(f"{figure['id']}: drawn, with alternative text, no NaN", len(label) > 20 and good and (figure["map"] or len(drawn) == len(figure["series"])), f"{len(drawn)} series")


def hover(driver):
    node = surface(driver)
    ActionChains(driver).move_to_element(node).perform()
    tip = node.find_element(By.XPATH, "../div[@class='tip']")
    rows = tip.find_elements(By.CSS_SELECTOR, "tr")
    check("pointing shows values", tip.is_displayed() and rows and any(re.search(r"\d", row.find_element(By.CSS_SELECTOR, ".number").text) for row in rows), tip.text.replace("\n", " | ")[:110])


def visible(driver):
    return len(surface(driver).find_elements(By.CSS_SELECTOR, "[data-series]"))


def toggles(driver, count):
    chips = driver.find_elements(By.CSS_SELECTOR, "#trajectories .chips button")
    check("a button for each trajectory", len(chips) == count, len(chips))
    before = visible(driver)
    if chips:
        everywhere(driver, chips, before)
    entries = driver.find_elements(By.CSS_SELECTOR, "#figures .card:first-child .legend button.entry")
    if entries:
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", entries[0])
        entries[0].click()
        check("a legend entry hides", visible(driver) < before and entries[0].get_attribute("aria-pressed") == "false")
        entries[0].click()
        check("and shows again", visible(driver) == before)


def everywhere(driver, chips, before):
    driver.execute_script("arguments[0].click()", chips[0])
    after = visible(driver)
    check("a trajectory can be hidden everywhere", after < before and chips[0].get_attribute("aria-pressed") == "false", f"{before} → {after}")
    chips[0].send_keys(Keys.ENTER)
    check("and shown again by the keyboard", visible(driver) == before)
    twice = "const b = performance.now(); arguments[0].click(); arguments[0].click(); return (performance.now() - b) / 2"
    milliseconds = driver.execute_script(twice, chips[-1])
    check("which is quick", milliseconds < 500, f"{milliseconds:.0f} ms for all figures")


def ticks(driver):
    return driver.execute_script("return [...arguments[0].querySelectorAll('.axes text')].map((e) => e.textContent)", surface(driver))


def logarithms(driver):
    before = ticks(driver)
    switch = driver.find_element(By.CSS_SELECTOR, "#figures button[data-axis=y]")
    was = switch.get_attribute("aria-pressed")
    switch.click()
    check("log and linear", ticks(driver) != before and switch.get_attribute("aria-pressed") != was, f"{before[-4:]} → {ticks(driver)[-4:]}")
    switch.click()
    check("and back", ticks(driver) == before)


def zooming(driver):
    node = surface(driver)
    before = ticks(driver)
    ActionChains(driver).move_to_element_with_offset(node, -80, -40).click_and_hold().move_by_offset(120, 60).release().perform()
    zoomed = ticks(driver)
    check("dragging zooms", zoomed != before)
    ActionChains(driver).double_click(node).perform()
    check("a double click shows all", ticks(driver) == before)
    node.send_keys("+")
    check("plus zooms", ticks(driver) != before)
    node.send_keys("0")
    check("0 shows all", ticks(driver) == before)


def slider(driver):
    node = driver.find_element(By.ID, "moment-time")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    time.sleep(0.3)
    moment = driver.find_element(By.ID, "moment-spectrum")
    path = lambda: driver.execute_script("return [...arguments[0].querySelectorAll('.curves path')].map((e) => e.getAttribute('d')).join()", moment)
    said = lambda: driver.find_element(By.CSS_SELECTOR, "output[for=moment-time]").text
    last, then = path(), said()
    for _ in range(8):
        node.send_keys(Keys.PAGE_DOWN)
    check("the slider moves the spectrum", path() != last and said() != then, f"{then} → {said()}")
    check("its time is marked in the figures", len(driver.find_elements(By.CSS_SELECTOR, "#figures .now")) > 0)
    if driver.find_elements(By.ID, "moment-left"):
        vector = lambda: driver.execute_script("return document.querySelector('#moment-left .curves').innerHTML")
        node.send_keys(Keys.END)
        before = vector()
        node.send_keys(Keys.HOME)
        check("and the singular vectors", vector() != before and "NaN" not in vector())
        names = driver.find_elements(By.CSS_SELECTOR, "#moment-mode option")
        check("of which there are several", len(names) > 1, len(names))
    node.send_keys(Keys.END)


def keyboard(driver, moments, few):
    node = surface(driver)
    driver.execute_script("arguments[0].focus({preventScroll: true})", node)
    for _ in range(3):
        node.send_keys(Keys.ARROW_RIGHT)
    status = node.find_element(By.XPATH, "../p[@aria-live]")
    first = driver.execute_script("return arguments[0].textContent", status)
    node.send_keys(Keys.ARROW_DOWN)
    second = driver.execute_script("return arguments[0].textContent", status)
    check("arrow keys read values aloud", re.search(r"\d", first) and first != second, f"{first} / {second}")
    names = driver.execute_script("return [...document.querySelectorAll('button, input, select')].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.title || e.labels?.length)).length")
    check("every control has a name", names == 0, names)
    if not few:
        return
    driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = set()
    for _ in range(400):
        body = driver.switch_to.active_element
        body.send_keys(Keys.TAB)
        reached.add(driver.execute_script("const e = document.activeElement; return e.id || (e.className && 'x.' + e.className) || e.tagName"))
        if "moment-time" in reached or (not moments and "x.surface" in reached):
            break
    wanted = {"moment-time", "x.surface", "x.entry", "x.widen"} if moments else {"x.surface", "x.widen"}
    check("Tab reaches links, switches, figures and the slider", wanted <= reached, sorted(reached)[:12])


def themes(driver):
    ground = lambda: driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    button = driver.find_element(By.ID, "theme")
    seen = [ground()]
    for _ in range(3):
        driver.execute_script("arguments[0].click()", button)
        seen.append(ground())
    check("themes: auto, light, dark, auto", seen[1] != seen[2] and seen[0] == seen[3] == seen[1], seen)


def silence(driver, report):
    errors = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    check("no error in the console", not errors, errors[:3] or "")
    requests = set()
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requests.add(message["params"]["request"]["url"])
    foreign = {url for url in requests if not url.startswith((report.as_uri(), "data:"))}
    check("no request leaves the page", not foreign, sorted(foreign) or f"{len(requests)} to the page itself")


UNITS = """
const results = {};
const near = (a, b, e) => Math.abs(a - b) <= e;
results["numbers are written with their digits"] = [[0, "0"], [1, "1"], [-0.5, "−0.5"], [123456, "1.2346·10⁵"], [0.00012345678, "1.2346·10⁻⁴"], [99999.6, "1·10⁵"], [0.0099999999, "0.01"], [NaN, "–"], [1e-300, "1·10⁻³⁰⁰"], [29.20000076, "29.2"]]
  .map(([value, text]) => format(value) === text ? "" : `${value}: ${format(value)}`).filter(Boolean).join();
let seed = 1;
const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
let worst = 0;
let kept = 0;
for (let trial = 0; trial < 200; trial++) {
  const run = [];
  const [noise, wave] = [random() < 0.5 ? 0 : 3 * random(), 1 + 20 * random()];
  let x = 0;
  for (let i = 0; i < 400; i++) { x += random() < 0.1 ? 0 : 2 * random(); run.push(x, 100 * Math.sin(x / wave / 10) + noise * (random() - 0.5)); }
  const thinned = thin(run);
  kept += thinned.length / run.length / 200;
  const distance = (px, py) => {
    let least = Infinity;
    for (let k = 0; k + 3 < thinned.length; k += 2) {
      const [ax, ay, bx, by] = thinned.slice(k, k + 4);
      const length = (bx - ax) ** 2 + (by - ay) ** 2;
      const s = length > 0 ? clamp(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length, 0, 1) : 0;
      least = Math.min(least, Math.hypot(px - ax - s * (bx - ax), py - ay - s * (by - ay)));
    }
    return least;
  };
  for (let i = 0; i < run.length; i += 2) worst = Math.max(worst, distance(run[i], run[i + 1]));
}
results["thinned lines stay within half a pixel"] = worst <= 2 * TOLERANCE && kept < 0.8 ? "" : `${worst}, ${kept}`;
const labels = (values, log) => Scale.around(values, log, 0).ticks(5).major.map(([, label]) => label).join(" ");
results["ticks"] = [
  [labels([0, 60], false), "0 20 40 60"], [labels([-0.5, 0.5], false), "−0.4 −0.2 0.0 0.2 0.4".replace("0.0", "0")],
  [labels([1e-3, 1], true), "10⁻³ 10⁻² 10⁻¹ 10⁰"], [labels([1e-12, 1], true), "10⁻¹² 10⁻⁹ 10⁻⁶ 10⁻³ 10⁰"], [labels([0.025, 0.1], true), "0.05 0.1"],
].map(([found, expected]) => found === expected ? "" : `${found} for ${expected}`).filter(Boolean).join();
results["scales of odd values"] = [[], [0], [NaN], [3, 3], [1e300, 1e-300], [-1e308, 1e308], [5e-324]].flatMap((values) => [false, true].map((log) => {
  const scale = Scale.around(values, log, 0.04);
  const ticks = scale.ticks(5);
  return scale.low < scale.high && ticks.major.every(([value, label]) => Number.isFinite(value) && !label.includes("NaN")) ? "" : JSON.stringify([values, log]);
})).filter(Boolean).join();
results["places and values"] = [new Scale(-3, 2, true), new Scale(-1, 7, false)].every((scale) => [0, 0.3, 1].every((p) => near(scale.place(scale.value(p)), p, 1e-12))) ? "" : "differ";
results["a limit comes before the decades"] = ((scale) => near(scale.low, 0, 1e-12) && near(scale.high, 1, 1e-12) ? "" : JSON.stringify(scale))(Scale.around([1, 1e155], true, 0, { most: 10 }));
results["nearest"] = [[0, 0], [0.4, 0], [0.6, 1], [9, 3]].every(([x, k]) => nearest([0, 1, 2, 3], x) === k) ? "" : "wrong";
return results;
"""


def units(driver, scripts):
    driver.get("about:blank")
    text = "".join((scripts / name).read_text(encoding="utf-8") for name in ["base.js", "scale.js", "curves.js"])
    for what, wrong in driver.execute_script(text + UNITS).items():
        check(what, not wrong, wrong)


def narrow(driver):
    return driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["units", "use"])
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("artefacts", type=pathlib.Path, nargs="?")
    parser.add_argument("--most-bytes", type=int, default=10_000_000)
    parser.add_argument("--most-seconds", type=float, default=5.0)
    parser.add_argument("--trajectories", type=int, default=4)
    arguments = parser.parse_args()
    report = arguments.report.resolve()
    if arguments.what == "units":
        driver = browser(400, 300, dark=False)
        try:
            units(driver, report)
        finally:
            driver.quit()
        conclude()
    arguments.artefacts.mkdir(parents=True, exist_ok=True)
    check("size", report.stat().st_size <= arguments.most_bytes, f"{report.stat().st_size} bytes")

    driver = browser(1280, 900, dark=False)
    print(driver.capabilities["browserName"], driver.capabilities["browserVersion"])
    try:
        use(driver, report, arguments)
        silence(driver, report)
        printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "preferCSSPageSize": True})
        pdf = base64.b64decode(printed["data"])
        (arguments.artefacts / "printed.pdf").write_bytes(pdf)
        check("prints", pdf.startswith(b"%PDF") and len(pdf) > 20_000, f"{len(pdf)} bytes")
    finally:
        driver.quit()
    for width, dark in [(1280, False), (1280, True), (390, False), (390, True)]:
        driver = browser(width, 900, dark)
        try:
            check(f"opens at {width} pixels, {'dark' if dark else 'light'}", open_page(driver, report))
            check("nothing sticks out to the side", narrow(driver))
            shot(driver, arguments.artefacts / f"{width}-{'dark' if dark else 'light'}.png", width)
            silence(driver, report)
        finally:
            driver.quit()
    driver = browser(1280, 900, dark=False, scripts=False)
    try:
        driver.get(report.as_uri())
        shown = driver.find_elements(By.CSS_SELECTOR, "#figures noscript svg")
        check("without scripts the figures are there", len(shown) > 0, len(shown))
        shot(driver, arguments.artefacts / "1280-no-script.png", 1280)
    finally:
        driver.quit()
    conclude()


def conclude():
    failed = [what for what, holds in CHECKS if not holds]
    print(f"{len(CHECKS)} checks, {len(failed)} failed")
    sys.exit(1 if failed else 0)


main()
