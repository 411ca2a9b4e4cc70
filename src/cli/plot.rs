//! `pgflow plot`: the figures of a run or a sweep.

use super::arguments::PlotArguments;
use super::certify::wrong;
use super::error::CliError;
use super::{exit, print, run_data};
use crate::output::{FIGURES, OutputError, clear_figures, write_atomically};
use crate::report::{Figure, Outcome, RunData, Selection, SweepData, ZOOM, csv, figures, pgfplots, png, svg, sweep_figures};
use crate::sweep::{SWEEP_CONFIG, Sweep, collect, fit};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Whether PNG files are written.
const RASTER: bool = cfg!(feature = "raster");

pub fn run(arguments: &PlotArguments) -> Result<i32, CliError> {
    let directory = &arguments.directory;
    let outcomes = if directory.join(SWEEP_CONFIG).exists() {
        refuse_selection(directory, &arguments.trajectory)?;
        sweep_figures(&sweep_data(directory)?, arguments.recovered)
    } else {
        let run = run_data::read(directory)?;
        figures(&run, &selection(&run, &arguments.trajectory, directory)?)
    };
    print(&write_figures(directory, &outcomes, arguments.data)?)?;
    Ok(exit::DONE)
}

/// A sweep has no figures of single trajectories.
pub(super) fn refuse_selection(directory: &Path, names: &[String]) -> Result<(), CliError> {
    match names.first() {
        Some(name) => Err(wrong(directory, format!("is a sweep, whose figures are of all trajectories; leave out --trajectory {name}"))),
        None => Ok(()),
    }
}

/// Collects a sweep, as far as it has come.
pub(super) fn sweep_data(directory: &Path) -> Result<SweepData, CliError> {
    let sweep = Sweep::open(directory)?;
    let table = collect(&sweep, false)?;
    let (name, keys) = (sweep.manifest.name.clone(), sweep.manifest.keys.clone());
    let fits = fit(&table, &keys, sweep.file.fits())?;
    Ok(SweepData { name, keys, table, fits })
}

/// Replaces the figures in the folder `figures` of a directory; returns a line for each.
pub(super) fn write_figures(directory: &Path, outcomes: &[Outcome], data: bool) -> Result<String, CliError> {
    let folder = directory.join(FIGURES);
    std::fs::create_dir_all(&folder).map_err(|source| OutputError::io(&folder, "creating", source))?;
    clear_figures(directory)?;
    let mut text = String::new();
    for outcome in outcomes {
        // Writing to a `String` cannot fail.
        let _ = match outcome {
            Outcome::Skipped(id, why) => writeln!(text, "{id}: not drawn: {why}"),
            Outcome::Drawn(figure) => {
                write(&folder, figure, data)?;
                writeln!(text, "{}: {}", figure.id, folder.join(format!("{}.svg", figure.id)).display())
            }
        };
    }
    if !RASTER {
        text.push_str("no PNG files: this program was built without the feature \"raster\" (cargo build --features raster)\n");
    }
    Ok(text)
}

pub(super) fn selection(run: &RunData, names: &[String], directory: &Path) -> Result<Selection, CliError> {
    let unknown = |name: &&String| !run.trajectories.iter().any(|trajectory| trajectory.name == **name);
    match names.iter().find(unknown) {
        Some(name) => {
            let all: Vec<&str> = run.trajectories.iter().map(|trajectory| trajectory.name.as_str()).collect();
            Err(wrong(directory, format!("has no trajectory \"{name}\"; there are {}", all.join(", "))))
        }
        None if names.is_empty() => Ok(Selection::First),
        None => Ok(Selection::Named(names.to_vec())),
    }
}

fn write(folder: &Path, figure: &Figure, data: bool) -> Result<(), CliError> {
    let drawing = svg(figure);
    let store = |ending: &str, bytes: &[u8]| {
        let path = folder.join(format!("{}.{ending}", figure.id));
        write_atomically(&path, |writer| writer.write_all(bytes))
    };
    store("svg", drawing.as_bytes())?;
    if RASTER {
        let pixels = png(&drawing, ZOOM).map_err(|error| wrong(folder, format!("{}: {error}", figure.id)))?;
        store("png", &pixels)?;
    }
    if data {
        store("csv", csv(figure).as_bytes())?;
        store("tex", pgfplots(figure).as_bytes())?;
    }
    Ok(())
}
