//! Figures of runs: axes, series, ranges, paths; and data that are hardly data.

use super::support::{check, decaying, drawn, run, trajectory};
use pgflow::report::{Ending, RunData, svg};

#[test]
fn every_figure_of_complete_data_is_drawn() {
    let run = run(vec![
        trajectory("flow", None, 30, decaying),
        trajectory("gd[step=0.2]", Some(0.2), 30, decaying),
        trajectory("gd[step=0.1]", Some(0.1), 30, decaying),
    ]);
    let figures = drawn(&run);
    let shape: Vec<_> = figures
        .iter()
        .map(|f| (f.id.as_str(), f.series.len(), f.keys.len(), f.levels.len(), f.marks.len(), f.phases.len(), f.x.log, f.y.log))
        .collect();
    // σ₂ stays at 1e-3, so that no escape is observed: the prediction is the only mark.
    let expected = [
        ("errors", 6, 2, 0, 1, 3, false, true),
        ("imbalance", 3, 0, 1, 0, 0, false, true),
        ("imbalance_drift", 5, 2, 0, 0, 0, false, true),
        ("deviation", 2, 0, 0, 0, 0, false, true),
        ("deviation_bound", 4, 3, 0, 0, 0, false, true),
        ("deviation_order", 4, 0, 0, 0, 0, true, true),
        ("sharpness", 3, 0, 0, 0, 0, false, false),
        ("spectrum_flow", 2, 0, 2, 1, 3, false, true),
        ("signal_flow", 2, 0, 0, 0, 3, false, true),
        ("angles_flow", 1, 0, 0, 0, 3, false, true),
        ("budget_flow", 3, 0, 1, 0, 3, false, false),
        ("spectrum_gd_step_0.2", 2, 0, 2, 1, 3, false, true),
        ("signal_gd_step_0.2", 2, 0, 0, 0, 3, false, true),
        ("angles_gd_step_0.2", 1, 0, 0, 0, 3, false, true),
        ("budget_gd_step_0.2", 3, 0, 1, 0, 3, false, false),
    ];
    assert_eq!(shape, expected);
    check(&figures);
}

#[test]
fn the_line_through_the_largest_deviations_passes_through_a_power_law() {
    let steps = [0.4, 0.2, 0.1, 0.05].map(|step| trajectory(&format!("gd[step={step}]"), Some(step), 5, decaying));
    let run = run(std::iter::once(trajectory("flow", None, 5, decaying)).chain(steps).collect());
    let order = drawn(&run).into_iter().find(|figure| figure.id == "deviation_order").unwrap();
    let labels: Vec<_> = order.series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["gd", "gd: fitted slope 1.000", "slope 1", "slope 2"]);
    // sup over t of 3η(1 + t) at t = 4.
    for ((x, y), (_, fitted)) in order.series[0].points.iter().zip(&order.series[1].points) {
        assert!((y / (15.0 * x) - 1.0).abs() < 1e-14 && (fitted / y - 1.0).abs() < 1e-12);
    }
}

#[test]
fn two_points_are_not_called_a_fit() {
    let steps = [0.4, 0.2].map(|step| trajectory(&format!("gd[step={step}]"), Some(step), 5, decaying));
    let run = run(std::iter::once(trajectory("flow", None, 5, decaying)).chain(steps).collect());
    let order = drawn(&run).into_iter().find(|figure| figure.id == "deviation_order").unwrap();
    assert_eq!(order.series[1].label, "gd: slope 1.000 of two points");
}

#[test]
fn where_a_part_of_the_budget_is_unknown_so_is_the_stack() {
    let mut flow = trajectory("flow", None, 9, decaying);
    flow.columns.get_mut("perturbation_motion").unwrap()[4] = None;
    let figures = drawn(&run(vec![flow]));
    let budget = figures.iter().find(|figure| figure.id == "budget_flow").unwrap();
    let unknown = |k: usize| budget.series[k].points.iter().map(|(_, y)| y.is_nan()).collect::<Vec<_>>();
    let only_the_fifth: Vec<_> = (0..9).map(|k| k == 4).collect();
    assert_eq!((unknown(0), unknown(1)), (only_the_fifth.clone(), only_the_fifth));
    assert!(budget.notes.iter().any(|note| note.contains("not defined at all times")));
    check(&figures);
}

