//! The command line: one file per command.

mod arguments;
mod certificate_text;
mod certify;
mod check;
mod error;
pub mod exit;
mod experiment;
mod instance;
mod interrupt;
mod monitor;
mod plot;
mod report;
mod report_sweep;
mod run;
mod run_data;
mod singular_vectors;
mod summary;
mod sweep;
mod sweep_progress;
mod sweep_submit;

pub use arguments::Arguments;

use crate::config;
use arguments::Command;
use clap::CommandFactory;
use error::CliError;
use std::io::Write;

/// Executes a command; returns the exit code.
pub fn run(arguments: Arguments) -> i32 {
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Instance(arguments) => instance::run(&arguments),
        Command::Certify(arguments) => certify::run(&arguments),
        Command::Sweep(command) => sweep::run(&command),
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::New { template } => new(&template),
        Command::Schema => schema(),
        Command::Completions { shell } => completions(shell),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be done where standard error itself cannot be written to.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

/// Prints results. A reader that has gone away is no failure.
fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::Print(error)),
        _ => Ok(()),
    }
}

fn new(template: &str) -> Result<i32, CliError> {
    print(config::template(template)?)?;
    Ok(exit::DONE)
}

fn schema() -> Result<i32, CliError> {
    print(&format!("{:#}\n", config::json_schema()))?;
    Ok(exit::DONE)
}

fn completions(shell: clap_complete::Shell) -> Result<i32, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pgflow", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}
