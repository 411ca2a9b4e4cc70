use super::*;
use crate::report::{Axis, Figure, Mark, Series, TrajectoryData};

const NASTY: &str = "a</script><b>&\"'<!--";

fn figure(id: &str, name: &str) -> Outcome {
    let mut figure = Figure::new(id, format!("{name}: errors"), Axis::linear("time t"), Axis::log("error ‖R‖_{F}"));
    figure.series.push(Series::line(format!("{name}, test error"), vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 1e-3)]).key(name));
    figure.marks.push(Mark { label: name.into(), x: 1.0, dashes: 1 });
    figure.notes.push(name.into());
    figure.description = name.into();
    Outcome::Drawn(Box::new(figure))
}

fn run(name: &str) -> RunData {
    let trajectory = TrajectoryData {
        name: name.into(),
        t: vec![0.0, 1.0],
        spectrum: vec![(0.0, vec![1e-3, 1e-4]), (1.0, vec![1.0, 0.5])],
        ..Default::default()
    };
    RunData { name: name.into(), target: vec![1.0], trajectories: vec![trajectory], ..Default::default() }
}

fn report<'a>(name: &str, figures: &'a [Outcome], run: &'a RunData) -> Report<'a> {
    Report {
        name: name.into(),
        sentence: name.into(),
        facts: vec![name.into()],
        alert: Some(name.into()),
        heading: "Outcome",
        outcomes: Table { columns: vec![Cell::text("trajectory")], rows: vec![vec![Cell::verdict(name, false)]] },
        remarks: vec![Remark { text: name.into(), bad: true }],
        certificate: Some(Err(name.into())),
        figures,
        run: Some(run),
        ..Default::default()
    }
}

fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn names_that_look_like_markup_stay_names() {
    let (figures, run) = ([figure("errors", NASTY), Outcome::Skipped(NASTY.into(), NASTY.into())], run(NASTY));
    let page = page(&report(NASTY, &figures, &run));
    assert!(!page.contains(NASTY) && !page.contains("<b>&") && !page.contains("<!--"));
    // The data, the script and nothing else.
    assert_eq!(page.matches("</script>").count(), 2);
    let data = data(&page);
    assert_eq!(data["trajectories"][0], NASTY);
    assert_eq!(data["figures"][0]["series"][0]["trajectory"], 0);
    assert_eq!(data["figures"][0]["series"][0]["label"], format!("{NASTY}, test error"));
}

#[test]
fn equal_data_give_equal_bytes_and_nothing_points_outside() {
    let (figures, run) = ([figure("errors", "flow")], run("flow"));
    let text = page(&report("flow", &figures, &run));
    assert_eq!(text, page(&report("flow", &figures, &run)));
    // Addresses are names of vocabularies (SVG's), never something to fetch.
    let addresses: Vec<&str> = text.match_indices("http").map(|(at, _)| &text[at..(at + 26).min(text.len())]).collect();
    assert!(
        addresses.iter().all(|address| address.starts_with("http://www.w3.org/2000/svg") || address.starts_with("http-equiv")),
        "{addresses:?}"
    );
    assert!(["src=", "url(http", "@import", "fetch(", "XMLHttpRequest", "innerHTML"].iter().all(|word| !text.contains(word)));
}

#[test]
fn the_policy_allows_the_script_that_is_there() {
    let (figures, run) = ([figure("errors", "flow")], run("flow"));
    let text = page(&report("flow", &figures, &run));
    let script = text.rsplit_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    assert!(text.contains(&format!("script-src 'sha256-{}'", base64(&Sha256::digest(script.as_bytes())))));
}

#[test]
fn what_a_page_must_have_is_there_without_its_script() {
    let (figures, run) = ([figure("errors", "flow"), Outcome::Skipped("sharpness".into(), "not recorded".into())], run("flow"));
    let text = page(&report("flow", &figures, &run));
    for part in [
        "<h1>flow</h1>",
        "id=\"figure-errors\"",
        "<noscript>\n<svg",
        "<desc>",
        "sharpness</b>: not recorded",
        "There is none: flow",
        "lang=\"en\"",
        "id=\"moment-view\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let data = data(&text);
    assert_eq!(data["spectra"][0]["count"], 2);
    assert_eq!(data["figures"][0]["time"], true);
}

#[test]
fn an_empty_report_is_a_page() {
    let text = page(&Report { heading: "Outcome", ..Report::default() });
    assert!(text.contains("</html>") && !text.contains("id=\"moment\""));
}
