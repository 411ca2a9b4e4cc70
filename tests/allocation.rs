//! Applications allocate nothing once their workspace has grown.

use pgflow::config::Storage;
use pgflow::linalg::{Form, Matrix, View, multiply};
use pgflow::sensing::{Answer, BATCH, Gaussian, Question, SensingOperator};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steady_applications_allocate_nothing() {
    let (m, n, h, p) = (40, 30, 10, 300);
    for storage in [Storage::F64, Storage::F32] {
        for threads in [1, 2, 3] {
            let operator = Gaussian::draw(m, n, p, storage, 3).unwrap();
            let (f, g, y) = (Matrix::from_element(m, h, 0.1), Matrix::from_element(n, h, 0.2), vec![1.0; p]);
            let questions = [Question::residual(View::of(&f), View::of(&g)); BATCH];
            let mut answers = vec![Answer::new(m, n); BATCH];
            let mut work = operator.workspace();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut all = |rounds: usize| {
                for _ in 0..rounds {
                    for batch in 1..=BATCH {
                        operator.answer(&y, &questions[..batch], &mut answers[..batch], &mut work);
                    }
                }
            };
            let counted = pool.install(|| {
                // Products of factors take a buffer of the library for each thread, at its first product.
                rayon::broadcast(|_| std::hint::black_box(multiply(Form::RightTransposed, &f, &g)));
                all(1);
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                all(20);
                ALLOCATIONS.load(Ordering::Relaxed) - before
            });
            assert_eq!(counted, 0, "{storage:?}, {threads} threads");
        }
    }
}
