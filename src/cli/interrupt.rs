//! Signals: the first asks the run to stop where it can be resumed, the second ends the process at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by SIGINT or SIGTERM.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the handlers: a second signal exits with code 130.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn install() -> std::io::Result<Self> {
        Interrupt::on(&[SIGINT, SIGTERM])
    }

    /// Installs the handlers of a sweep: SIGUSR1 too, by which a scheduler says that time is nearly over.
    ///
    /// # Errors
    /// If the system refuses a handler.
    #[cfg(unix)]
    pub fn install_for_sweep() -> std::io::Result<Self> {
        let interrupt = Interrupt::on(&[SIGINT, SIGTERM])?;
        // Schedulers may send it to the script and to the program: a second one must not end the process.
        signal_hook::flag::register(signal_hook::consts::SIGUSR1, interrupt.0.clone())?;
        Ok(interrupt)
    }

    /// Installs the handlers of a sweep.
    ///
    /// # Errors
    /// If the system refuses a handler.
    #[cfg(not(unix))]
    pub fn install_for_sweep() -> std::io::Result<Self> {
        Interrupt::install()
    }

    fn on(signals: &[i32]) -> std::io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for &signal in signals {
            // In this order: the first signal finds the flag unset and only sets it.
            signal_hook::flag::register_conditional_shutdown(signal, super::exit::INTERRUPTED, flag.clone())?;
            signal_hook::flag::register(signal, flag.clone())?;
        }
        Ok(Interrupt(flag))
    }

    /// Whether a signal has come.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
