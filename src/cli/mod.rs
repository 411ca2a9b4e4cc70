//! The command line.

mod arguments;
mod interrupt;
mod monitor;
mod summary;
pub mod exit;
