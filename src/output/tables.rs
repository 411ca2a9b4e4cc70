//! The three tables of a run.
//!
//! Numbers are written as `{:.16e}`: 17 significant digits, from which every f64 is read back to the last bit. A value that is undefined is
//! an empty cell; one that was computed and is not finite is `NaN`, `inf` or `-inf`. Lines end with a line feed.

use crate::simulation::RunRecord;
use std::io::{self, Write};

/// Writes `trajectories.csv`: `trajectory,step,t,<observables>`, one row per trajectory and sample, in the order of the record.
///
/// # Errors
/// A write that fails; a row with another number of values than there are columns.
pub fn write_trajectories(record: &RunRecord, writer: impl Write) -> io::Result<()> {
    let columns = record.columns.iter().map(String::as_str);
    let mut table = Table::new(writer, ["trajectory", "step", "t"].into_iter().chain(columns))?;
    for trajectory in &record.trajectories {
        for row in &trajectory.rows {
            table.text(&trajectory.name)?.step(row.step)?.number(row.t)?;
            for value in &row.values {
                table.optional(*value)?;
            }
            table.end()?;
        }
    }
    table.finish()
}

/// Writes `spectrum.csv`: `trajectory,step,t,index,singular_value`, indices from 1.
///
/// # Errors
/// A write that fails.
pub fn write_spectrum(record: &RunRecord, writer: impl Write) -> io::Result<()> {
    let mut table = Table::new(writer, ["trajectory", "step", "t", "index", "singular_value"])?;
    for trajectory in &record.trajectories {
        for row in &trajectory.spectrum {
            for (index, value) in row.values.iter().enumerate() {
                table.text(&trajectory.name)?.step(row.step)?.number(row.t)?.step(Some(index as u64 + 1))?.number(*value)?;
                table.end()?;
            }
        }
    }
    table.finish()
}

/// Writes `comparison.csv`: `reference,trajectory,step,t,product_deviation,product_deviation_op,factor_deviation`, and `bound,bound_first_order`
/// where some comparison asks for bounds.
///
/// # Errors
/// A write that fails.
pub fn write_comparison(record: &RunRecord, writer: impl Write) -> io::Result<()> {
    let deviations = ["product_deviation", "product_deviation_op", "factor_deviation"];
    let bounds: &[&str] = if record.bounded { &["bound", "bound_first_order"] } else { &[] };
    let header = ["reference", "trajectory", "step", "t"].into_iter().chain(deviations).chain(bounds.iter().copied());
    let mut table = Table::new(writer, header)?;
    for row in &record.comparison {
        table.text(&row.reference)?.text(&row.trajectory)?.step(row.step)?.number(row.t)?;
        table.number(row.product_deviation)?.number(row.product_deviation_op)?.optional(row.factor_deviation)?;
        if record.bounded {
            table.optional(row.bound)?.optional(row.bound_first_order)?;
        }
        table.end()?;
    }
    table.finish()
}

/// Cells one after another; the csv writer refuses rows of unequal length.
struct Table<W: Write> {
    csv: csv::Writer<W>,
    cell: Vec<u8>,
}

impl<W: Write> Table<W> {
    fn new<'a>(writer: W, header: impl IntoIterator<Item = &'a str>) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(writer);
        csv.write_record(header).map_err(unwrap_io)?;
        Ok(Table { csv, cell: Vec::with_capacity(32) })
    }

    fn text(&mut self, text: &str) -> io::Result<&mut Self> {
        self.csv.write_field(text).map_err(unwrap_io)?;
        Ok(self)
    }

    fn step(&mut self, step: Option<u64>) -> io::Result<&mut Self> {
        self.cell.clear();
        if let Some(step) = step {
            write!(self.cell, "{step}")?;
        }
        self.cell()
    }

    fn number(&mut self, value: f64) -> io::Result<&mut Self> {
        self.optional(Some(value))
    }

    fn optional(&mut self, value: Option<f64>) -> io::Result<&mut Self> {
        self.cell.clear();
        if let Some(value) = value {
            write!(self.cell, "{value:.16e}")?;
        }
        self.cell()
    }

    fn cell(&mut self) -> io::Result<&mut Self> {
        self.csv.write_field(&self.cell).map_err(unwrap_io)?;
        Ok(self)
    }

    fn end(&mut self) -> io::Result<()> {
        self.csv.write_record(None::<&[u8]>).map_err(unwrap_io)
    }

    fn finish(mut self) -> io::Result<()> {
        self.csv.flush()
    }
}

/// Keeps the kind of an input/output error (a full disk, say), which the remedy depends on.
fn unwrap_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}
