//! `pgflow instance`: an experiment's instance as arrays.

use super::arguments::InstanceArguments;
use super::error::CliError;
use super::{exit, experiment};
use crate::output::write_atomically;
use crate::problem::{OperatorKind, build_instance, initial_state, write_instance};

pub fn run(arguments: &InstanceArguments) -> Result<i32, CliError> {
    let experiment = experiment::load(&arguments.experiment)?.experiment;
    let built = build_instance(&experiment)?;
    let kind = if arguments.dense { OperatorKind::Dense } else { built.kind };
    // The initial factors are those of the first trajectory: a file holds one pair.
    let init = experiment.trajectories.first().map(|trajectory| &trajectory.init);
    let start = init.map(|init| initial_state(init, experiment.width, &built.instance, built.factors.as_ref())).transpose()?;
    write_atomically(&arguments.out, |writer| write_instance(writer, &built.instance, kind, start.as_ref()).map(|_| ()))?;
    Ok(exit::DONE)
}
