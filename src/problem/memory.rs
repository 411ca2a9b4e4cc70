//! What fits in memory, asked before anything is allocated.

use super::ProblemError;

/// Bytes that this process can still allocate without swapping: what the system has available, or less where a control group
/// limits it. `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let available = system.available_memory();
    if available == 0 {
        return None;
    }
    // A control group without a limit reports the whole machine, whose free memory leaves out what caches would give back.
    let limit = system.cgroup_limits().filter(|group| group.total_memory < system.total_memory()).map(|group| group.free_memory);
    Some(limit.map_or(available, |limit| available.min(limit)))
}

/// Refuses what needs more than can be had.
///
/// # Errors
/// [`ProblemError::Memory`] with `what`, the bytes, and the `remedy`.
pub fn require_memory(what: &str, required: u128, available: Option<u64>, remedy: &str) -> Result<(), ProblemError> {
    match available {
        Some(available) if required > u128::from(available) => {
            Err(ProblemError::Memory { what: what.to_owned(), required, available, remedy: remedy.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Bytes of `p` dense `m × n` matrices; cannot overflow for any sizes that a configuration can hold.
pub(crate) fn dense_bytes(p: usize, rows: usize, cols: usize, entry: u128) -> u128 {
    (p as u128).saturating_mul(rows as u128).saturating_mul(cols as u128).saturating_mul(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_sizes_and_remedy() {
        let error = require_memory("the ensemble", dense_bytes(1 << 20, 1 << 10, 1 << 10, 8), Some(1 << 30), "use fewer").unwrap_err();
        assert_eq!(error.to_string(), "the ensemble needs 8.0 TiB of memory, of which 1.0 GiB can be had; use fewer");
        assert!(require_memory("x", 10, Some(10), "").is_ok());
        assert!(require_memory("x", u128::MAX, None, "").is_ok());
        assert!(require_memory("x", dense_bytes(usize::MAX, usize::MAX, 2, 8), Some(u64::MAX), "").is_err());
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}