#[test]
fn an_interrupted_run_says_so_in_every_figure() {
    let mut run = run(vec![trajectory("flow", None, 9, decaying), trajectory("gd", Some(0.1), 9, decaying)]);
    run.interrupted = true;
    for figure in drawn(&run) {
        assert!(figure.notes.iter().any(|note| note.contains("interrupted at t = 8")), "{}", figure.id);
        assert!(svg(&figure).contains("interrupted at t = 8"));
    }
}

#[test]
fn data_that_are_hardly_data_are_drawn_or_refused_with_a_reason() {
    let cases: [(&str, RunData); 7] = [
        ("nothing", RunData::default()),
        ("no samples", run(vec![trajectory("flow", None, 0, decaying), trajectory("gd", Some(0.1), 0, decaying)])),
        ("one sample", run(vec![trajectory("flow", None, 1, decaying), trajectory("gd", Some(0.1), 1, decaying)])),
        ("all equal", run(vec![trajectory("flow", None, 9, |_| Some(0.25)), trajectory("gd", Some(0.1), 9, |_| Some(0.25))])),
        ("all zero", run(vec![trajectory("flow", None, 9, |_| Some(0.0)), trajectory("gd", Some(0.0), 9, |_| Some(0.0))])),
        ("undefined", run(vec![trajectory("flow", None, 9, |_| None), trajectory("gd", Some(0.1), 9, |_| None)])),
        ("huge", run(vec![trajectory("flow", None, 9, decaying), trajectory("gd", Some(1.0), 9, |t| Some(10f64.powf(38.0 * t)))])),
    ];
    for (name, run) in &cases {
        let figures = drawn(run);
        assert_eq!(figures.is_empty(), matches!(*name, "nothing" | "no samples"), "{name}");
        check(&figures);
    }
}

#[test]
fn what_diverges_leaves_the_figure_and_is_told() {
    let mut gd = trajectory("gd", Some(1.0), 9, |t| Some(10f64.powf(38.0 * t)));
    gd.ending = Ending { success: false, sentence: "diverged at t = 8".into() };
    let figures = drawn(&run(vec![trajectory("flow", None, 9, decaying), gd]));
    let errors = figures.iter().find(|figure| figure.id == "errors").unwrap();
    assert_eq!(errors.y.most, Some(10.0));
    assert!(errors.notes.contains(&"gd: diverged at t = 8.".to_owned()));
    check(&figures);
}

#[test]
fn two_hundred_trajectories_have_a_legend_of_bounded_length() {
    let many = (0..200).map(|k| trajectory(&format!("flow[seed={k}]"), None, 20, move |t| Some((-0.01 * k as f64 * t).exp())));
    let figures = drawn(&run(many.collect()));
    check(&figures);
    let errors = figures.iter().find(|figure| figure.id == "errors").unwrap();
    assert_eq!(errors.series.len(), 200);
    assert!(svg(errors).contains("… and 187 more"));
    assert!(svg(errors).matches("class=\"legend\"").count() <= 16);
}

#[test]
fn the_last_errors_of_a_family_are_drawn_against_its_parameter() {
    let members = [1e-1, 1e-2, 1e-3].map(|scale| {
        let mut member = trajectory(&format!("gd[scale={scale}]"), Some(0.1), 9, move |_| Some(2.0 * scale));
        member.ending.success = scale > 1e-3;
        member
    });
    let figures = drawn(&run(members.to_vec()));
    let figure = figures.iter().find(|figure| figure.id == "final_error_scale").unwrap();
    let points = &figure.series[0].points;
    assert_eq!((figure.series.len(), figure.x.log, figure.x.label.as_str(), points.len()), (1, true, "initial size α", 3));
    assert!(points[0].1.is_nan() && points[1] == (1e-2, 2e-2) && points[2] == (1e-1, 2e-1), "{points:?}");
    check(&figures);
}

#[test]
fn a_legend_of_long_names_stays_on_the_page_and_in_order() {
    let names = ["a", "b"].map(|letter| format!("{letter}_name_that_is_longer_than_a_column_of_a_paper_is_wide[bound=0.0001]"));
    let figures = drawn(&run(names.iter().map(|name| trajectory(name, None, 9, decaying)).collect()));
    let drawing = svg(figures.iter().find(|figure| figure.id == "errors").unwrap());
    let texts: Vec<&str> = drawing.lines().filter(|line| line.contains("class=\"legend\"")).collect();
    assert!(texts[0].contains(&names[0]) && texts[1].contains(&names[1]) && texts[0].contains("legend\" font-size=\""), "{texts:?}");
}
