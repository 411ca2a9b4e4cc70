//! What can go wrong when an operator is set up.

use super::Dense;
use crate::config::Storage;

/// An operator that cannot be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SensingError {
    /// The ensemble is larger than the memory that is left.
    #[error(
        "{measurements} measurements of {rows}×{cols} matrices with storage = \"{}\" need {}, and {} of memory are available; {}",
        storage_name(*storage), Bytes(*needed), Bytes(*available), remedies(*entries, *available, *storage, *measurements)
    )]
    TooLarge {
        /// Bytes that it would take.
        needed: u64,
        /// Bytes that are available.
        available: u64,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `p`
        measurements: usize,
        /// What entries are stored as.
        storage: Storage,
        /// Entries that are stored of each measurement: `mn`, or `d(d + 1)/2` of symmetric ones.
        entries: usize,
    },
    /// A structured ensemble is larger than the memory that is left.
    #[error(
        "{measurements} {ensemble} measurements of {rows}×{cols} matrices need {}, and {} of memory are available; take fewer \
         measurements or a smaller target",
        Bytes(*needed), Bytes(*available)
    )]
    DoesNotFit {
        /// The ensemble's name.
        ensemble: &'static str,
        /// Bytes that it would take.
        needed: u64,
        /// Bytes that are available.
        available: u64,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `p`
        measurements: usize,
    },
    /// More measurements than there are to be had without replacement.
    #[error(
        "{measurements} {ensemble} measurements of {rows}×{cols} matrices, drawn without replacement: there are {most} of them; take at most so many"
    )]
    TooMany {
        /// The ensemble's name.
        ensemble: &'static str,
        /// `p`
        measurements: usize,
        /// How many there are.
        most: usize,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// Matrices with more entries than the ensemble can number.
    #[error("{ensemble} measurements of {rows}×{cols} matrices: at most 2³¹ entries can be numbered; take a smaller target")]
    TooManyEntries {
        /// The ensemble's name.
        ensemble: &'static str,
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// Matrices without Pauli measurements.
    #[error("pauli measurements are of square matrices whose side is a power of two, and these are {rows}×{cols}; choose another ensemble")]
    NoPauliShape {
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
    },
    /// A row of a transform that it does not have.
    #[error("measurement {measurement} (counted from 0) is of row {index} of a transform that has rows 0 to {}", size - 1)]
    BadIndex {
        /// The measurement, from 0.
        measurement: usize,
        /// The row.
        index: usize,
        /// Rows of the transform.
        size: usize,
    },
    /// An entry observed twice, or outside of the matrix.
    #[error("measurement {measurement} (counted from 0) is of entry ({row}, {col}), which {problem}")]
    BadEntry {
        /// The measurement, from 0.
        measurement: usize,
        /// The entry's row, from 0.
        row: usize,
        /// Its column, from 0.
        col: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The system refused the memory.
    #[error("the system refused {} of memory; take fewer measurements, storage = \"f32\" (half the memory), or a smaller target", Bytes(*needed))]
    Allocation {
        /// Bytes that were asked for.
        needed: u64,
    },
    /// No measurement, or matrices without entries.
    #[error("{measurements} measurements of {rows}×{cols} matrices: each of the three numbers must be at least 1")]
    Empty {
        /// `m`
        rows: usize,
        /// `n`
        cols: usize,
        /// `p`
        measurements: usize,
    },
    /// A list of entries of the wrong length.
    #[error("the operator has {found} entries, and its shape asks for {expected} (measurements · rows · cols)")]
    EntryCount {
        /// `p·m·n`
        expected: usize,
        /// The length of the list.
        found: usize,
    },
    /// An entry that is NaN, infinite, or beyond the range of the storage.
    #[error("entry ({row}, {col}) of measurement {measurement} (all counted from 0) is not a finite number in the operator's storage")]
    NotFinite {
        /// The measurement, from 0.
        measurement: usize,
        /// The row in its matrix, from 0.
        row: usize,
        /// The column in its matrix, from 0.
        col: usize,
    },
}

/// What to do about an ensemble that is too large.
fn remedies(entries: usize, available: u64, storage: Storage, measurements: usize) -> String {
    let mut remedies = Vec::new();
    let fitting = available / Dense::required_bytes(entries, 1, 1, storage).max(1);
    if fitting > 0 {
        remedies.push(format!("at most {fitting} measurements"));
    }
    if storage == Storage::F64 {
        let half = Dense::required_bytes(entries, 1, measurements, Storage::F32);
        remedies.push(format!("storage = \"f32\" (half the memory: {})", Bytes(half)));
    }
    remedies.push("a smaller target".to_owned());
    format!("take {}", remedies.join(", or "))
}

/// The name of a storage in a configuration.
fn storage_name(storage: Storage) -> &'static str {
    match storage {
        Storage::F64 => "f64",
        Storage::F32 => "f32",
    }
}

/// A number of bytes, for people.
struct Bytes(u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut size = self.0 as f64;
        let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].iter();
        if self.0 < 1024 {
            return write!(out, "{} bytes", self.0);
        }
        let mut unit = "bytes";
        while size >= 1024.0 {
            let Some(next) = units.next() else { break };
            size /= 1024.0;
            unit = next;
        }
        write!(out, "{size:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_names_the_size_and_the_remedies() {
        let mut error = SensingError::TooLarge {
            needed: Dense::required_bytes(1000, 1000, 50_000, Storage::F64),
            available: 16 << 30,
            rows: 1000,
            cols: 1000,
            measurements: 50_000,
            storage: Storage::F64,
            entries: 1_000_000,
        };
        assert_eq!(
            error.to_string(),
            "50000 measurements of 1000×1000 matrices with storage = \"f64\" need 372.5 GiB, and 16.0 GiB of memory are available; \
             take at most 2147 measurements, or storage = \"f32\" (half the memory: 186.3 GiB), or a smaller target"
        );
        if let SensingError::TooLarge { storage, available, .. } = &mut error {
            (*storage, *available) = (Storage::F32, 1000);
        }
        assert!(error.to_string().ends_with("1000 bytes of memory are available; take a smaller target"), "{error}");
    }

    #[test]
    fn bytes_read_well() {
        let shown: Vec<String> = [0, 1023, 1024, 1536 << 20, u64::MAX].iter().map(|&n| Bytes(n).to_string()).collect();
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB", "16.0 EiB"]);
    }
}
