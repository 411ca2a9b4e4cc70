//! NumPy's `.npz` archives: named arrays, each a `.npy` file in a zip archive without compression.

use super::ProblemError;
use super::file::npy::{Numbers, numbers};
use crate::linalg::{Matrix, View};
use npyz::{DType, WriterBuilder};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Room for the header of an array, generously.
const HEADER: u64 = 4096;

/// Writes an archive, array after array, without keeping any in memory. Entries carry a fixed date, so that equal arrays give
/// equal bytes.
pub struct ArchiveWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
}

impl<W: Write + Seek> ArchiveWriter<W> {
    /// Begins an archive at the beginning of `writer`.
    pub fn new(writer: W) -> Self {
        ArchiveWriter { zip: ZipWriter::new(writer) }
    }

    /// Adds an array of f64 in C order; `values` must yield as many as `shape` says.
    ///
    /// # Errors
    /// A write that fails, or another number of values.
    pub fn array(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = f64>) -> io::Result<()> {
        self.numbers_array(name, shape, values)
    }

    /// Adds a matrix.
    ///
    /// # Errors
    /// A write that fails.
    pub fn matrix(&mut self, name: &str, matrix: View<'_>) -> io::Result<()> {
        self.array(name, &[matrix.nrows(), matrix.ncols()], row_major(matrix))
    }

    /// Adds a vector of 64-bit integers.
    ///
    /// # Errors
    /// A write that fails.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> io::Result<()> {
        self.numbers_array(name, &[values.len()], values.iter().copied())
    }

    /// Adds an array of 64-bit integers in C order; `values` must yield as many as `shape` says.
    ///
    /// # Errors
    /// As [`array`](Self::array).
    pub fn integer_array(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = i64>) -> io::Result<()> {
        self.numbers_array(name, shape, values)
    }

    /// Adds an array of bytes in C order; `values` must yield as many as `shape` says.
    ///
    /// # Errors
    /// As [`array`](Self::array).
    pub fn byte_array(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = u8>) -> io::Result<()> {
        self.numbers_array(name, shape, values)
    }

    fn numbers_array<T: npyz::AutoSerialize>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
        self.start(name, size_of::<T>() as u64 * shape.iter().product::<u64>())?;
        let buffer = BufWriter::with_capacity(1 << 16, &mut self.zip);
        let mut writer = npyz::WriteOptions::<T>::new().default_dtype().shape(&shape).writer(buffer).begin_nd()?;
        writer.extend(values)?;
        writer.finish()
    }

    /// Adds an ASCII text as a byte string without dimensions.
    ///
    /// # Errors
    /// A write that fails.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.start(name, text.len() as u64)?;
        let kind = format!("|S{}", text.len()).parse().map_err(|_| io::Error::other("a text that NumPy cannot hold"))?;
        let options = npyz::WriteOptions::<[u8]>::new().dtype(DType::Plain(kind)).shape(&[]);
        let mut writer = options.writer(&mut self.zip).begin_nd()?;
        writer.push(text.as_bytes())?;
        writer.finish()
    }

    /// Writes the archive's directory and gives the writer back, not flushed.
    ///
    /// # Errors
    /// A write that fails.
    pub fn finish(self) -> io::Result<W> {
        self.zip.finish().map_err(unwrap_io)
    }

    fn start(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes + HEADER > u64::from(u32::MAX));
        self.zip.start_file(npyz::npz::file_name_from_array_name(name), options).map_err(unwrap_io)
    }
}

/// The entries of a matrix row by row.
pub(crate) fn row_major(matrix: View<'_>) -> impl Iterator<Item = f64> {
    (0..matrix.nrows()).flat_map(move |i| (0..matrix.ncols()).map(move |j| matrix.column(j)[i]))
}

/// Keeps the kind of an input/output error (a full disk, say), which the remedy depends on.
fn unwrap_io(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}

fn finite(value: f64) -> Result<f64, String> {
    if value.is_finite() { Ok(value) } else { Err(format!("has an entry {value}; every entry must be finite")) }
}

type Entry<'a> = zip::read::ZipFile<'a, BufReader<File>>;

