//! Figures of collected sweeps.

use super::support::{check, finite};
use pgflow::config::Fit;
use pgflow::report::{Figure, Outcome, Stroke, SweepData, csv, pgfplots, svg, sweep_figures};
use pgflow::sweep::{Collected, FitRow};

const WIDTHS: [f64; 4] = [1.5, 3.0, 6.0, 48.0];
const STEPS: [f64; 5] = [0.1, 0.2, 0.4, 0.8, 1.6];

/// `repeats` runs for every width and step, of error `step²·width` times a factor that depends on the repetition; steps above 1 diverge.
fn sweep(repeats: usize) -> SweepData {
    let keys = ["model.width", "trajectory[gd].gradient_descent.step", "repeat"].map(str::to_owned);
    let rest = ["trajectory", "family", "outcome", "final_relative_error"].map(str::to_owned);
    let mut rows = Vec::new();
    for width in WIDTHS {
        for step in STEPS {
            for repeat in 0..repeats {
                let error = step * step * width * (1.0 + repeat as f64 / 10.0) * 1e-2;
                let (outcome, error) = if step > 1.0 { ("diverged", String::new()) } else { ("completed", format!("{error:.16e}")) };
                let cells =
                    [format!("{width:e}"), format!("{step:e}"), repeat.to_string(), "gd".into(), "gd".into(), outcome.into(), error];
                rows.push(cells.to_vec());
            }
        }
    }
    let columns = keys.iter().chain(&rest).cloned().collect();
    SweepData { name: "grid".into(), keys: keys.to_vec(), table: Collected { columns, rows, missing: 0, failed: 0 }, fits: Vec::new() }
}

fn drawn(sweep: &SweepData) -> Vec<Figure> {
    let figure = |outcome| match outcome {
        Outcome::Drawn(figure) => Some(*figure),
        Outcome::Skipped(_, why) => {
            assert!(!why.is_empty());
            None
        }
    };
    sweep_figures(sweep, 1e-2).into_iter().filter_map(figure).collect()
}

fn find<'a>(figures: &'a [Figure], id: &str) -> &'a Figure {
    figures
        .iter()
        .find(|figure| figure.id == id)
        .unwrap_or_else(|| panic!("{id} in {:?}", figures.iter().map(|f| &f.id).collect::<Vec<_>>()))
}

