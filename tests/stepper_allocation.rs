//! No stepper allocates after construction: counted by the allocator itself, in a file of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stepper_support;

use pgflow::config::{BoundSpec, Direction, ErrorNorm, FlowMethod, Form, Law, Method, Pair, PerturbationSpec, RelativeTo, ToleranceSpec};
use pgflow::dynamics::{GradientFlow, ModifiedFlow, State};
use pgflow::linalg::{Matrix, thin_svd};
use pgflow::problem::{Instance, Target};
use pgflow::sensing::Identity;
use pgflow::stepper::{Solo, StepEvent, build};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_and_interpolants_allocate_nothing() {
    let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 5) as f64 * 0.1 + 0.05;
    let target = Matrix::from_fn(40, 30, entry);
    let initial = State::from_factors(&Matrix::from_fn(40, 12, entry), &Matrix::from_fn(30, 12, entry));
    let identity = Identity::new(40, 30);
    let product = ToleranceSpec { rtol: 1e-7, atol: 0.0, norm: ErrorNorm::Product };
    let mut methods = stepper_support::every_method().to_vec();
    methods.extend([Pair::Dopri5, Pair::Dop853].map(|pair| Method::Flow(FlowMethod::Adaptive { pair, tolerance: product })));
    for method in methods {
        let method = match method {
            Method::GradientDescent { .. } => Method::GradientDescent { step: 0.01 },
            Method::Momentum { momentum, .. } => Method::Momentum { step: 0.01, momentum },
            Method::Nesterov { momentum, .. } => Method::Nesterov { step: 0.01, momentum },
            other => other,
        };
        let mut stepper = build(&method, initial.clone(), 1.0, Some(vec![0.4, 0.6]));
        let mut solo = Solo::new(&identity, target.as_slice());
        let mut out = initial.clone();
        // The first product of a thread makes the library's own buffers.
        solo.advance(&mut *stepper, &mut GradientFlow);
        let before = ALLOCATIONS.with(Cell::get);
        while !stepper.finished() {
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Arrived);
            stepper.request_interpolant();
            assert_eq!(solo.advance(&mut *stepper, &mut GradientFlow), StepEvent::Interpolant);
            stepper.interpolate(0.5 * (stepper.t_before() + stepper.t()), &mut out);
        }
        let counts = stepper.counts();
        assert!(counts.accepted >= 5, "{counts:?}");
        assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "{method:?} {counts:?}");
    }
}

/// Allocations while a method runs from its first point to its last.
fn allocations(method: &Method, field: &mut dyn pgflow::dynamics::VectorField, initial: &State, target: &Matrix) -> (u64, u64) {
    let identity = Identity::new(target.nrows(), target.ncols());
    let mut stepper = build(method, initial.clone(), 1.0, None);
    let mut solo = Solo::new(&identity, target.as_slice());
    for _ in 0..2 {
        solo.advance(&mut *stepper, field);
    }
    let (before, from) = (ALLOCATIONS.with(Cell::get), stepper.counts().accepted);
    while !stepper.finished() {
        assert_eq!(solo.advance(&mut *stepper, field), StepEvent::Arrived);
    }
    (ALLOCATIONS.with(Cell::get) - before, stepper.counts().accepted - from)
}

#[test]
fn the_modified_flow_allocates_nothing_and_spectral_steps_only_their_decomposition() {
    let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 5) as f64 * 0.1 + 0.05;
    let target = Matrix::from_fn(12, 9, |i, j| entry(i, j) + f64::from(i == j));
    let initial = State::from_factors(&Matrix::from_fn(12, 4, entry), &Matrix::from_fn(9, 4, entry));
    let mut modified = ModifiedFlow::new(0.05, initial.shape());
    assert_eq!(allocations(&stepper_support::adaptive(Pair::Dop853, 1e-8), &mut modified, &initial, &target).0, 0);
    thin_svd(&target).unwrap();
    let before = ALLOCATIONS.with(Cell::get);
    thin_svd(&target).unwrap();
    let decomposition = ALLOCATIONS.with(Cell::get) - before;
    for method in [Method::Exponential { step: 0.02 }, Method::Cayley { step: 0.02 }] {
        let (count, steps) = allocations(&method, &mut GradientFlow, &initial, &target);
        assert_eq!(count, steps * decomposition, "{method:?}");
        assert_eq!(steps, 49);
    }
}

/// The laws that promise it: what they need, they make at the beginning.
#[test]
fn perturbed_flows_allocate_nothing() {
    let entry = |i: usize, j: usize| ((7 * i + 3 * j) % 5) as f64 * 0.1 + 0.05;
    let target = Matrix::from_fn(40, 30, entry);
    let initial = State::from_factors(&Matrix::from_fn(40, 12, entry), &Matrix::from_fn(30, 12, entry));
    let (data, operator) = (target.as_slice().to_vec(), Box::new(Identity::new(40, 30)));
    let target = Some(Target::from_matrix(target, None).unwrap());
    let instance = Instance { target, operator, data, noise_adjoint: None };
    let laws = [
        Law::Constant { direction: Direction::Flat },
        Law::Rotating { period: 0.3 },
        Law::Smooth { correlation_time: 0.2 },
        Law::OrnsteinUhlenbeck { correlation_time: 0.2, resolution: 0.05 },
        Law::AdversarialLimit,
    ];
    for law in laws {
        let forms = [Form::Shared, Form::Additive, Form::TwoSided, Form::Lifted];
        let forms = if law == Law::AdversarialLimit { &forms[..1] } else { &forms[..] };
        for &form in forms {
            let bound = Some(BoundSpec { bound: 0.1, relative_to: RelativeTo::SigmaR });
            let spec = PerturbationSpec { form, bound, seed: 1, law: law.clone() };
            let mut field = pgflow::perturbation::build(&spec, &instance, initial.shape(), 1.0).unwrap();
            let tolerance = ToleranceSpec { rtol: 1e-7, atol: 0.0, norm: ErrorNorm::Factors };
            let flow = Method::Flow(FlowMethod::Adaptive { pair: Pair::Dop853, tolerance });
            let mut stepper = build(&flow, initial.clone(), 1.0, None);
            let mut solo = Solo::new(instance.operator.as_ref(), &instance.data);
            solo.advance(&mut *stepper, &mut field);
            let before = ALLOCATIONS.with(Cell::get);
            while !stepper.finished() {
                assert_eq!(solo.advance(&mut *stepper, &mut field), StepEvent::Arrived);
            }
            assert!(stepper.counts().accepted >= 3);
            assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "{law:?} {form:?}");
        }
    }
}
