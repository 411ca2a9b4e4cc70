//! Tells how far a shard is: a bar on a terminal, a line a minute elsewhere, and a file for `pgflow sweep status`.

use super::interrupt::Interrupt;
use crate::sweep::{Shard, ShardProgress, Watch, progress_path, remove_progress, write_progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two lines of progress where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two writings of the file.
const FILE_INTERVAL: Duration = Duration::from_secs(10);

/// Watches over a shard.
pub(super) struct Attendant {
    interrupt: Interrupt,
    bar: ProgressBar,
    lines: bool,
    over: AtomicBool,
    started: Instant,
    file: PathBuf,
    host: String,
    shard: Shard,
    pending: AtomicUsize,
    running: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicUsize,
    /// The part of the work that is done, as bits.
    part: AtomicU64,
}

impl Attendant {
    pub(super) fn new(interrupt: Interrupt, quiet: bool, directory: &Path, shard: Shard) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !quiet { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} tasks, {msg}") {
            bar.set_style(style);
        }
        let zero = || AtomicUsize::new(0);
        let host = sysinfo::System::host_name().unwrap_or_else(|| "host".into());
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Attendant {
            interrupt,
            bar,
            lines: !terminal && !quiet,
            over: AtomicBool::new(false),
            started: Instant::now(),
            file: progress_path(directory, &host, std::process::id(), since_epoch),
            host,
            shard,
            pending: zero(),
            running: zero(),
            done: zero(),
            failed: zero(),
            part: AtomicU64::new(0),
        }
    }

    /// Tells until the shard is over.
    pub(super) fn tell(&self) {
        let (mut line, mut file) = (Instant::now(), None::<Instant>);
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            let pending = self.pending.load(Ordering::Relaxed) > 0;
            // The first second is for shards that have nothing to do, or little.
            if pending && file.map_or(self.started.elapsed() >= Duration::from_secs(1), |last| last.elapsed() >= FILE_INTERVAL) {
                file = Some(Instant::now());
                // A run whose progress cannot be written goes on; if its results cannot be written either, it says so.
                let _ = write_progress(&self.file, &self.progress());
            }
            self.bar.set_message(counts(&self.progress()));
            if self.lines && line.elapsed() >= LINE_INTERVAL {
                line = Instant::now();
                let progress = self.progress();
                let _ = writeln!(std::io::stderr(), "{}/{} tasks done, {}", progress.done, progress.pending, counts(&progress));
            }
        }
        if file.is_some() {
            remove_progress(&self.file);
        }
    }

    /// The shard is over.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn progress(&self) -> ShardProgress {
        let load = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        let elapsed = self.started.elapsed().as_secs_f64();
        ShardProgress {
            host: self.host.clone(),
            process: std::process::id(),
            shard: format!("{}/{}", self.shard.index, self.shard.count),
            pending: load(&self.pending),
            done: load(&self.done),
            failed: load(&self.failed),
            running: load(&self.running),
            elapsed,
            left: ShardProgress::seconds_left(elapsed, f64::from_bits(self.part.load(Ordering::Relaxed))),
        }
    }
}

fn counts(progress: &ShardProgress) -> String {
    format!("{} running, {} failed; time left: {}", progress.running, progress.failed, duration(progress.left))
}

/// Seconds as people say them.
pub(super) fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => "unknown".into(),
        Some(seconds) if seconds < 120.0 => format!("about {seconds:.0} s"),
        Some(seconds) if seconds < 7200.0 => format!("about {:.0} min", seconds / 60.0),
        Some(seconds) => format!("about {:.1} h", seconds / 3600.0),
    }
}

impl Watch for Attendant {
    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn begin(&self, pending: usize, _present: usize) {
        self.pending.store(pending, Ordering::Relaxed);
        self.bar.set_length(pending as u64);
    }

    fn running(&self, tasks: usize) {
        self.running.fetch_add(tasks, Ordering::Relaxed);
    }

    fn worked(&self, part: f64) {
        self.part.store(part.to_bits(), Ordering::Relaxed);
    }

    fn done(&self, failed: bool) {
        // Tasks that another process has done, and those without an instance, were never running here.
        let _ = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| Some(running.saturating_sub(1)));
        self.done.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(usize::from(failed), Ordering::Relaxed);
        self.bar.inc(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_tells_counts_and_time() {
        let progress = ShardProgress { running: 3, failed: 1, left: Some(90.0), ..ShardProgress::default() };
        assert_eq!(counts(&progress), "3 running, 1 failed; time left: about 90 s");
        assert_eq!([None, Some(600.0), Some(9000.0)].map(duration), ["unknown", "about 10 min", "about 2.5 h"]);
    }
}
