//! A series of matrices from a file.

use crate::config::{Form, Interpolation};
use crate::linalg::{Matrix, operator_norm, symmetrise};
use crate::perturbation::{Blocks, Circumstances, Perturbation, PerturbationError};
use crate::problem::ArchiveReader;
use std::path::Path;

/// What a norm may exceed the bound by, relatively: the rounding of whoever wrote the file.
const SLACK: f64 = 1e-12;

/// `E(t)` from the matrices `E_k` at times `0 = t_0 < t_1 < …`, in units of their own: `E_k` on `[t_k, t_{k+1})`, or linear between `E_k` and
/// `E_{k+1}`; the last one holds for ever. Every `t_k` is a jump for the integrator (of the derivative, if linear).
pub(in crate::perturbation) struct Replay {
    interpolation: Interpolation,
    times: Vec<f64>,
    /// For each block, its series.
    series: Vec<Vec<Matrix>>,
}

/// The names of a form's arrays.
fn arrays(form: Form) -> &'static [&'static str] {
    match form {
        Form::Shared => &["e"],
        Form::TwoSided => &["e1", "e2"],
        Form::Additive => &["p"],
        Form::Lifted => &["lifted"],
    }
}

impl Replay {
    /// Reads a series of blocks of the shapes of `zeros` (format: docs/perturbations.md), none larger than `largest` in operator norm.
    ///
    /// # Errors
    /// A file that cannot be read; other arrays; times that do not ascend from 0; shapes that do not fit; a matrix beyond `largest`, or in the
    /// symmetric model one that is not symmetric.
    pub fn read(
        path: &Path,
        form: Form,
        interpolation: Interpolation,
        zeros: &Blocks,
        largest: Option<f64>,
    ) -> Result<Self, PerturbationError> {
        let mut archive = ArchiveReader::open(path)?;
        let refuse = |reason: String| PerturbationError::Replay { path: path.to_owned(), reason };
        let wanted = arrays(form);
        if let Some(other) = archive.names().iter().find(|name| *name != "t" && !wanted.contains(&name.as_str())) {
            return Err(refuse(format!("has an array \"{other}\"; this form reads \"t\" and \"{}\"", wanted.join("\", \""))));
        }
        let times = archive.vector("t")?;
        if times.first() != Some(&0.0) || times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(refuse("\"t\" must begin with 0 and ascend strictly".into()));
        }
        let mut series = Vec::new();
        for (name, zero) in wanted.iter().zip(zeros.matrices()) {
            let matrices = archive.matrices(name)?;
            let (found, expected) = (matrices.first().map_or((0, 0), Matrix::shape), zero.shape());
            if matrices.len() != times.len() || found != expected {
                let (s, (a, b), (c, d)) = (times.len(), expected, found);
                return Err(refuse(format!("\"{name}\" has shape ({}, {c}, {d}); expected ({s}, {a}, {b})", matrices.len())));
            }
            if let Some(largest) = largest {
                let norms = matrices.iter().map(operator_norm).enumerate();
                if let Some((index, norm)) = norms.into_iter().find(|(_, norm)| *norm > largest * (1.0 + SLACK)) {
                    let reason = format!(
                        "\"{name}\"[{index}] has operator norm {norm:e}, beyond the bound {largest:e}; raise the bound or leave it out"
                    );
                    return Err(refuse(reason));
                }
            }
            let matrices = if zeros.is_symmetric() { symmetric(name, matrices).map_err(refuse)? } else { matrices };
            series.push(matrices);
        }
        Ok(Replay { interpolation, times, series })
    }
}

/// The matrices, symmetric to the last bit.
///
/// # Errors
/// One that is not symmetric, told by its number.
fn symmetric(name: &str, mut matrices: Vec<Matrix>) -> Result<Vec<Matrix>, String> {
    for (index, matrix) in matrices.iter_mut().enumerate() {
        let skew = (&*matrix - matrix.transpose()).amax();
        if skew > SLACK * matrix.amax() {
            return Err(format!(
                "\"{name}\"[{index}] is not symmetric: two opposite entries differ by {skew:e}; the symmetric model needs E = Eᵀ"
            ));
        }
        symmetrise(matrix);
    }
    Ok(matrices)
}

impl Perturbation for Replay {
    fn piece_end(&self, piece: u64) -> Option<f64> {
        self.times.get(usize::try_from(piece).ok()?.checked_add(1)?).copied()
    }

    fn evaluate(&mut self, circumstances: &Circumstances<'_>, out: &mut Blocks) {
        let at = circumstances.at;
        let here = usize::try_from(at.piece).unwrap_or(usize::MAX).min(self.times.len() - 1);
        let next = match self.interpolation {
            Interpolation::Linear => self.times.get(here + 1),
            Interpolation::Previous => None,
        };
        let weight = next.map_or(0.0, |next| ((at.t - self.times[here]) / (next - self.times[here])).clamp(0.0, 1.0));
        for (out, series) in out.matrices_mut().zip(&self.series) {
            out.copy_from(&series[here]);
            if let Some(other) = series.get(here + 1).filter(|_| next.is_some()) {
                out.zip_apply(other, |from, to| *from = (1.0 - weight) * *from + weight * to);
            }
        }
    }
}
