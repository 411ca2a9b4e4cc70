//! The final error of a family's members against the parameter that they differ in: what a list in the configuration asks for.

use super::figure::{Axis, Figure, Outcome, Series};
use super::run::{RunData, TrajectoryData};
use super::sweep_data::{logarithmic, name};

/// A member: its family, the other parameters, the parameter, the last error.
struct Member {
    group: String,
    parameter: String,
    value: f64,
    error: f64,
}

/// One figure for each parameter in which at least three members of a family differ.
pub(super) fn figures(run: &RunData) -> Vec<Outcome> {
    let known = |column: &str| run.trajectories.iter().any(|trajectory| trajectory.points(column).is_some());
    let errors =
        [("relative_error", "final_relative_error"), ("residual_fro", "final ‖FGᵀ − Y‖_{F}"), ("train_error", "final_train_error")];
    let Some((column, label)) = errors.into_iter().find(|(column, _)| known(column)) else { return Vec::new() };
    let members: Vec<Member> = run.trajectories.iter().flat_map(|trajectory| members(trajectory, column)).collect();
    let mut parameters: Vec<&str> = Vec::new();
    for member in &members {
        if !parameters.contains(&member.parameter.as_str()) {
            parameters.push(&member.parameter);
        }
    }
    let drawn = parameters.iter().filter_map(|parameter| {
        let of: Vec<&Member> = members.iter().filter(|member| member.parameter == *parameter).collect();
        figure(run, parameter, &of, label)
    });
    drawn.collect()
}

/// A member for each numeric parameter in the name: `gd[step=0.1,scale=1e-3]` has two.
fn members(trajectory: &TrajectoryData, column: &str) -> Vec<Member> {
    let Some((family, list)) = trajectory.name.strip_suffix(']').and_then(|name| name.split_once('[')) else { return Vec::new() };
    let Some(error) = trajectory.columns.get(column).and_then(|values| *values.last()?) else { return Vec::new() };
    let error = if trajectory.ending.success { error } else { f64::NAN };
    let parts: Vec<&str> = list.split(',').collect();
    let member = |part: &&str| {
        let (parameter, value) = part.split_once('=')?;
        let others: Vec<&str> = parts.iter().copied().filter(|other| other != part).collect();
        let group = if others.is_empty() { family.to_owned() } else { format!("{family}, {}", others.join(", ")) };
        Some(Member { group, parameter: parameter.trim().to_owned(), value: value.trim().parse().ok()?, error })
    };
    parts.iter().filter_map(member).collect()
}

fn figure(run: &RunData, parameter: &str, members: &[&Member], error: &str) -> Option<Outcome> {
    let mut groups: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for member in members {
        match groups.iter_mut().find(|(group, _)| *group == member.group) {
            Some((_, points)) => points.push((member.value, member.error)),
            None => groups.push((&member.group, vec![(member.value, member.error)])),
        }
    }
    groups.retain(|(_, points)| points.len() > 2);
    if groups.is_empty() {
        return None;
    }
    let values: Vec<f64> = groups.iter().flat_map(|(_, points)| points).map(|(x, _)| *x).collect();
    // Keys end with the parameter.
    let x = Axis { log: logarithmic(&values), ..Axis::linear(name(&format!(".{parameter}")).trim_start_matches('.')) };
    let id = format!("final_error_{}", super::sweep::file_name(parameter));
    let title = format!("{}: {} against {}", run.name, name(error), x.label);
    let mut figure = Figure::new(id, title, x, Axis::log(name(error)));
    for (k, (group, mut points)) in groups.into_iter().enumerate() {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        figure.series.push(Series::line(group, points).look(k));
    }
    if figure.series.iter().flat_map(|series| &series.points).any(|(_, y)| y.is_nan()) {
        figure.notes.push("Trajectories that did not end well have no point.".into());
    }
    Some(figure.or_skipped("no final error is positive"))
}
