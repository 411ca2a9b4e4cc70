//! Instances as arrays, for NumPy and from it.
//!
//! | array | shape | is | required on import |
//! |---|---|---|---|
//! | `y` | (p) | the data | yes |
//! | `operator` | (p, m, n) | `A_i/√p`, so that `A(X)_i = Σ_jk operator[i,j,k] X[j,k]` | if `operator_kind` is `dense` |
//! | `operator_kind` | () | `dense`, `identity` (its `y` is `Y + e` column by column, `order="F"`), or a structured ensemble | no, beside `operator` |
//! | `sign_bits` | (p, ⌈mn/8⌉) | of `rademacher`, bytes: `numpy.packbits` of `A_i < 0` in row-major order; `A_i` has entries ±1/√p | by that kind |
//! | `left`, `right` | (p, m), (p, n) | of `rank_one`: `A(X)_i = left[i] @ X @ right[i]/√p`; without `right` it is `left` | `left` by that kind |
//! | `indices`, `signs` | (p), (m, n) | of `hadamard`: row `indices[i]` of the Walsh–Hadamard transform of `signs * X`, column by column, over √p | by that kind |
//! | `shifts`, `phases` | (p), (p) | of `pauli`: `A_i[j, j ^ shifts[i]] = (−1)^popcount(j & phases[i]) √(m/p)` | by that kind |
//! | `rows`, `cols` | (p), (p) | of `entries`: `A(X)_i = √(mn/p) X[rows[i], cols[i]]` | by that kind |
//! | `operator_shape` | (3) | `[p, m, n]`, integers | no, where another array tells the shape |
//! | `target` | (m, n) | `Y` | no |
//! | `f0`, `g0` | (m, h), (n, h) | initial factors | no, but both or neither |
//! | `u0` | (d, h) | the initial factor of the symmetric model, instead of both | no |
//!
//! In the symmetric model the operator's matrices are their symmetric parts, on export and on import; the identity's `y` has all `d²` entries.
//!
//! Exported arrays are f64 in C order, in a zip archive without compression whose bytes depend on the numbers alone. Imported ones
//! may hold any floating-point or integer type in either order.

use super::archive::{ArchiveReader, ArchiveWriter};
use super::file::npy::{Numbers, matrix, shape_text};
use super::{BuiltProblem, InitialFactors, Instance, ProblemError, Target, semidefinite_target, structured};
use crate::config::{Factorization, Storage};
use crate::dynamics::State;
use crate::linalg::{Matrix, View};
use crate::sensing::{Dense, Entries, Hadamard, Identity, PackedSymmetric, Pauli, Rademacher, RankOne, SensingOperator, Symmetrised};
use std::io::{self, Seek, Write};
use std::path::Path;

const NAMES: [&str; 17] = [
    "target",
    "y",
    "f0",
    "g0",
    "u0",
    "operator",
    "operator_kind",
    "operator_shape",
    "sign_bits",
    "left",
    "right",
    "indices",
    "signs",
    "shifts",
    "phases",
    "rows",
    "cols",
];

/// How an operator is told in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKind {
    /// By all its entries.
    Dense,
    /// By the word `identity`.
    Identity,
    /// By its signs.
    Rademacher,
    /// By its vectors.
    RankOne,
    /// By its signs and the rows of the transform.
    Hadamard,
    /// By its strings.
    Pauli,
    /// By the places of its entries.
    Entries,
}

impl OperatorKind {
    /// The word in the file.
    pub fn label(self) -> &'static str {
        match self {
            OperatorKind::Dense => "dense",
            OperatorKind::Identity => "identity",
            OperatorKind::Rademacher => "rademacher",
            OperatorKind::RankOne => "rank_one",
            OperatorKind::Hadamard => "hadamard",
            OperatorKind::Pauli => "pauli",
            OperatorKind::Entries => "entries",
        }
    }
}

