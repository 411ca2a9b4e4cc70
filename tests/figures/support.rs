//! Fixed data, and what every figure has to fulfil.

use pgflow::report::{ComparisonData, Ending, Figure, Outcome, RunData, Selection, Stroke, TrajectoryData, csv, figures, pgfplots, svg};
use pgflow::simulation::OrderFit;

const COLUMNS: [&str; 12] = [
    "loss",
    "relative_error",
    "train_error",
    "imbalance",
    "imbalance_drift",
    "sharpness",
    "signal_min",
    "nuisance_left",
    "angle_left",
    "perturbation",
    "perturbation_measurement",
    "perturbation_motion",
];

pub fn trajectory(name: &str, step: Option<f64>, samples: usize, value: impl Fn(f64) -> Option<f64>) -> TrajectoryData {
    let t: Vec<f64> = (0..samples).map(|k| k as f64).collect();
    let mut columns: std::collections::BTreeMap<String, Vec<Option<f64>>> =
        COLUMNS.iter().map(|column| (column.to_string(), t.iter().map(|t| value(*t)).collect())).collect();
    columns.insert("phase".into(), t.iter().map(|t| Some(1.0 + (t / 10.0).floor().min(2.0))).collect());
    TrajectoryData {
        name: name.into(),
        method: if step.is_some() { "gradient_descent".into() } else { "dop853".into() },
        step,
        ending: Ending { success: true, sentence: "reached the horizon".into() },
        conserves_imbalance: step.is_none(),
        initial_norm: Some(1e-3),
        predicted_escape: Some(2.5),
        spectrum: t.iter().map(|t| (*t, vec![value(*t).unwrap_or(0.0), 1e-3])).collect(),
        exact: Vec::new(),
        imbalance_law: Vec::new(),
        t,
        columns,
    }
}

/// Deviations `3η(1 + t)` from the flow, and the fit that they have.
pub fn run(trajectories: Vec<TrajectoryData>) -> RunData {
    let deviation = |step: f64, t: f64| step * 3.0 * (1.0 + t);
    let compare = |other: &TrajectoryData| {
        let points: Vec<_> = other.t.iter().map(|t| (*t, deviation(other.step.unwrap_or(1.0), *t))).collect();
        let times = |factor: f64| points.iter().map(|(t, y)| (*t, factor * y)).collect::<Vec<_>>();
        ComparisonData {
            reference: "flow".into(),
            trajectory: other.name.clone(),
            factors: times(0.5),
            bound: times(5.0),
            first_order: times(f64::NAN),
            deviation: points.clone(),
        }
    };
    let sups = trajectories.iter().skip(1).filter_map(|other| Some((other.step?, deviation(other.step?, *other.t.last()?))));
    let points: Vec<(f64, f64)> = sups.filter(|(step, _)| *step > 0.0).collect();
    let fit = OrderFit { reference: "flow".into(), family: "gd".into(), slope: 1.0, points };
    RunData {
        name: "test".into(),
        interrupted: false,
        target: vec![1.0, 0.5],
        comparisons: trajectories.iter().skip(1).map(compare).collect(),
        orders: if fit.points.len() > 1 { vec![fit] } else { Vec::new() },
        trajectories,
    }
}

pub fn drawn(run: &RunData) -> Vec<Figure> {
    let figure = |outcome| match outcome {
        Outcome::Drawn(figure) => Some(*figure),
        Outcome::Skipped(_, why) => {
            assert!(!why.is_empty());
            None
        }
    };
    figures(run, &Selection::First).into_iter().filter_map(figure).collect()
}

/// Every figure becomes SVG without a number that is none and data with a line a point.
pub fn check(figures: &[Figure]) {
    for figure in figures {
        let drawing = svg(figure);
        assert!(finite(&drawing), "{}: {drawing}", figure.id);
        assert!(drawing.matches("class=\"x tick\"").count() >= 1, "{}", figure.id);
        assert!(drawing.matches("class=\"y tick\"").count() >= 2, "{}", figure.id);
        assert_eq!(drawing.matches("class=\"series\"").count(), figure.series.len(), "{}", figure.id);
        let points: usize = figure.series.iter().map(|series| series.points.len()).sum();
        assert_eq!(csv(figure).lines().count(), points + 1);
        let areas = figure.series.iter().filter(|series| matches!(series.stroke, Stroke::Area | Stroke::Band)).count();
        assert_eq!(pgfplots(figure).matches("\\addplot").count(), figure.series.len() + 2 * areas);
        // The model survives JSON: no number in it is an error there.
        assert!(serde_json::to_string(figure).unwrap().contains(&figure.id));
        #[cfg(feature = "raster")]
        assert!(pgflow::report::png(&drawing, 1.0).unwrap().starts_with(b"\x89PNG"), "{}", figure.id);
    }
}

pub fn decaying(t: f64) -> Option<f64> {
    Some((-0.3 * t).exp())
}

/// Whether every number of a drawing is one.
pub fn finite(drawing: &str) -> bool {
    let attributes = drawing.split('<').filter(|tag| !tag.starts_with("title") && !tag.starts_with("desc"));
    attributes.filter_map(|tag| tag.split('>').next()).all(|tag| !tag.contains("NaN") && !tag.contains("inf"))
}
