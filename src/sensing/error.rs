//! What can go wrong when an operator is set up.

use crate::config::Storage;

/// An operator that cannot be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SensingError {
    /// The ensemble is larger than the memory that is left.
    #[error(
        "{measurements} measurements of {rows}×{cols} matrices with storage = \"{}\" need {}, and {} of memory are available; {}",
        storage_name(*storage), Bytes(*needed), Bytes(*available), remedies(*needed, *available, *measurements, *storage)
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

/// The remedies for an ensemble that is too large, its number of measurements cut to what fits.
fn remedies(needed: u64, available: u64, measurements: usize, storage: Storage) -> String {
    let fitting = (available as f64 / needed as f64 * measurements as f64).floor();
    let half = match storage {
        Storage::F64 => format!(", or storage = \"f32\" (half the memory: {})", Bytes(needed / 2)),
        Storage::F32 => String::new(),
    };
    format!("take at most {fitting} measurements{half}, or a smaller target")
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
            needed: 400 << 30,
            available: 16 << 30,
            rows: 1000,
            cols: 1000,
            measurements: 50_000,
            storage: Storage::F64,
        };
        assert_eq!(
            error.to_string(),
            "50000 measurements of 1000×1000 matrices with storage = \"f64\" need 400.0 GiB, and 16.0 GiB of memory are available; \
             take at most 2000 measurements, or storage = \"f32\" (half the memory: 200.0 GiB), or a smaller target"
        );
        if let SensingError::TooLarge { storage, .. } = &mut error {
            *storage = Storage::F32;
        }
        assert!(!error.to_string().contains("half"));
    }

    #[test]
    fn bytes_read_well() {
        let shown: Vec<String> = [0, 1023, 1024, 1536 << 20, u64::MAX].iter().map(|&n| Bytes(n).to_string()).collect();
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB", "16.0 EiB"]);
    }
}
