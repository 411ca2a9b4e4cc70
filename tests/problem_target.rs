//! Targets: random ones, and those from files.

// The lints spare test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::config::{Coherence, TargetKind, TargetSpec};
use pgflow::linalg::{Form, Matrix, frobenius, multiply, operator_norm, singular_values};
use pgflow::problem::{Target, best_approximation, build_target, read_matrix, target_shape};
use pgflow::random::{Purpose, stream};
use rand::Rng;
use std::path::{Path, PathBuf};

fn random(seed: u64, rows: usize, cols: usize, values: &[f64]) -> TargetSpec {
    TargetSpec { seed, kind: TargetKind::Random { rows, cols, singular_values: values.to_vec(), coherence: Coherence::Incoherent } }
}

fn file(path: impl Into<PathBuf>, rank: Option<usize>) -> TargetSpec {
    TargetSpec { seed: 0, kind: TargetKind::File { path: path.into(), rank } }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/data").join(name)
}

fn read(path: &Path) -> Result<Matrix, String> {
    read_matrix(path, &|_, _| Ok(())).map_err(|error| error.to_string())
}

fn orthonormality_defect(q: &Matrix) -> f64 {
    (multiply(Form::LeftTransposed, q, q) - Matrix::identity(q.ncols(), q.ncols())).amax()
}

