//! Keeps the other threads of a pool awake between the passes of a run.
//!
//! A pass over a small instance takes a tenth of a millisecond, as long as it takes to wake a thread of an idle core (on a virtual machine, several times as
//! long), and the pool's threads fall asleep in what is done between two passes. So every thread but the driver's looks for work without rest until
//! there has been none for [`PATIENCE`], and the driver moves away if one shares its core (`cores.rs`). What threads do, and in which order sums are taken, does not change.

use super::cores::Places;
use rayon::Yield;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a thread without work stays awake: longer than what is done between two passes of a small run, too short to cost much.
const PATIENCE: Duration = Duration::from_micros(500);
/// How long a thread that was called may be on its way, and how long the driver stays before it moves once more.
const WHILE: Duration = Duration::from_millis(1);
/// How long the driver waits at most before it looks again whether it may move.
const LONG: Duration = Duration::from_millis(64);
/// Pauses between two looks.
const PAUSES: usize = 16;

/// The threads that stay awake, for as long as this lives.
pub(super) struct Attendants {
    /// The driver's place in the pool, if others are to attend.
    driver: Option<usize>,
    shared: Arc<Shared>,
    /// Whether the driver moves away from the others: where the pool has all cores, so that the one that is idle is its own.
    moves: bool,
    /// When the others were called, or the driver thought of moving, last, and how long it stays from then on.
    settled: Cell<(Instant, Duration)>,
}

struct Shared {
    /// Threads that were called and have not fallen asleep again.
    present: AtomicUsize,
    over: AtomicBool,
    places: Places,
}

impl Attendants {
    /// For a run that is driven by the current thread of the current pool: of other threads in a pool of several, if each can have a core.
    pub(super) fn new() -> Self {
        let threads = rayon::current_num_threads();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let driver = rayon::current_thread_index().filter(|_| threads > 1 && threads <= cores);
        let shared = Shared { present: AtomicUsize::new(0), over: AtomicBool::new(false), places: Places::new(threads) };
        Attendants { driver, shared: Arc::new(shared), moves: threads == cores, settled: Cell::new((Instant::now(), WHILE)) }
    }

    /// Calls the others if all have fallen asleep, or else sees to it that the driver, the current thread, does not stand in their way.
    pub(super) fn call(&self) {
        let Some(driver) = self.driver else { return };
        if self.shared.present.load(Ordering::Relaxed) > 0 {
            let (since, stay) = self.settled.get();
            if self.moves
                && since.elapsed() > stay
                && let Some(moved) = self.shared.places.spread()
            {
                self.settled.set((Instant::now(), if moved { WHILE } else { LONG.min(2 * stay) }));
            }
            return;
        }
        self.shared.places.call(driver);
        self.settled.set((Instant::now(), WHILE));
        self.shared.present.store(rayon::current_num_threads() - 1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        rayon::spawn_broadcast(move |context| {
            if context.index() != driver {
                shared.attend(context.index());
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
    fn attend(&self, index: usize) {
        let mut last = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            self.places.note(index);
            if rayon::yield_now() == Some(Yield::Executed) {
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                break;
            }
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
        self.places.leave(index);
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