/// Reads an archive's arrays by name.
pub struct ArchiveReader {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl ArchiveReader {
    /// Opens an archive and reads its directory.
    ///
    /// # Errors
    /// A file that cannot be read or is no zip archive.
    pub fn open(path: &Path) -> Result<Self, ProblemError> {
        let file = super::file::open(path)?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
            ZipError::Io(source) => ProblemError::Read { path: path.to_owned(), source },
            other => {
                let reason = format!("is not an .npz archive ({other}); expected what numpy.savez or pgflow instance writes");
                ProblemError::Format { path: path.to_owned(), reason }
            }
        })?;
        Ok(ArchiveReader { path: path.to_owned(), zip })
    }

    /// The names of its arrays, in the order of the archive.
    pub fn names(&self) -> Vec<String> {
        let strip = |name: String| npyz::npz::array_name_from_file_name(&name).map(str::to_owned).unwrap_or(name);
        self.zip.file_names().map(|name| strip(name.map_or_else(|_| "?".to_owned(), |name| name.into_owned()))).collect()
    }

    /// An error about one array.
    pub(super) fn error(&self, array: &str, reason: impl Into<String>) -> ProblemError {
        ProblemError::Array { path: self.path.clone(), array: array.to_owned(), reason: reason.into() }
    }

    /// The shape of an array, from its header.
    pub(super) fn shape(&mut self, array: &str) -> Result<Vec<usize>, ProblemError> {
        let shape = self.open_entry(array).and_then(|mut entry| {
            let size = entry.size();
            numbers(&mut entry, size).map(|numbers| numbers.shape)
        });
        shape.map_err(|reason| self.error(array, reason))
    }

    /// Hands the numbers of one array to `consume`, which must take all of them; then compares the entry's checksum.
    ///
    /// # Errors
    /// No such array, compression, entries that are no numbers, a damaged entry; and what `consume` finds wrong, in words.
    pub(super) fn numbers<T>(&mut self, array: &str, consume: impl FnOnce(Numbers<'_>) -> Result<T, String>) -> Result<T, ProblemError> {
        self.entry(array, |entry, size| consume(numbers(entry, size)?))
    }

    /// A vector of finite numbers.
    ///
    /// # Errors
    /// No such array; another number of dimensions; entries that are not finite numbers.
    pub fn vector(&mut self, array: &str) -> Result<Vec<f64>, ProblemError> {
        self.numbers(array, |numbers| {
            if numbers.shape.len() != 1 {
                return Err(format!("has shape {}; expected one dimension", numbers.shape_text()));
            }
            numbers.entries.map(|entry| entry.and_then(finite)).collect()
        })
    }

    /// A series of matrices of one shape, from an array with three dimensions, the first of which counts them.
    ///
    /// # Errors
    /// As [`vector`](Self::vector).
    pub fn matrices(&mut self, array: &str) -> Result<Vec<Matrix>, ProblemError> {
        self.numbers(array, |numbers| {
            let &[count, rows, cols] = numbers.shape.as_slice() else {
                return Err(format!("has shape {}; expected three dimensions", numbers.shape_text()));
            };
            let fortran = numbers.fortran;
            let entries: Vec<f64> = numbers.entries.map(|entry| entry.and_then(finite)).collect::<Result<_, String>>()?;
            let at = |k, i, j| if fortran { entries[(j * rows + i) * count + k] } else { entries[(k * rows + i) * cols + j] };
            Ok((0..count).map(|k| Matrix::from_fn(rows, cols, |i, j| at(k, i, j))).collect())
        })
    }

    /// The text in an array of one byte or Unicode string.
    pub(super) fn text(&mut self, array: &str) -> Result<String, ProblemError> {
        let none = || "holds no text; expected a single string".to_owned();
        self.entry(array, |entry, size| {
            let npy = npyz::NpyFile::new(entry).map_err(|error| format!("is not an array in NumPy's .npy format: {error}"))?;
            if npy.shape().iter().any(|&length| length != 1) || size > 1 << 16 {
                return Err(none());
            }
            let bytes = match npy.try_data::<Vec<u8>>() {
                Ok(mut data) => data.next().and_then(Result::ok).and_then(|bytes| String::from_utf8(bytes).ok()),
                Err(npy) => npy.data::<String>().ok().and_then(|mut data| data.next()?.ok()),
            };
            bytes.ok_or_else(none)
        })
    }

    fn open_entry(&mut self, array: &str) -> Result<Entry<'_>, String> {
        let entry = self.zip.by_name(&npyz::npz::file_name_from_array_name(array)).map_err(|error| match error {
            ZipError::FileNotFound => "is missing".to_owned(),
            other => format!("cannot be read: {other}"),
        })?;
        // A compressed entry opens, and fails at the first byte with words that do not say what to do.
        match entry.compression() {
            CompressionMethod::Stored => Ok(entry),
            _ => Err("is compressed; write the archive with numpy.savez instead of numpy.savez_compressed".to_owned()),
        }
    }

    fn entry<T>(
        &mut self,
        array: &str,
        consume: impl FnOnce(&mut BufReader<Entry<'_>>, u64) -> Result<T, String>,
    ) -> Result<T, ProblemError> {
        let result = self.open_entry(array).and_then(|entry| {
            let size = entry.size();
            let mut entry = BufReader::with_capacity(1 << 16, entry);
            let value = consume(&mut entry, size)?;
            // The checksum of an entry is compared when its end is read.
            match entry.read(&mut [0]) {
                Ok(0) => Ok(value),
                Ok(_) => Err("has more bytes than its shape needs".to_owned()),
                Err(error) => Err(format!("is damaged: {error}")),
            }
        });
        result.map_err(|reason| self.error(array, reason))
    }
}
