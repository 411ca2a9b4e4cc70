//! Figures of fixed data: their structure, their drawings, their pixels.

// Clippy exempts test functions, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "raster")]
mod pixels;
mod runs;
mod support;
mod sweeps;
