//! How much memory is left.

use super::SensingError;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes of memory that this process can still take: what the machine has available, or what its control group leaves if that
/// is less. `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()));
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    // The group's page cache gives way, so that only its resident pages count as taken.
    let group = system.cgroup_limits().map(|limits| limits.total_memory.saturating_sub(limits.rss));
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

/// Refuses a structured ensemble, of `[measurements, rows, cols]`, that is empty or needs more memory than is left.
///
/// # Errors
/// [`SensingError::Empty`], [`SensingError::DoesNotFit`].
pub(super) fn check(ensemble: &'static str, [measurements, rows, cols]: [usize; 3], needed: u64) -> Result<(), SensingError> {
    if rows == 0 || cols == 0 || measurements == 0 {
        return Err(SensingError::Empty { rows, cols, measurements });
    }
    match available_memory() {
        Some(available) if needed > available => Err(SensingError::DoesNotFit { ensemble, needed, available, rows, cols, measurements }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::available_memory;

    #[test]
    fn this_machine_says_how_much_is_left() {
        let bytes = available_memory().unwrap();
        assert!((16 << 20..1 << 50).contains(&bytes), "{bytes}");
    }
}
