//! Factors at every sample, as arrays.

use crate::linalg::{Matrix, View};
use crate::problem::ArchiveWriter;
use crate::simulation::{RunRecord, Snapshots};
use std::io::{self, Seek, Write};

/// Writes `snapshots.npz`: per trajectory that kept its factors `<trajectory>.t` of shape (s), `<trajectory>.f` (s, m, h) and
/// `<trajectory>.g` (s, n, h), in the symmetric model `<trajectory>.u` (s, d, h) instead of both, f64 in C order. Equal records give equal bytes.
///
/// # Errors
/// A write that fails; snapshots of unequal shapes or numbers.
pub fn write_snapshots<W: Write + Seek>(record: &RunRecord, writer: W) -> io::Result<()> {
    let mut archive = ArchiveWriter::new(writer);
    for trajectory in &record.trajectories {
        if let Some(Snapshots { t, f, g }) = &trajectory.snapshots {
            let name = &trajectory.name;
            archive.array(&format!("{name}.t"), &[t.len()], t.iter().copied())?;
            if g.is_empty() && !f.is_empty() {
                stack(&mut archive, &format!("{name}.u"), t.len(), f)?;
                continue;
            }
            stack(&mut archive, &format!("{name}.f"), t.len(), f)?;
            stack(&mut archive, &format!("{name}.g"), t.len(), g)?;
        }
    }
    archive.finish()?.flush()
}

pub(super) fn stack<W: Write + Seek>(archive: &mut ArchiveWriter<W>, name: &str, samples: usize, factors: &[Matrix]) -> io::Result<()> {
    let (rows, width) = factors.first().map_or((0, 0), Matrix::shape);
    if factors.len() != samples || factors.iter().any(|factor| factor.shape() != (rows, width)) {
        let reason = format!("{name}: {} factors for {samples} times, or factors of unequal shapes", factors.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    archive.array(name, &[samples, rows, width], factors.iter().flat_map(|factor| crate::problem::row_major(View::of(factor))))
}
