//! The `pgflow` program.

use clap::Parser;
use pgflow::cli::{Arguments, run};

fn main() {
    std::process::exit(run(Arguments::parse()));
}