/// Writes an instance, and the initial factors if given, as an `.npz` archive (module documentation). `kind` may be
/// [`OperatorKind::Dense`] for every operator, and another one for operators of that kind alone. Needs memory for one measurement
/// at a time.
///
/// # Errors
/// A write that fails.
pub fn write_instance<W: Write + Seek>(writer: W, instance: &Instance, kind: OperatorKind, initial: Option<&State>) -> io::Result<W> {
    let operator = instance.operator.as_ref();
    let (rows, cols) = operator.shape();
    let p = operator.measurements();
    let mut archive = ArchiveWriter::new(writer);
    if let Some(target) = &instance.target {
        archive.matrix("target", View::of(&target.matrix))?;
    }
    archive.array("y", &[p], instance.data.iter().copied())?;
    if let Some(state) = initial {
        if state.shape().is_symmetric() {
            archive.matrix("u0", state.left())?;
        } else {
            archive.matrix("f0", state.left())?;
            archive.matrix("g0", state.right())?;
        }
    }
    archive.text("operator_kind", kind.label())?;
    archive.integers("operator_shape", &[p as i64, rows as i64, cols as i64])?;
    match operator.arrays() {
        _ if kind == OperatorKind::Identity => {}
        Some(arrays) if kind != OperatorKind::Dense => structured::write(&mut archive, arrays)?,
        _ => {
            // Transposed, its column-major storage is the row-major order of the measurement.
            let measurement = |i| Vec::from(operator.row(i).transpose().data).into_iter();
            archive.array("operator", &[p, rows, cols], (0..p).flat_map(measurement))?;
        }
    }
    archive.finish()
}

/// An instance as it was read, before an operator is made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceArrays {
    /// `(m, n)`.
    pub shape: (usize, usize),
    /// `Y`, if the file has it.
    pub target: Option<Matrix>,
    /// `y`, of length `p`.
    pub data: Vec<f64>,
    /// `F₀` and `G₀`, or `U₀`, if the file has them.
    pub factors: Option<InitialFactors>,
    /// `A`
    pub operator: OperatorArray,
}

/// An operator as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorArray {
    /// Full observation.
    Identity,
    /// `A_0/√p, A_1/√p, …`, each `m × n` in column-major order.
    Dense(Vec<f64>),
    /// Random signs.
    Rademacher(Rademacher),
    /// Matrices of rank one.
    RankOne(RankOne),
    /// Rows of a transform.
    Hadamard(Hadamard),
    /// Pauli matrices.
    Pauli(Pauli),
    /// Single entries.
    Entries(Entries),
}

