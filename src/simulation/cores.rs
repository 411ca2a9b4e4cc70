//! On which cores the threads of a run are, so that the driver does not share one with a thread that waits for it.
//!
//! Threads that wait for each other a thousand times a second are hardly ever away for long enough that the system looks for a better place.
//! Where it has woken two of them on one core, it leaves them there for milliseconds, up to tens of them, beside a core that is idle, and every
//! pass takes twice as long. So a driver that finds another thread of its pool on its core moves away, unless anything else runs, which the
//! system has to weigh; where threads go from there is the system's again.
//!
//! Threads that are bound to cores for good would wait for any other process on theirs: beside one busy process on two cores a run took two
//! and a half times as long.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Of a thread that sleeps.
const ASLEEP: usize = usize::MAX;
/// Of a thread that was called and has not come yet.
const CALLED: usize = usize::MAX - 1;
/// Of a thread whose place has been looked at, and that may be elsewhere by now: it notes its place whenever it looks for work.
const SEEN: usize = usize::MAX - 2;

/// Where the threads of a pool are that attend to a driver.
#[derive(Debug)]
pub(super) struct Places(Vec<AtomicUsize>);

impl Places {
    /// Of so many threads, which sleep.
    pub(super) fn new(threads: usize) -> Self {
        Places((0..threads).map(|_| AtomicUsize::new(ASLEEP)).collect())
    }

    /// Notes that all but the driver are called.
    pub(super) fn call(&self, driver: usize) {
        (0..self.0.len()).filter(|index| *index != driver).for_each(|index| self.set(index, CALLED));
    }

    /// Notes where the current thread is, number `index` of the pool.
    pub(super) fn note(&self, index: usize) {
        self.set(index, system::core().unwrap_or(ASLEEP));
    }

    /// Notes that thread `index` goes to sleep.
    pub(super) fn leave(&self, index: usize) {
        self.set(index, ASLEEP);
    }

    fn set(&self, index: usize, place: usize) {
        // Reads leave the line in everybody's cache.
        if let Some(old) = self.0.get(index).filter(|old| old.load(Ordering::Relaxed) != place) {
            old.store(place, Ordering::Relaxed);
        }
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|place| place.load(Ordering::Relaxed))
    }

    /// Moves the current thread, the driver, to a core where none of the others is, if one shares its core, or must be waiting for one, since it was called some time
    /// ago and has not come; and if nothing runs on the machine but they and it. What is known of a place counts once. Returns whether there was a reason to move and none not to; absent without a
    /// reason.
    pub(super) fn spread(&self) -> Option<bool> {
        let here = system::core()?;
        if !self.crowd(here) {
            return None;
        }
        let alone = system::running().is_some_and(|running| running <= self.awake() + 1);
        if alone {
            system::move_away(here, self.all().filter(|place| *place < SEEN));
            let spent = |place: usize| (place == here || place == CALLED).then_some(SEEN);
            for place in &self.0 {
                // Places that do not count are left alone.
                let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent);
            }
        }
        Some(alone)
    }

    /// Whether a thread is on this core, or waits for one.
    fn crowd(&self, here: usize) -> bool {
        self.all().any(|place| place == here || place == CALLED)
    }

    /// How many threads are awake, or about to be.
    fn awake(&self) -> usize {
        self.all().filter(|place| *place != ASLEEP).count()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    use std::io::Read;

    /// The core that the current thread is on.
    pub fn core() -> Option<usize> {
        Some(sched_getcpu())
    }

    /// How many threads of the whole machine run or are ready to.
    pub fn running() -> Option<usize> {
        let mut text = [0; 64];
        let length = std::fs::File::open("/proc/loadavg").and_then(|mut file| file.read(&mut text)).ok()?;
        running_in(std::str::from_utf8(&text[..length]).ok()?)
    }

    /// `0.41 0.35 0.30 2/512 4711`: two of 512. Who asks is running: none is no answer.
    pub fn running_in(loadavg: &str) -> Option<usize> {
        loadavg.split(' ').nth(3)?.split_once('/')?.0.parse().ok().filter(|running| *running > 0)
    }

    /// Moves the current thread from `here` to another core than these too, if it may use one; later it may go wherever it could before.
    pub fn move_away(here: usize, others: impl Iterator<Item = usize>) {
        let Ok(allowed) = sched_getaffinity(None) else { return };
        let mut free = allowed;
        others.chain([here]).filter(|core| *core < CpuSet::MAX_CPU).for_each(|core| free.unset(core));
        if free.count() > 0 && sched_setaffinity(None, &free).is_ok() && sched_getaffinity(None).is_ok_and(|now| now == free) {
            // What was allowed a moment ago, unless somebody has just changed it.
            let _ = sched_setaffinity(None, &allowed);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn core() -> Option<usize> {
        None
    }

    pub fn running() -> Option<usize> {
        None
    }

    pub fn move_away(_here: usize, _others: impl Iterator<Item = usize>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_knows_whom_it_shares_its_core_with() {
        let places = Places::new(3);
        assert!(!places.crowd(7) && places.awake() == 0);
        places.call(1);
        assert!(places.crowd(7) && places.awake() == 2, "who was called waits");
        places.set(0, 6);
        places.set(2, 7);
        assert!(places.crowd(7) && places.crowd(6) && !places.crowd(5));
        places.set(2, SEEN);
        assert!(!places.crowd(7) && places.awake() == 2);
        places.leave(0);
        places.leave(2);
        assert!(!places.crowd(6) && places.awake() == 0);
    }

    #[test]
    fn a_place_counts_once() {
        let places = Places::new(2);
        assert_eq!(places.spread(), None);
        places.call(0);
        match places.spread() {
            // No move where other things run, as beside other tests, and nowhere but on Linux.
            Some(true) => assert_eq!((places.spread(), places.awake()), (None, 1)),
            Some(false) => assert!(places.crowd(0)),
            None => assert!(system::core().is_none()),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_moves_away_and_stays_free() {
        use rustix::thread::{CpuSet, sched_getaffinity};
        let Ok(all) = sched_getaffinity(None) else { return };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect();
        for &kept in &cores {
            // The system may move it on at once: not twenty times.
            let moved = (0..20).any(|_| {
                let mut others = cores.iter().copied().filter(|core| *core != kept);
                if let Some(here) = others.next() {
                    system::move_away(here, others);
                }
                system::core() == Some(kept)
            });
            assert!(moved, "core {kept} of {cores:?}");
            assert_eq!(sched_getaffinity(None).unwrap(), all);
        }
        system::move_away(cores[0], cores.iter().copied());
        assert_eq!(sched_getaffinity(None).unwrap(), all, "there is nowhere to go");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_runs_is_counted() {
        assert_eq!(system::running_in("0.41 0.35 0.30 2/512 4711\n"), Some(2));
        assert_eq!(system::running_in("0.00 0.00 0.00 0/0 0\n"), None);
        assert_eq!(system::running_in("0.41 0.35"), None);
    }
}
