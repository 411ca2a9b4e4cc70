//! Keeps the other threads of a pool awake between the passes of a run.
//!
//! A pass over a small instance takes a tenth of a millisecond, as long as it takes to wake a thread of an idle core (on a virtual machine, several times as
//! long), and the pool's threads fall asleep in what is done between two passes. So every thread but the driver's looks for work without rest until
//! there has been none for [`PATIENCE`]. What threads do, and in which order sums are taken, does not change.

use rayon::Yield;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a thread without work stays awake: longer than what is done between two passes of a small run, too short to cost much.
const PATIENCE: Duration = Duration::from_micros(500);
/// Pauses between two looks.
const PAUSES: usize = 16;

/// The threads that stay awake, for as long as this lives.
pub(super) struct Attendants {
    /// The driver's place in the pool, if others are to attend.
    driver: Option<usize>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Threads that were called and have not fallen asleep again.
    present: AtomicUsize,
    over: AtomicBool,
}

impl Attendants {
    /// For a run that is driven by the current thread of the current pool: of other threads in a pool of several, if each can have a core.
    pub(super) fn new() -> Self {
        let threads = rayon::current_num_threads();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let driver = rayon::current_thread_index().filter(|_| threads > 1 && threads <= cores);
        Attendants { driver, shared: Arc::default() }
    }

    /// Calls the others if all have fallen asleep.
    pub(super) fn call(&self) {
        let Some(driver) = self.driver else { return };
        if self.shared.present.load(Ordering::Relaxed) > 0 {
            return;
        }
        self.shared.present.store(rayon::current_num_threads() - 1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        rayon::spawn_broadcast(move |context| {
            if context.index() != driver {
                shared.attend();
                shared.present.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }
}

impl Drop for Attendants {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn attend(&self) {
        let mut last = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            if rayon::yield_now() == Some(Yield::Executed) {
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                return;
            }
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn they_come_work_and_go() {
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        pool(2).install(|| {
            let attendants = Attendants::new();
            for _ in 0..3 {
                attendants.call();
                let (a, b) = rayon::join(|| 1, || 2);
                assert_eq!(a + b, 3);
            }
            let shared = Arc::clone(&attendants.shared);
            drop(attendants);
            while shared.present.load(Ordering::Relaxed) > 0 {
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn nobody_is_called_in_a_pool_of_one_or_of_more_threads_than_cores() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for threads in [1, cores + 1] {
            assert!(pool(threads).install(Attendants::new).driver.is_none());
        }
        assert!(Attendants::new().driver.is_none());
    }
}