/// Reads an instance from an `.npz` archive (module documentation).
///
/// # Errors
/// A file that cannot be read; an array that is unknown, missing, or not finite; shapes that do not fit each other; an operator that
/// does not fit in memory, refused before it is read.
pub fn read_instance(path: &Path) -> Result<InstanceArrays, ProblemError> {
    let mut file = InstanceFile { path, archive: ArchiveReader::open(path)? };
    let names = file.archive.names();
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(ProblemError::UnknownArray { path: path.to_owned(), array: unknown.clone(), allowed: NAMES.join(", ") });
    }
    let has = |name: &str| names.iter().any(|other| other == name);
    if !has("y") {
        return Err(file.missing("y", "it holds the data"));
    }
    let data = file.vector("y")?;
    let target = if has("target") { Some(file.matrix("target")?) } else { None };
    let factors = match (has("f0"), has("g0"), has("u0")) {
        (true, true, false) => Some(InitialFactors::Pair { f: file.matrix("f0")?, g: file.matrix("g0")? }),
        (false, false, true) => Some(InitialFactors::Symmetric(file.matrix("u0")?)),
        (false, false, false) => None,
        (_, _, true) => return Err(file.archive.error("u0", "stands beside f0 or g0; keep those of one model")),
        (true, false, false) => return Err(file.missing("g0", "initial factors are given by f0 and g0 together")),
        (false, true, false) => return Err(file.missing("f0", "initial factors are given by f0 and g0 together")),
    };
    let kind = file.kind(has("operator"), has("operator_kind"))?;
    structured::check_names(&file.archive, &names, kind.label())?;
    let told = if has("operator_shape") { Some(file.told_shape()?) } else { None };
    let [p, rows, cols] = match (kind, told) {
        (OperatorKind::Dense, _) => file.dense_shape()?,
        (_, Some(shape)) => shape,
        (_, None) => {
            let factors = factors.as_ref().map(InitialFactors::shape);
            let shape = target.as_ref().map(Matrix::shape).or(factors);
            let (rows, cols) =
                shape.ok_or_else(|| file.missing("operator_shape", "no other array tells the operator's rows and columns"))?;
            [data.len(), rows, cols]
        }
    };
    file.check_shapes([p, rows, cols], kind, told, &data, target.as_ref(), factors.as_ref())?;
    let operator = match kind {
        OperatorKind::Identity => OperatorArray::Identity,
        OperatorKind::Dense => OperatorArray::Dense(file.operator([p, rows, cols])?),
        OperatorKind::Rademacher => OperatorArray::Rademacher(structured::rademacher(&mut file.archive, [p, rows, cols])?),
        OperatorKind::RankOne => OperatorArray::RankOne(structured::rank_one(&mut file.archive, [p, rows, cols], has("right"))?),
        OperatorKind::Hadamard => OperatorArray::Hadamard(structured::hadamard(&mut file.archive, [p, rows, cols])?),
        OperatorKind::Pauli => OperatorArray::Pauli(structured::pauli(&mut file.archive, [p, rows, cols])?),
        OperatorKind::Entries => OperatorArray::Entries(structured::entries(&mut file.archive, [p, rows, cols])?),
    };
    Ok(InstanceArrays { shape: (rows, cols), target, data, factors, operator })
}

impl InstanceArrays {
    /// The instance. Where the target is known so is the noise, `e = y − A(Y)` (of a noiseless instance: its rounding errors), and
    /// with it `A*(e)`; the rank is the number of singular values above `mn·ε·σ₁`. `path` names the file in messages.
    ///
    /// In the symmetric model the operator's matrices are symmetrised.
    ///
    /// # Errors
    /// A zero target, an operator that cannot be made; in the symmetric model a shape that is not square, a target that is not symmetric and positive
    /// semidefinite.
    pub fn into_problem(self, path: &Path, factorization: Factorization) -> Result<BuiltProblem, ProblemError> {
        let origin = || format!("{}: array \"target\"", path.display());
        let (rows, cols) = self.shape;
        let symmetric = factorization == Factorization::Symmetric;
        if symmetric && rows != cols {
            return Err(ProblemError::NotSquare { origin: path.display().to_string(), rows, cols });
        }
        let p = self.data.len();
        let (operator, kind): (Box<dyn SensingOperator>, _) = match self.operator {
            OperatorArray::Dense(entries) if symmetric => (Box::new(PackedSymmetric::from_rows(rows, p, &entries)?), OperatorKind::Dense),
            OperatorArray::Identity => (Box::new(Identity::new(rows, cols)), OperatorKind::Identity),
            OperatorArray::Rademacher(signs) => (Box::new(signs), OperatorKind::Rademacher),
            OperatorArray::RankOne(vectors) => (Box::new(vectors), OperatorKind::RankOne),
            OperatorArray::Hadamard(transform) => (Box::new(transform), OperatorKind::Hadamard),
            OperatorArray::Pauli(strings) => (Box::new(strings), OperatorKind::Pauli),
            OperatorArray::Entries(entries) => (Box::new(entries), OperatorKind::Entries),
            OperatorArray::Dense(entries) => (Box::new(Dense::from_rows(rows, cols, p, &entries)?), OperatorKind::Dense),
        };
        let operator = if symmetric && !operator.is_symmetric() { Box::new(Symmetrised::new(operator)) } else { operator };
        let target = match (self.target, symmetric) {
            (Some(matrix), true) => Some(semidefinite_target(matrix, None, &origin())?),
            (matrix, _) => matrix
                .map(|matrix| Target::from_matrix(matrix, None))
                .transpose()
                .map_err(|source| ProblemError::Decomposition { origin: origin(), source })?,
        };
        if target.as_ref().is_some_and(|target| target.rank() == 0) {
            return Err(ProblemError::ZeroTarget { origin: origin() });
        }
        let noise_adjoint = target.as_ref().map(|target| {
            let measured = operator.measure(&target.matrix);
            operator.adjoint(&self.data.iter().zip(&measured).map(|(y, exact)| y - exact).collect::<Vec<_>>())
        });
        Ok(BuiltProblem { instance: Instance { target, operator, data: self.data, noise_adjoint }, factors: self.factors, kind })
    }
}

