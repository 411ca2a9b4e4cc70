//! Singular vectors at every sample, as arrays.

use super::snapshots::stack;
use crate::problem::ArchiveWriter;
use crate::simulation::{RunRecord, SingularVectors};
use std::io::{self, Seek, Write};

/// Writes `vectors.npz`: per trajectory that kept them `<trajectory>.t` of shape (s), `<trajectory>.left` (s, m, k) and `<trajectory>.right`
/// (s, n, k), f64 in C order. Equal records give equal bytes.
///
/// # Errors
/// A write that fails; vectors of unequal shapes or numbers.
pub fn write_vectors<W: Write + Seek>(record: &RunRecord, writer: W) -> io::Result<()> {
    let mut archive = ArchiveWriter::new(writer);
    for trajectory in &record.trajectories {
        if let Some(SingularVectors { t, left, right, .. }) = &trajectory.vectors {
            let name = &trajectory.name;
            archive.array(&format!("{name}.t"), &[t.len()], t.iter().copied())?;
            stack(&mut archive, &format!("{name}.left"), t.len(), left)?;
            stack(&mut archive, &format!("{name}.right"), t.len(), right)?;
        }
    }
    archive.finish()?.flush()
}
