//! The configuration of an experiment: the file's schema, loading with positions, resolution into validated types.

mod experiment;

pub use experiment::*;
