//! What watches over a run from the command line: signals, checkpoints by the clock, a progress bar.

use super::interrupt::Interrupt;
use crate::simulation::{Monitor, SavedRun};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Ticks of a full progress bar.
const TICKS: u64 = 1000;
/// Time between two checkpoints.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(30);

/// Watches over a run.
pub struct Attendant<'a> {
    interrupt: Interrupt,
    bar: ProgressBar,
    last_checkpoint: Mutex<Instant>,
    store: &'a (dyn Fn(SavedRun) + Sync),
}

impl<'a> Attendant<'a> {
    /// An attendant that hands checkpoints to `store`; the bar appears where standard error is a terminal.
    pub fn new(interrupt: Interrupt, quiet: bool, store: &'a (dyn Fn(SavedRun) + Sync)) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(TICKS), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3} % of the horizon, {msg}, {eta} left") {
            bar.set_style(style);
        }
        Attendant { interrupt, bar, last_checkpoint: Mutex::new(Instant::now()), store }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Monitor for Attendant<'_> {
    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn wants_checkpoint(&self) -> bool {
        self.last_checkpoint.lock().is_ok_and(|last| last.elapsed() > CHECKPOINT_INTERVAL)
    }

    fn checkpoint(&self, saved: SavedRun) {
        (self.store)(saved);
        if let Ok(mut last) = self.last_checkpoint.lock() {
            *last = Instant::now();
        }
    }

    fn progress(&self, fraction: f64, unfinished: usize) {
        let ticks = (fraction * TICKS as f64) as u64;
        if ticks != self.bar.position() {
            self.bar.set_position(ticks);
            self.bar.set_message(format!("{unfinished} unfinished"));
        }
    }
}
