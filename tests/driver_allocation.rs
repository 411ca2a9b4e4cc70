//! Between samples the driver allocates nothing: the number of allocations of a run does not depend on its number of steps.

// Helpers outside the test functions panic like them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The builder serves more tests than this one.
#[allow(dead_code)]
#[path = "laboratory/setup.rs"]
mod setup;

use pgflow::config::{Method, Stop};
use pgflow::dynamics::State;
use pgflow::linalg::{Form, multiply};
use pgflow::problem::Instance;
use pgflow::sensing::{Entries, Hadamard, Rademacher, RankOne, SensingOperator};
use pgflow::simulation::{End, Simulation, Unattended};
use setup::{Lab, full_observation, sensed, small_start, target, with_operator};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Two descents, one of them compared with the other, and a flow of fixed steps; all rules that look at every step are on.
fn lab(steps: u32) -> Lab {
    let step = 2.0 / f64::from(steps);
    let stop = Stop {
        relative_error: Some(1e-12),
        train_error: Some(1e-12),
        gradient_norm: Some(1e-12),
        factor_norm: Some(1e6),
        evaluations: Some(1 << 40),
        wall_seconds: Some(1e6),
    };
    // Steps are powers of two, so that samples lie on the grid of each.
    let lab = Lab::new(2.0, 3).stop(stop).rk4("rk4", step).descent("gd", step).descent("other", step / 2.0);
    let sampled = Method::StochasticGradientDescent { step, batch: 3, seed: 1 };
    let large = Method::StochasticGradientDescent { step, batch: 80, seed: 1 };
    let fresh = Method::FreshMeasurements { step, measurements: 9, noise: 0.1, seed: 1 };
    lab.trajectory("sampled", "sampled", sampled).trajectory("large", "large", large).trajectory("fresh", "fresh", fresh).compare()
}

fn allocations(steps: u32, instance: &Instance, start: &State) -> usize {
    let lab = lab(steps);
    let mut simulation = Simulation::new(&lab.experiment, instance, vec![start.clone(); 6]).unwrap();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(matches!(simulation.run(&Unattended), End::Finished));
    let counted = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let record = simulation.record();
    assert_eq!(
        record.trajectories.iter().map(|t| t.steps).collect::<Vec<_>>(),
        [steps, steps, 2 * steps, steps, steps, steps].map(u64::from)
    );
    counted
}

#[test]
fn allocations_do_not_grow_with_the_number_of_steps() {
    let start = small_start(12, 10, 5, 0.1, 3);
    let y = || target(12, 10, &[1.0, 0.6], 1);
    let structured: [Box<dyn SensingOperator>; 4] = [
        Box::new(Rademacher::draw(12, 10, 150, 2).unwrap()),
        Box::new(RankOne::draw(12, 10, 150, 2).unwrap()),
        Box::new(Hadamard::draw(12, 10, 100, 2).unwrap()),
        Box::new(Entries::draw(12, 10, 90, 2).unwrap()),
    ];
    let structured = structured.map(|operator| with_operator(y(), operator));
    for instance in [sensed(y(), 150, 2), full_observation(y())].into_iter().chain(structured) {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                // Each thread's first product makes the library's buffers.
                let (f, g) = (start.left(), start.right());
                rayon::broadcast(|_| std::hint::black_box(multiply(Form::RightTransposed, f, g)));
                allocations(16, &instance, &start);
                let (few, many) = (allocations(16, &instance, &start), allocations(4096, &instance, &start));
                assert!(few > 0, "recording allocates, so the counter counts");
                // The order in which samples of different trajectories come may move where a list grows, or which shapes share a pass (and its
                // buffers); thousands of steps lie between.
                assert!(many <= few + 512, "{few} allocations, then {many}: {threads} threads, {} measurements", instance.data.len());
            });
        }
    }
}
