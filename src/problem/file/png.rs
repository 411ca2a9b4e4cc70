//! Grey levels of pictures.

use super::{Accept, format_error, open};
use crate::linalg::Matrix;
use crate::problem::ProblemError;
use png::{BitDepth, ColorType, Decoder, Reader, Transformations};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Rec. 709 luma weights in units of 1/10000; integers, so that equal channels give exactly the grey level of one.
const LUMA: [u64; 3] = [2126, 7152, 722];

fn decode_error(path: &Path, error: png::DecodingError) -> ProblemError {
    match error {
        png::DecodingError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            format_error(path, "is cut short: it ends before its last pixel")
        }
        png::DecodingError::IoError(source) => ProblemError::Read { path: path.to_owned(), source },
        other => format_error(path, format!("is not a PNG that can be decoded: {other}")),
    }
}

fn reader(path: &Path) -> Result<Reader<BufReader<File>>, ProblemError> {
    let mut decoder = Decoder::new(BufReader::new(open(path)?));
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(|error| decode_error(path, error))
}

pub(super) fn shape(path: &Path) -> Result<(usize, usize), ProblemError> {
    let (cols, rows) = reader(path)?.info().size();
    Ok((rows as usize, cols as usize))
}

pub(super) fn read(path: &Path, accept: Accept<'_>) -> Result<Matrix, ProblemError> {
    let mut reader = reader(path)?;
    let (cols, rows) = reader.info().size();
    let (rows, cols) = (rows as usize, cols as usize);
    accept(rows, cols)?;
    let size = reader.output_buffer_size().ok_or_else(|| format_error(path, "is too large to be decoded"))?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(|error| decode_error(path, error))?;
    let (color_samples, alpha) = match frame.color_type {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb => (3, false),
        ColorType::Rgba => (3, true),
        ColorType::Indexed => return Err(format_error(path, "has a palette that was not expanded; save it as a grey picture")),
    };
    let (bytes, full) = if frame.bit_depth == BitDepth::Sixteen { (2, 65535) } else { (1, 255) };
    let samples = color_samples + usize::from(alpha);
    let mut matrix = Matrix::zeros(rows, cols);
    for (i, line) in buffer.chunks_exact(frame.line_size).take(rows).enumerate() {
        for (j, pixel) in line.chunks_exact(samples * bytes).enumerate() {
            let sample = |k: usize| pixel[k * bytes..][..bytes].iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
            if alpha && sample(color_samples) != full {
                let place = format!("the pixel in row {}, column {} is transparent", i + 1, j + 1);
                return Err(format_error(path, format!("{place}, so its grey level depends on a background; flatten the picture first")));
            }
            matrix[(i, j)] = if color_samples == 1 {
                sample(0) as f64 / full as f64
            } else {
                let weighted: u64 = LUMA.iter().enumerate().map(|(k, weight)| weight * sample(k)).sum();
                weighted as f64 / (10_000 * full) as f64
            };
        }
    }
    Ok(matrix)
}