#[test]
fn a_grid_has_lines_with_bands_shares_and_maps() {
    let figures = drawn(&sweep(3));
    let shape: Vec<_> = figures.iter().map(|figure| (figure.id.as_str(), figure.series.len(), figure.map.is_some())).collect();
    // Five steps: a line and a band each. Four widths likewise.
    let expected = [
        ("final_error_model_width", 10, false),
        ("final_error_gradient_descent_step", 8, false),
        ("recovery_model_width", 5, false),
        ("stability_model_width", 5, false),
        ("recovery_gradient_descent_step", 4, false),
        ("stability_gradient_descent_step", 4, false),
        ("map_error_model_width_gradient_descent_step", 0, true),
        ("map_recovery_model_width_gradient_descent_step", 0, true),
        ("map_stability_model_width_gradient_descent_step", 0, true),
    ];
    assert_eq!(shape, expected);
    let (lines, maps): (Vec<Figure>, Vec<Figure>) = figures.into_iter().partition(|figure| figure.map.is_none());
    check(&lines);
    for figure in &maps {
        let drawing = svg(figure);
        assert!(finite(&drawing), "{drawing}");
        assert_eq!(csv(figure).lines().count(), 1 + WIDTHS.len() * STEPS.len());
        assert!(pgfplots(figure).contains("\\fill[fill={rgb,255:red,"));
        #[cfg(feature = "raster")]
        assert!(pgflow::report::png(&drawing, 1.0).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn bands_reach_from_the_least_to_the_largest_or_over_quantiles() {
    let few = drawn(&sweep(3));
    let figure = find(&few, "final_error_gradient_descent_step");
    let [band, line] = &figure.series[..2] else { panic!("{figure:?}") };
    assert_eq!((band.stroke, line.stroke, line.label.as_str()), (Stroke::Band, Stroke::Line, "h = 1.5"));
    for (k, step) in STEPS.iter().take(4).enumerate() {
        let error = step * step * 1.5 * 1e-2;
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
        assert!(near(band.base[k], error) && near(line.points[k].1, 1.1 * error) && near(band.points[k].1, 1.2 * error), "{k}");
    }
    // The last step diverges: no number stands for it.
    assert!(line.points[4].1.is_nan() && figure.notes.iter().any(|note| note.contains("diverge")));
    assert!(figure.notes.iter().any(|note| note.contains("least and the largest")));
    let many = drawn(&sweep(11));
    let figure = find(&many, "final_error_gradient_descent_step");
    // Of 11 repetitions 1.0, 1.1, …, 2.0 the quantiles of 10 % and 90 % are the second and the tenth.
    let error = 0.1 * 0.1 * 1.5 * 1e-2;
    assert!(
        (figure.series[0].base[0] / (1.1 * error) - 1.0).abs() < 1e-12
            && (figure.series[0].points[0].1 / (1.9 * error) - 1.0).abs() < 1e-12
    );
}

#[test]
fn lines_of_equal_error_lie_where_the_error_is_that() {
    let figures = drawn(&sweep(1));
    let map = find(&figures, "map_error_model_width_gradient_descent_step").map.as_ref().unwrap();
    assert!(map.values[4].iter().all(|value| value.is_nan()));
    assert_eq!(map.contours.len(), 3, "{:?}", map.contours);
    for contour in &map.contours {
        // The logarithm is linear in the logarithms of both parameters, so that interpolation is exact.
        for (width, step) in contour.lines.iter().flatten() {
            assert!((step * step * width * 1e-2 / contour.level - 1.0).abs() < 1e-9, "{contour:?}");
        }
    }
    let stable = find(&figures, "map_stability_model_width_gradient_descent_step").map.as_ref().unwrap();
    // Half-way between the last stable and the first unstable step, in the logarithm.
    assert!(stable.contours[0].lines.iter().flatten().all(|(_, step)| (step / (0.8 * 2.0_f64.sqrt()) - 1.0).abs() < 1e-9));
}

#[test]
fn a_fit_is_drawn_with_its_slope() {
    let mut sweep = sweep(3);
    let key = "trajectory[gd].gradient_descent.step".to_owned();
    let fit = Fit {
        x: key.clone(),
        y: "final_relative_error".into(),
        trajectory: Some("gd".into()),
        x_min: None,
        x_max: None,
        below: None,
        along: vec![key],
    };
    sweep.table.rows.retain(|row| row[0] == "3e0");
    sweep.fits =
        vec![FitRow { fit, group: "family = gd, model.width = 3e0".into(), slope: 2.0, half_width: Some(0.01), points: 12, repeats: 3 }];
    let figures = drawn(&sweep);
    let figure = find(&figures, "fit");
    let line = figure.series.last().unwrap();
    assert_eq!(line.label, "slope 2.000 ± 0.01");
    for (step, y) in &line.points {
        assert!((y / (step * step * 3.0 * 1.1 * 1e-2) - 1.0).abs() < 1e-12);
    }
    check(&figures);
}

#[test]
fn sweeps_that_are_hardly_sweeps_are_drawn_or_refused_with_a_reason() {
    let mut empty = sweep(0);
    assert!(drawn(&empty).is_empty());
    empty.table.columns.clear();
    assert!(drawn(&empty).is_empty());
    assert!(drawn(&SweepData::default()).is_empty());
    let mut missing = sweep(1);
    missing.table.missing = 4;
    assert!(drawn(&missing).iter().all(|figure| figure.notes.iter().any(|note| note.contains("4 tasks"))));
    let mut diverged = sweep(2);
    diverged.table.rows.retain(|row| row[5] == "diverged");
    check(&drawn(&diverged).into_iter().filter(|figure| figure.map.is_none()).collect::<Vec<_>>());
}