fn recomposed(target: &Target) -> Matrix {
    &target.left * Matrix::from_diagonal(&target.values.clone().into()) * target.right.transpose()
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The values come from a ChaCha8 block function written from RFC 8439's description in another language.
#[test]
fn streams_are_chacha8_with_the_documented_keys() {
    let expected: [[u64; 2]; 4] = [
        [0x441e30a9c41b3ff2, 0x39d61ed2bc0a5fcc],
        [0x5893faa20d17a490, 0x47dcb3fcde2d965b],
        [0x5e29079a07c6727d, 0xa7df79c482bfd11d],
        [0x0dcab6f0d222a436, 0x3adc025558979e3c],
    ];
    let purposes = [Purpose::Target, Purpose::Sensing, Purpose::Noise, Purpose::Initialisation];
    for (purpose, numbers) in purposes.into_iter().zip(expected) {
        let mut rng = stream(7, purpose, 1);
        assert_eq!([rng.next_u64(), rng.next_u64()], numbers, "{purpose:?}");
    }
}

#[test]
fn random_targets_are_made_of_their_triples() {
    for (rows, cols, values) in [(40, 30, vec![1.0, 0.5]), (5, 9, vec![3.0, 3.0, 1e-8]), (6, 6, vec![1.0; 6]), (4, 1, vec![2.0])] {
        let target = build_target(&random(7, rows, cols, &values)).unwrap();
        assert_eq!(target.values, values);
        assert_eq!(target.matrix.shape(), (rows, cols));
        assert!(orthonormality_defect(&target.left) < 1e-14 && orthonormality_defect(&target.right) < 1e-14);
        assert!((recomposed(&target) - &target.matrix).amax() < 1e-14 * values[0]);
        let computed = singular_values(&target.matrix).unwrap();
        for (k, value) in computed.iter().enumerate() {
            let exact = values.get(k).copied().unwrap_or(0.0);
            assert!((value - exact).abs() < 1e-14 * values[0], "σ_{k}: {value} against {exact}");
        }
    }
}

#[test]
fn random_targets_keep_their_numbers() {
    let target = build_target(&random(7, 3, 2, &[1.0, 0.5])).unwrap();
    let golden =
        [-0.034899866373962224, 0.5015890567871716, -0.39070807712139743, 0.544931397125569, 0.7314344190515089, 0.11220997711474802];
    for (value, golden) in target.matrix.iter().zip(golden) {
        assert!((value - golden).abs() < 1e-14, "{:?}", target.matrix.as_slice());
    }
    let other = build_target(&random(8, 3, 2, &[1.0, 0.5])).unwrap();
    assert!((other.matrix - target.matrix).amax() > 1e-3);
}

#[test]
fn bad_random_targets_are_refused() {
    for values in [vec![], vec![1.0, 2.0], vec![1.0, 0.0], vec![f64::NAN], vec![f64::INFINITY], vec![-1.0]] {
        let error = build_target(&random(0, 4, 4, &values)).unwrap_err().to_string();
        assert!(error.starts_with("target.singular_values = "), "{error}");
    }
    let error = build_target(&random(0, 4, 3, &[1.0; 4])).unwrap_err().to_string();
    assert!(error.contains("target.rank = 4") && error.contains("4×3") && error.contains("from 1 to 3;"), "{error}");
}

/// Eckart and Young: ‖M − M_r‖_op = σ_{r+1}, ‖M − M_r‖_F² = Σ_{i>r} σ_i², and both parts are orthogonal.
#[test]
fn best_approximations_satisfy_eckart_and_young() {
    let matrix = read(&data("camera_64x48.png")).unwrap();
    let values = singular_values(&matrix).unwrap();
    for rank in [1, 3, 10, 48] {
        let target = best_approximation(&matrix, rank, "the picture").unwrap();
        assert_eq!((target.rank(), target.values[0]), (rank, 1.0));
        assert!(orthonormality_defect(&target.left) < 1e-14 && orthonormality_defect(&target.right) < 1e-14);
        let tail = &matrix - &target.matrix * values[0];
        let next = values.get(rank).copied().unwrap_or(0.0);
        assert!((operator_norm(&tail) - next).abs() < 1e-13 * values[0]);
        let tail_squared: f64 = values[rank..].iter().map(|s| s * s).sum();
        assert!((frobenius(&tail) - tail_squared.sqrt()).abs() < 1e-13 * values[0]);
        for (scaled, value) in target.values.iter().zip(&values) {
            assert!((scaled * values[0] - value).abs() < 1e-14 * values[0]);
        }
    }
}

#[test]
fn picture_and_table_of_the_photograph_agree() {
    let (picture, table) = (read(&data("camera_64x48.png")).unwrap(), read(&data("camera_64x48.csv")).unwrap());
    assert_eq!(picture.shape(), (64, 48));
    // The table has six decimals.
    assert!((picture - table).amax() <= 0.5e-6 + 1e-15);
    let rank_three = build_target(&file(data("camera_64x48.png"), Some(3))).unwrap();
    assert_eq!((rank_three.rank(), rank_three.values[0]), (3, 1.0));
    let full = build_target(&file(data("digits_200x64.csv"), None)).unwrap();
    assert_eq!(full.matrix.shape(), (200, 64));
    assert!(full.rank() < 64, "border pixels are 0 in every digit: rank {}", full.rank());
    assert!((recomposed(&full) - &full.matrix).amax() < 1e-12);
    assert_eq!(target_shape(&file(data("camera_64x48.png"), None)).unwrap(), (64, 48));
}

fn png(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(vec![0, 0, 0, 255, 0, 0, 255, 255, 255]);
    }
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

#[test]
fn pixels_of_every_kind_are_read() {
    use png::{BitDepth::*, ColorType::*};
    let scratch = Scratch::new();
    let read = |bytes: Vec<u8>| read(&scratch.write("p.png", bytes));
    let row = |values: &[f64]| Matrix::from_row_slice(1, values.len(), values);
    assert_eq!(
        read(png(3, 2, Grayscale, Eight, &[0, 51, 255, 1, 2, 3])).unwrap(),
        Matrix::from_row_slice(2, 3, &[0.0, 51.0 / 255.0, 1.0, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0])
    );
    assert_eq!(read(png(2, 1, Grayscale, Sixteen, &[0x12, 0x34, 0xff, 0xff])).unwrap(), row(&[4660.0 / 65535.0, 1.0]));
    assert_eq!(read(png(4, 1, Grayscale, Two, &[0b00_01_10_11])).unwrap(), row(&[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]));
    assert_eq!(
        read(png(3, 1, Rgb, Eight, &[255, 0, 0, 77, 77, 77, 10, 20, 30])).unwrap(),
        row(&[0.2126, 77.0 / 255.0, (2.126 + 14.304 + 2.166) / 255.0])
    );
    assert_eq!(read(png(3, 1, Indexed, Eight, &[2, 1, 0])).unwrap(), row(&[1.0, 0.2126, 0.0]));
    assert_eq!(read(png(1, 1, Rgba, Eight, &[0, 255, 0, 255])).unwrap(), row(&[0.7152]));
    assert_eq!(read(png(1, 1, GrayscaleAlpha, Sixteen, &[0x80, 0, 0xff, 0xff])).unwrap(), row(&[32768.0 / 65535.0]));
    let error = read(png(2, 1, GrayscaleAlpha, Eight, &[9, 255, 9, 254])).unwrap_err();
    assert!(error.contains("row 1, column 2 is transparent"), "{error}");
    let mut cut = png(3, 2, Grayscale, Eight, &[0; 6]);
    cut.truncate(50);
    assert!(read(cut).unwrap_err().contains("p.png"));
    assert!(read(b"not a picture".to_vec()).unwrap_err().contains("is not a PNG"));
}

#[test]
fn tables_are_read_and_their_errors_name_line_and_column() {
    let scratch = Scratch::new();
    let read = |text: &str| read(&scratch.write("t.csv", text));
    let expected = Matrix::from_row_slice(2, 3, &[1.0, -2.5, 3e-4, 4.0, 5.0, 0.1]);
    assert_eq!(read("# made by hand\n1, -2.5,3e-4\n\n4,5,0.1\n").unwrap(), expected);
    assert_eq!(read("1,-2.5,3e-4\r\n4,5,.1").unwrap(), expected);
    for (text, place, reason) in [
        ("a,b\n1,2\n", "line 1, column 1", "a header line is not allowed"),
        ("1,2\n3\n", "line 2, column 2", "the row has 1 entries, the first row has 2"),
        ("1,2\n\n3,4,5\n", "line 3, column 3", "the row has 3 entries"),
        ("1,2\n3,NaN\n", "line 2, column 2", "\"NaN\" is not finite"),
        ("1,2\n1e999,4\n", "line 2, column 1", "is not finite"),
        ("# one\n# two\n1,2\n\n3,y\n", "line 5, column 2", "\"y\" is not a number"),
        ("1,2\n3,x\n", "line 2, column 2", "\"x\" is not a number"),
        ("1,\n", "line 1, column 2", "the entry is empty"),
        ("1;2\n", "line 1, column 1", "\"1;2\" is not a number"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains("t.csv") && error.contains(place) && error.contains(reason), "{text:?}: {error}");
    }
    assert!(read("# nothing\n").unwrap_err().contains("holds no numbers"));
    let path = scratch.write("latin.csv", b"1,2\n3,\xff\n");
    assert!(self::read(&path).unwrap_err().contains("line 2, column 2"));
}

/// A file in NumPy's format, version 1.0, written by hand.
fn npy(kind: &str, fortran: bool, shape: &str, entries: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(entries);
    bytes
}

#[test]
fn arrays_of_every_kind_are_read() {
    let scratch = Scratch::new();
    let read = |bytes: Vec<u8>| read(&scratch.write("a.npy", bytes));
    let numbers = [1.0, 2.0, -3.0, 4.5, 5.0, 6.0];
    let expected = Matrix::from_row_slice(2, 3, &numbers);
    let f64s: Vec<u8> = numbers.iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    assert_eq!(read(npy("<f8", false, "(2, 3)", &f64s)).unwrap(), expected);
    assert_eq!(read(npy("<f8", true, "(3, 2)", &f64s)).unwrap(), expected.transpose());
    let big: Vec<u8> = numbers.iter().flat_map(|x: &f64| x.to_be_bytes()).collect();
    assert_eq!(read(npy(">f8", false, "(2, 3)", &big)).unwrap(), expected);
    let f32s: Vec<u8> = numbers.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
    assert_eq!(read(npy("<f4", false, "(2, 3)", &f32s)).unwrap(), expected);
    assert_eq!(read(npy("|u1", false, "(1, 3)", &[0, 7, 255])).unwrap(), Matrix::from_row_slice(1, 3, &[0.0, 7.0, 255.0]));
    let wide = |value: i64| npy("<i8", false, "(1, 1)", &value.to_le_bytes());
    assert_eq!(read(wide(-(1 << 53))).unwrap()[(0, 0)], -9007199254740992.0);
    for (bytes, reason) in [
        (wide((1 << 53) + 1), "9007199254740993 has no exact value"),
        (npy("<f8", false, "(6,)", &f64s), "has shape (6,); expected two dimensions"),
        (npy("<f8", false, "(0, 3)", &[]), "expected at least one entry"),
        (npy("<f8", false, "(3, 3)", &f64s), "is cut short"),
        (npy("<f8", false, "(4000000000, 4000000000)", &f64s), "is cut short"),
        (npy("<c16", false, "(1, 3)", &f64s), "expected floating-point numbers or integers"),
        (npy("<f8", false, "(1, 1)", &f64::NAN.to_le_bytes()), "entry [0, 0] is NaN"),
        (b"something else".to_vec(), "is not an array in NumPy's .npy format"),
    ] {
        let error = read(bytes).unwrap_err();
        assert!(error.contains("a.npy") && error.contains(reason), "{error}");
    }
}

#[test]
fn ranks_beyond_shape_or_matrix_are_refused() {
    let scratch = Scratch::new();
    // The header promises a matrix whose entries are cut off: the rank is refused before they are missed.
    let entries = [0; 8 * 6];
    let path = scratch.write("a.npy", npy("<f8", false, "(2, 3)", &entries));
    let error = build_target(&file(&path, Some(3))).unwrap_err().to_string();
    assert!(error.contains("target.rank = 3") && error.contains("2×3") && error.contains("from 1 to 2;"), "{error}");
    assert!(build_target(&file(&path, Some(0))).is_err());
    assert!(build_target(&file(&path, Some(1))).unwrap_err().to_string().ends_with("at least one entry that is not"));
    assert!(build_target(&file(&path, None)).unwrap_err().to_string().contains("is zero"));
    let path = scratch.write("one.csv", "1,2,3\n2,4,6\n-1,-2,-3\n");
    let error = build_target(&file(&path, Some(2))).unwrap_err().to_string();
    assert!(error.contains("one.csv has numerical rank 1") && error.contains("lower target.rank to 1"), "{error}");
    assert_eq!(build_target(&file(&path, None)).unwrap().rank(), 1);
    for (name, reason) in [("absent.npy", "cannot be read"), ("photo.jpg", "must be .png, .csv or .npy"), ("bare", "must be .png")] {
        let error = build_target(&file(scratch.0.path().join(name), None)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(reason), "{error}");
    }
}

/// Singular vectors on `r` coordinates a side, the largest coherence there is, and spread over all of them otherwise.
#[test]
fn coherent_targets_live_on_few_coordinates() {
    let (rows, cols, values) = (40, 30, [1.0, 0.5, 0.2]);
    let build = |coherence| {
        let kind = TargetKind::Random { rows, cols, singular_values: values.to_vec(), coherence };
        build_target(&TargetSpec { seed: 9, kind }).unwrap()
    };
    let coherence = |vectors: &Matrix| {
        let largest = vectors.row_iter().map(|row| row.norm_squared()).fold(0.0, f64::max);
        largest * vectors.nrows() as f64 / vectors.ncols() as f64
    };
    let coherent = build(Coherence::Coherent);
    assert!(orthonormality_defect(&coherent.left) < 1e-14 && orthonormality_defect(&coherent.right) < 1e-14);
    assert!((recomposed(&coherent) - &coherent.matrix).amax() < 1e-14);
    assert_eq!(coherent.matrix.iter().filter(|x| **x != 0.0).count(), 9);
    assert!((coherence(&coherent.left) - 40.0 / 3.0).abs() < 1e-12 && (coherence(&coherent.right) - 10.0).abs() < 1e-12);
    let incoherent = build(Coherence::Incoherent);
    assert!(coherence(&incoherent.left) < 5.0 && coherence(&incoherent.right) < 5.0);
}
