//! Exit codes, by meaning.

/// Done.
pub const DONE: i32 = 0;
/// A trajectory diverged, failed or hit a limit, or a cross-check exceeded its tolerance.
pub const FAILED: i32 = 1;
/// Usage or configuration.
pub const USAGE: i32 = 2;
/// Input or output.
pub const IO: i32 = 3;
/// Interrupted; can be resumed.
pub const RESUMABLE: i32 = 75;
/// Interrupted; cannot be resumed.
pub const INTERRUPTED: i32 = 130;