/// An archive that is being read as an instance.
struct InstanceFile<'a> {
    path: &'a Path,
    archive: ArchiveReader,
}

impl InstanceFile<'_> {
    fn missing(&self, array: &str, reason: &str) -> ProblemError {
        ProblemError::MissingArray { path: self.path.to_owned(), array: array.to_owned(), reason: reason.to_owned() }
    }

    fn shape_error(&self, array: &str, expected: impl Into<String>, found: &[usize]) -> ProblemError {
        let (path, array) = (self.path.to_owned(), array.to_owned());
        ProblemError::ArrayShape { path, array, expected: expected.into(), found: shape_text(found) }
    }

    /// The shape of an array, which must have `DIMENSIONS` dimensions, none of them empty.
    fn shape<const DIMENSIONS: usize>(&mut self, array: &str, expected: &str) -> Result<[usize; DIMENSIONS], ProblemError> {
        let shape = self.archive.shape(array)?;
        match <[usize; DIMENSIONS]>::try_from(shape.as_slice()) {
            Ok(lengths) if !lengths.contains(&0) => Ok(lengths),
            _ => Err(self.shape_error(array, expected, &shape)),
        }
    }

    fn vector(&mut self, array: &str) -> Result<Vec<f64>, ProblemError> {
        self.shape::<1>(array, "(p,), at least one")?;
        self.archive.numbers(array, |numbers| numbers.entries.enumerate().map(|(i, entry)| finite(entry?, &[i])).collect())
    }

    fn matrix(&mut self, array: &str) -> Result<Matrix, ProblemError> {
        self.shape::<2>(array, "two dimensions, none empty")?;
        self.archive.numbers(array, matrix)
    }

    fn dense_shape(&mut self) -> Result<[usize; 3], ProblemError> {
        self.shape::<3>("operator", "(p, m, n), none empty")
    }

    fn told_shape(&mut self) -> Result<[usize; 3], ProblemError> {
        let values = self.vector("operator_shape")?;
        match values.as_slice() {
            &[p, rows, cols] if values.iter().all(|v| (1.0..9e15).contains(v) && v.fract() == 0.0) => {
                Ok([p as usize, rows as usize, cols as usize])
            }
            _ => Err(self.archive.error("operator_shape", format!("is {values:?}; expected three positive integers [p, m, n]"))),
        }
    }

    fn kind(&mut self, has_operator: bool, has_kind: bool) -> Result<OperatorKind, ProblemError> {
        let label = if has_kind { Some(self.archive.text("operator_kind")?) } else { None };
        match (has_operator, label.as_deref()) {
            (true, None | Some("dense")) => Ok(OperatorKind::Dense),
            (false, Some("identity")) => Ok(OperatorKind::Identity),
            (false, Some("rademacher")) => Ok(OperatorKind::Rademacher),
            (false, Some("rank_one")) => Ok(OperatorKind::RankOne),
            (false, Some("hadamard")) => Ok(OperatorKind::Hadamard),
            (false, Some("pauli")) => Ok(OperatorKind::Pauli),
            (false, Some("entries")) => Ok(OperatorKind::Entries),
            (false, None | Some("dense")) => {
                Err(self.missing("operator", "it holds the measurements; full observation is told by operator_kind = \"identity\" instead"))
            }
            (true, Some(kind)) if structured::KINDS.contains(&kind) => {
                Err(self.archive.error("operator_kind", format!("is {kind:?}, but there is an array \"operator\" too; drop one of them")))
            }
            (_, Some(other)) => {
                let expected = structured::KINDS.map(|kind| format!("{kind:?}")).join(", ");
                Err(self.archive.error("operator_kind", format!("is {other:?}; expected \"dense\", {expected}")))
            }
        }
    }

    fn check_shapes(
        &self,
        shape: [usize; 3],
        kind: OperatorKind,
        told: Option<[usize; 3]>,
        data: &[f64],
        target: Option<&Matrix>,
        factors: Option<&InitialFactors>,
    ) -> Result<(), ProblemError> {
        let [p, rows, cols] = shape;
        let equal = |array, found: &[usize], expected: &[usize], why: &str| {
            if found == expected { Ok(()) } else { Err(self.shape_error(array, format!("{} {why}", shape_text(expected)), found)) }
        };
        if let Some(told) = told.filter(|told| *told != shape) {
            return Err(self.archive.error("operator_shape", format!("is {told:?}, but \"operator\" has shape {}", shape_text(&shape))));
        }
        if kind == OperatorKind::Identity && rows.checked_mul(cols) != Some(p) {
            let reason =
                format!("p = {p}, but full observation of {rows}×{cols} matrices has {} measurements", rows as u128 * cols as u128);
            return Err(self.archive.error("operator_kind", format!("is \"identity\" with {reason}")));
        }
        equal("y", &[data.len()], &[p], "(one entry a measurement)")?;
        if let Some((found_rows, found_cols)) = target.map(Matrix::shape) {
            equal("target", &[found_rows, found_cols], &[rows, cols], "(the operator's m, n)")?;
        }
        match factors {
            Some(InitialFactors::Pair { f, g }) => {
                equal("f0", &[f.nrows(), f.ncols()], &[rows, f.ncols()], "(the operator's m, width)")?;
                equal("g0", &[g.nrows(), g.ncols()], &[cols, f.ncols()], "(the operator's n, width of f0)")?;
            }
            Some(InitialFactors::Symmetric(u)) => equal("u0", &[u.nrows(), u.ncols()], &[rows, u.ncols()], "(the operator's d, width)")?,
            None => {}
        }
        Ok(())
    }

    fn operator(&mut self, [p, rows, cols]: [usize; 3]) -> Result<Vec<f64>, ProblemError> {
        Dense::check_fits(rows, cols, p, Storage::F64)?;
        self.archive.numbers("operator", |numbers| column_major(numbers, [p, rows, cols]))
    }
}

/// Measurement after measurement, each column-major.
fn column_major(numbers: Numbers<'_>, [p, rows, cols]: [usize; 3]) -> Result<Vec<f64>, String> {
    let mut out = vec![0.0; p * rows * cols];
    let mut entries = numbers.entries;
    let mut place = |i: usize, j: usize, k: usize| -> Result<(), String> {
        let entry = entries.next().unwrap_or_else(|| Err("is cut short".to_owned()))?;
        out[(i * cols + k) * rows + j] = finite(entry, &[i, j, k])?;
        Ok(())
    };
    if numbers.fortran {
        for k in 0..cols {
            for j in 0..rows {
                (0..p).try_for_each(|i| place(i, j, k))?;
            }
        }
    } else {
        for i in 0..p {
            for j in 0..rows {
                (0..cols).try_for_each(|k| place(i, j, k))?;
            }
        }
    }
    Ok(out)
}

fn finite(value: f64, index: &[usize]) -> Result<f64, String> {
    if value.is_finite() { Ok(value) } else { Err(format!("entry {index:?} is {value}; every entry must be finite")) }
}
