//! The configuration of an experiment: the file's schema, loading with positions, resolution into validated types.

mod columns;
mod descents;
mod deserialize;
mod document;
mod ensembles;
mod error;
mod experiment;
mod flows;
mod inits;
mod integrator;
mod json;
mod load;
mod located;
mod method;
mod overrides;
mod perturbation;
mod render;
mod resolve;
mod schema;
mod sweep;
mod templates;
mod values;

pub use columns::{COLUMNS, DEFAULT_COLUMNS};
pub use error::{Complaint, ConfigError, Defect, Location};
pub use experiment::*;
pub use integrator::*;
pub use json::json_schema;
pub use load::{Loaded, Source, load};
pub use method::*;
pub use sweep::{Fit, Parameter, SweepFile};
pub use templates::{TEMPLATES, UnknownTemplate, template};
