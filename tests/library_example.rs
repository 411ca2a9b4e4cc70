//! The example of the library does what it claims.

#![allow(clippy::unwrap_used)]

#[path = "../examples/library.rs"]
mod library;

use pgflow::simulation::sup_deviation;

#[test]
fn the_library_example_recovers_its_target_at_first_order() {
    let [coarse, fine] = [0.02, 0.01].map(|step| {
        let record = library::run(step).unwrap();
        for trajectory in &record.trajectories {
            assert!(trajectory.outcome.unwrap().is_success());
            let last = trajectory.rows.last().unwrap().values[0].unwrap();
            assert!(last < 0.05, "{}: {last}", trajectory.name);
        }
        sup_deviation(&record, "flow", "gd").unwrap()
    });
    // Euler's method: half the step, half the deviation, up to a relative O(η).
    assert!((coarse / fine - 2.0).abs() < 0.1, "{coarse} and {fine}");
}
