//! Instances: built from specifications, written as arrays, read again, and read by NumPy.

// The lints spare test functions, not their helpers.
#![allow(clippy::unwrap_used)]

use pgflow::config::*;
use pgflow::dynamics::State;
use pgflow::linalg::{Matrix, View};
use pgflow::problem::*;
use pgflow::random::{Purpose, stream};
use pgflow::sensing::{Answer, Cost, Question, SensingOperator, Workspace};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A dense operator written as its definition.
#[derive(Debug)]
struct Plain(Vec<Matrix>);

impl SensingOperator for Plain {
    fn shape(&self) -> (usize, usize) {
        self.0[0].shape()
    }
    fn measurements(&self) -> usize {
        self.0.len()
    }
    fn workspace(&self) -> Workspace {
        Box::new(())
    }
    fn answer(&self, _: &[f64], _: &[Question<'_>], _: &mut [Answer], _: &mut Workspace) {
        unimplemented!("these tests apply no normal operator")
    }
    fn measure(&self, x: &Matrix) -> Vec<f64> {
        self.0.iter().map(|row| row.dot(x)).collect()
    }
    fn adjoint(&self, v: &[f64]) -> Matrix {
        self.0.iter().zip(v).fold(Matrix::zeros(self.shape().0, self.shape().1), |sum, (row, v)| sum + row * *v)
    }
    fn cost(&self, _: usize) -> Cost {
        Cost { bytes: 0.0, flops: 0.0 }
    }
    fn storage_bytes(&self) -> u64 {
        0
    }
    fn row(&self, i: usize) -> Matrix {
        self.0[i].clone()
    }
}

fn experiment(problem: Problem) -> Experiment {
    Experiment {
        name: "test".into(),
        seed: 0,
        problem,
        factorization: Factorization::Asymmetric,
        width: Some(3),
        record: Record {
            horizon: 1.0,
            samples: 2,
            spacing: Spacing::Linear,
            exact_times: false,
            snapshots: false,
            singular_vectors: 0,
            observables: vec![],
            stop: Stop::default(),
        },
        trajectories: vec![],
        comparisons: vec![],
    }
}

fn generated(kind: TargetKind, ensemble: Ensemble, noise: f64) -> Result<BuiltProblem, ProblemError> {
    let sensing = SensingSpec { seed: 5, noise, ensemble };
    build_instance(&experiment(Problem::Generated { target: TargetSpec { seed: 4, kind }, sensing }))
}

fn random(rows: usize, cols: usize) -> TargetKind {
    TargetKind::Random { rows, cols, singular_values: vec![1.0, 0.5], coherence: Coherence::Incoherent }
}

#[test]
fn without_noise_the_data_are_the_measured_target() {
    let built = generated(random(6, 4), Ensemble::Identity, 0.0).unwrap();
    assert_eq!(built.instance.data, built.instance.target.as_ref().unwrap().matrix.as_slice());
    assert_eq!(built.instance.noise_adjoint, Some(Matrix::zeros(6, 4)));
    assert_eq!((built.kind, built.factors), (OperatorKind::Identity, None));
}

/// The noise: data = A(Y) + e with e from its own stream, proportional to its standard deviation, of the right size; A*(e) is e here.
#[test]
fn noise_is_added_and_its_adjoint_kept() {
    let (rows, cols) = (60, 50);
    let exact = generated(random(rows, cols), Ensemble::Identity, 0.0).unwrap().instance;
    let noisy = generated(random(rows, cols), Ensemble::Identity, 0.25).unwrap().instance;
    assert_eq!(noisy.target.as_ref().unwrap().matrix, exact.target.as_ref().unwrap().matrix);
    let e = noisy.noise_adjoint.unwrap();
    assert_eq!(e, gaussian_matrix(&mut stream(5, Purpose::Noise, 0), rows, cols) * 0.25);
    for ((data, exact), e) in noisy.data.iter().zip(&exact.data).zip(e.iter()) {
        assert_eq!(*data, exact + e);
    }
    let n = e.len() as f64;
    assert!((e.norm_squared() / n / 0.0625 - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
}

#[test]
fn ensembles_that_do_not_fit_are_refused_before_anything_is_read() {
    let storage = Storage::F64;
    let huge = Ensemble::Gaussian { measurements: Measurements::Count(1 << 50), storage };
    let error = generated(random(60, 50), huge, 0.0).unwrap_err().to_string();
    assert!(error.contains("1125899906842624 measurements of 60×50") && error.contains("EiB") && error.contains("\"f32\""), "{error}");
    let endless = Ensemble::Gaussian { measurements: Measurements::Oversampling(1e300), storage };
    assert!(matches!(generated(random(60, 50), endless, 0.0), Err(ProblemError::Sensing(_))));
    // The entries of this picture are damaged; the refusal comes first.
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("cut.png");
    let picture = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/data/camera_64x48.png")).unwrap();
    std::fs::write(&path, &picture[..picture.len() / 2]).unwrap();
    for rank in [None, Some(3)] {
        let file = TargetKind::File { path: path.clone(), rank };
        assert!(matches!(generated(file.clone(), huge, 0.0), Err(ProblemError::Sensing(_))), "{rank:?}");
        let error = generated(file, Ensemble::Identity, 0.0).unwrap_err().to_string();
        assert!(error.contains("cut.png: is cut short"), "{rank:?}: {error}");
    }
}

fn dense_instance(with_target: bool) -> Instance {
    let (p, rows, cols) = (7, 4, 3);
    let measurements = (0..p).map(|i| gaussian_matrix(&mut stream(1, Purpose::Sensing, i), rows, cols) / 7f64.sqrt()).collect();
    let target = build_target(&TargetSpec { seed: 4, kind: random(rows, cols) }).unwrap();
    let operator = Plain(measurements);
    let data = operator.measure(&target.matrix);
    Instance { target: with_target.then_some(target), operator: Box::new(operator), data, noise_adjoint: None }
}

fn initial() -> State {
    let mut rng = stream(2, Purpose::Initialisation, 0);
    State::from_factors(&gaussian_matrix(&mut rng, 4, 5), &gaussian_matrix(&mut rng, 3, 5))
}

fn export(instance: &Instance, kind: OperatorKind, initial: Option<&State>) -> Vec<u8> {
    write_instance(Cursor::new(Vec::new()), instance, kind, initial).unwrap().into_inner()
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("x.npz");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, bytes: &[u8]) -> Result<InstanceArrays, String> {
        read_instance(&self.write(bytes)).map_err(|error| error.to_string())
    }
}

#[test]
fn dense_instances_return_from_their_file() {
    let scratch = Scratch::new();
    for (with_target, initial) in [(true, Some(initial())), (false, None)] {
        let instance = dense_instance(with_target);
        let bytes = export(&instance, OperatorKind::Dense, initial.as_ref());
        assert_eq!(bytes, export(&instance, OperatorKind::Dense, initial.as_ref()), "the bytes are reproducible");
        let arrays = scratch.read(&bytes).unwrap();
        assert_eq!(arrays.shape, (4, 3));
        assert_eq!(arrays.target, instance.target.as_ref().map(|target| target.matrix.clone()));
        assert_eq!(arrays.data, instance.data);
        let factors = initial.map(|z| InitialFactors::Pair { f: z.left().to_matrix(), g: z.right().to_matrix() });
        assert_eq!(arrays.factors, factors);
        let entries: Vec<f64> = (0..7).flat_map(|i| instance.operator.row(i).as_slice().to_vec()).collect();
        assert_eq!(arrays.operator, OperatorArray::Dense(entries));
    }
}

#[test]
fn full_observation_returns_from_its_file() {
    let scratch = Scratch::new();
    let instance = generated(random(6, 4), Ensemble::Identity, 0.1).unwrap().instance;
    let bytes = export(&instance, OperatorKind::Identity, None);
    assert!(bytes.len() < 3000, "no p × m × n array: {}", bytes.len());
    let path = scratch.write(&bytes);
    let built = build_instance(&experiment(Problem::File(path))).unwrap();
    assert_eq!(built.kind, OperatorKind::Identity);
    assert_eq!(built.instance.data, instance.data);
    assert_eq!(built.instance.operator.shape(), (6, 4));
    let target = built.instance.target.unwrap();
    assert_eq!((target.rank(), &target.matrix), (2, &instance.target.as_ref().unwrap().matrix));
    // e is computed as y − A(Y): the rounding of y is all that it lost.
    let e = built.instance.noise_adjoint.unwrap();
    assert!((e - instance.noise_adjoint.as_ref().unwrap()).amax() < 1e-15);
    // Without the target the noise is unknown, and operator_shape alone tells rows and columns.
    let unknown = Instance { target: None, ..instance };
    let path = scratch.write(&export(&unknown, OperatorKind::Identity, None));
    let built = build_instance(&experiment(Problem::File(path))).unwrap().instance;
    assert!(built.target.is_none() && built.noise_adjoint.is_none());
    assert_eq!(built.operator.shape(), (6, 4));
    // As a dense array it is the identity, measurement i the i-th entry column by column.
    let arrays = scratch.read(&export(&unknown, OperatorKind::Dense, None)).unwrap();
    assert_eq!(arrays.operator, OperatorArray::Dense(Matrix::identity(24, 24).as_slice().to_vec()));
}

/// Name and shape of an array.
type Named<'a> = (&'a str, &'a [usize]);

type Archive = ArchiveWriter<Cursor<Vec<u8>>>;

fn archive(fill: impl FnOnce(&mut Archive) -> std::io::Result<()>) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()));
    fill(&mut archive).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn files_that_do_not_fit_together_are_refused() {
    let scratch = Scratch::new();
    let of = |name: &'static str, shape: &'static [usize]| (name, shape);
    let y = of("y", &[2]);
    let operator = of("operator", &[2, 4, 3]);
    let cases: Vec<(Vec<Named<'_>>, Option<&str>, &[&str])> = vec![
        (vec![operator], None, &["array \"y\" is missing"]),
        (vec![y], None, &["array \"operator\" is missing", "operator_kind = \"identity\""]),
        (vec![y], Some("dense"), &["array \"operator\" is missing"]),
        (vec![y], Some("fourier"), &["is \"fourier\"; expected \"dense\", \"identity\", \"rademacher\""]),
        (vec![y, operator], Some("identity"), &["there is an array \"operator\" too"]),
        (vec![y], Some("identity"), &["array \"operator_shape\" is missing"]),
        (vec![y, of("target", &[4, 3])], Some("identity"), &["p = 2", "has 12 measurements"]),
        (vec![y, operator, of("Y", &[4, 3])], None, &["array \"Y\" is unknown; allowed are target, y, f0, g0"]),
        (vec![of("y", &[3]), operator], None, &["array \"y\" has shape (3,), expected (2,)"]),
        (vec![of("y", &[2, 1]), operator], None, &["array \"y\" has shape (2, 1), expected (p,)"]),
        (vec![y, of("operator", &[2, 12])], None, &["array \"operator\" has shape (2, 12), expected (p, m, n)"]),
        (vec![y, of("operator", &[2, 0, 3])], None, &["array \"operator\" has shape (2, 0, 3)"]),
        (vec![y, operator, of("target", &[3, 4])], None, &["array \"target\" has shape (3, 4), expected (4, 3)"]),
        (vec![y, operator, of("f0", &[4, 5])], None, &["array \"g0\" is missing"]),
        (vec![y, operator, of("g0", &[3, 5])], None, &["array \"f0\" is missing"]),
        (vec![y, operator, of("f0", &[3, 5]), of("g0", &[3, 5])], None, &["array \"f0\" has shape (3, 5), expected (4, 5)"]),
        (vec![y, operator, of("f0", &[4, 5]), of("g0", &[3, 6])], None, &["array \"g0\" has shape (3, 6), expected (3, 5)"]),
        (vec![y, operator, of("operator_shape", &[3])], None, &["operator_shape", "expected three positive integers"]),
    ];
    for (arrays, kind, parts) in cases {
        let bytes = archive(|archive| {
            if let Some(kind) = kind {
                archive.text("operator_kind", kind)?;
            }
            arrays.iter().try_for_each(|(name, shape)| archive.array(name, shape, vec![0.5; shape.iter().product()]))
        });
        let error = scratch.read(&bytes).unwrap_err();
        assert!(error.contains("x.npz") && parts.iter().all(|part| error.contains(part)), "{error}, expected {parts:?}");
    }
    let told = archive(|archive| {
        archive.array("y", &[1], [1.0])?;
        archive.array("operator", &[1, 2, 1], [1.0, 2.0])?;
        archive.integers("operator_shape", &[1, 1, 2])
    });
    assert!(scratch.read(&told).unwrap_err().contains("is [1, 1, 2], but \"operator\" has shape (1, 2, 1)"));
    let not_finite = archive(|archive| {
        archive.array("y", &[1], [1.0])?;
        archive.array("operator", &[1, 2, 1], [1.0, f64::NAN])
    });
    assert!(scratch.read(&not_finite).unwrap_err().contains("array \"operator\": entry [0, 1, 0] is NaN"));
    assert!(scratch.read(b"no archive").unwrap_err().contains("is not an .npz archive"));
    assert!(read_instance(Path::new("/nonexistent.npz")).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn a_changed_bit_is_noticed() {
    let scratch = Scratch::new();
    let instance = dense_instance(false);
    let mut bytes = export(&instance, OperatorKind::Dense, None);
    let needle = instance.operator.row(6)[(3, 2)].to_le_bytes();
    let place = bytes.windows(8).rposition(|window| window == needle).unwrap();
    bytes[place] ^= 1;
    let error = scratch.read(&bytes).unwrap_err();
    assert!(error.contains("array \"operator\": is damaged"), "{error}");
}

/// A Python that has NumPy: `PGFLOW_PYTHON`, or `python3`.
fn numpy() -> Option<String> {
    let python = std::env::var("PGFLOW_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: {python} has no NumPy; set PGFLOW_PYTHON to one that has");
    }
    found.then_some(python)
}

fn run(python: &str, script: &str, arguments: &[&Path]) {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn numpy_reads_what_is_exported() {
    let Some(python) = numpy() else { return };
    let scratch = Scratch::new();
    let path = scratch.write(&export(&dense_instance(true), OperatorKind::Dense, Some(&initial())));
    let script = "import numpy as np, sys; a = np.load(sys.argv[1])
assert a['operator'].shape == (7, 4, 3) and a['operator'].flags.c_contiguous and a['operator'].dtype == np.float64
assert a['f0'].shape == (4, 5) and a['g0'].shape == (3, 5)
assert np.abs(np.einsum('ijk,jk->i', a['operator'], a['target']) - a['y']).max() < 1e-15
assert a['operator_kind'].item() == b'dense' and list(a['operator_shape']) == [7, 4, 3]
assert np.allclose(np.linalg.svd(a['target'])[1], [1, .5, 0], atol=1e-15)";
    run(&python, script, &[&path]);
    let noisy = generated(random(6, 4), Ensemble::Identity, 0.5).unwrap().instance;
    let path = scratch.write(&export(&noisy, OperatorKind::Identity, None));
    let script = "import numpy as np, sys; a = np.load(sys.argv[1])
assert set(a.files) == {'target', 'y', 'operator_kind', 'operator_shape'} and a['operator_kind'].item() == b'identity'
e = a['y'].reshape(a['operator_shape'][1:], order='F') - a['target']; assert .3 < e.std() < .7";
    run(&python, script, &[&path]);
}

#[test]
fn what_numpy_writes_is_read() {
    let Some(python) = numpy() else { return };
    let scratch = Scratch::new();
    let path = scratch.0.path().join("x.npz");
    let script = "import numpy as np, sys
i, j, k = np.ogrid[:2, :4, :3]; A = (100. * i + 10 * j + k)
args = dict(y=np.array([1, 2], dtype='>f4'), f0=np.asfortranarray(np.arange(8.).reshape(4, 2)), g0=np.ones((3, 2), dtype=np.int8))
np.savez(sys.argv[1], operator=np.asfortranarray(A), operator_kind='dense', **args)
np.savez_compressed(sys.argv[2], operator=A, **args)";
    let compressed = scratch.0.path().join("c.npz");
    run(&python, script, &[&path, &compressed]);
    let arrays = read_instance(&path).unwrap();
    let expected: Vec<f64> = (0..2).flat_map(|i| (0..3).flat_map(move |k| (0..4).map(move |j| (100 * i + 10 * j + k) as f64))).collect();
    assert_eq!(arrays.operator, OperatorArray::Dense(expected));
    assert_eq!(arrays.data, [1.0, 2.0]);
    let factors = arrays.factors.unwrap();
    let f = Matrix::from_fn(4, 2, |i, j| (2 * i + j) as f64);
    assert_eq!(factors, InitialFactors::Pair { f, g: Matrix::from_element(3, 2, 1.0) });
    let error = read_instance(&compressed).unwrap_err().to_string();
    assert!(error.contains("numpy.savez instead of numpy.savez_compressed"), "{error}");
}

/// Names in snapshots hold brackets; the archive keeps them, and matrices go row by row.
#[test]
fn archives_keep_names_and_order() {
    let scratch = Scratch::new();
    let matrix = Matrix::from_fn(2, 3, |i, j| (10 * i + j) as f64);
    let path = scratch.write(&archive(|archive| archive.matrix("gd[step=0.1].f", View::of(&matrix))));
    assert_eq!(ArchiveReader::open(&path).unwrap().names(), ["gd[step=0.1].f"]);
    let bytes = std::fs::read(&path).unwrap();
    let stored: Vec<u8> = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    assert!(bytes.windows(stored.len()).any(|window| window == stored));
}

/// Structured operators: 2 measurements of 4 × 3 matrices, with one thing wrong each.
#[test]
fn structured_arrays_that_do_not_fit_are_refused() {
    let scratch = Scratch::new();
    type Numbers = (&'static str, &'static [usize], Vec<f64>);
    let ones = |sign: f64| vec![sign; 12];
    let cases: Vec<(&str, Vec<Numbers>, &[&str])> = vec![
        ("entries", vec![("rows", &[2], vec![1.0, 3.0])], &["array \"cols\"", "is missing"]),
        ("entries", vec![("rows", &[2], vec![1.0, 4.0]), ("cols", &[2], vec![0.0, 1.0])], &["array \"rows\"", "entry 4", "0 to 3"]),
        ("entries", vec![("rows", &[2], vec![1.0, 0.5]), ("cols", &[2], vec![0.0, 1.0])], &["array \"rows\"", "entry 0.5"]),
        ("entries", vec![("rows", &[3], vec![1.0; 3]), ("cols", &[2], vec![0.0, 1.0])], &["array \"rows\"", "shape (3,)", "(2,)"]),
        ("entries", vec![("rows", &[2], vec![1.0, 1.0]), ("cols", &[2], vec![2.0, 2.0])], &["(1, 2)", "measured already"]),
        ("rademacher", vec![("sign_bits", &[2, 1], vec![255.0; 2])], &["array \"sign_bits\"", "(2, 1)", "(2, 2)"]),
        ("rademacher", vec![("sign_bits", &[2, 2], vec![256.0; 4])], &["array \"sign_bits\"", "256", "0 to 255"]),
        ("rank_one", vec![("left", &[2, 3], vec![1.0; 6]), ("right", &[2, 3], vec![1.0; 6])], &["array \"left\"", "(2, 3)", "(2, 4)"]),
        // Without `right` it would be `left`, which has another length.
        ("rank_one", vec![("left", &[2, 4], vec![1.0; 8])], &["array \"right\"", "is missing"]),
        ("hadamard", vec![("indices", &[2], vec![0.0, 16.0]), ("signs", &[4, 3], ones(1.0))], &["array \"indices\"", "16", "0 to 15"]),
        ("hadamard", vec![("indices", &[2], vec![0.0, 15.0]), ("signs", &[4, 3], ones(0.5))], &["array \"signs\"", "1 and −1"]),
        ("hadamard", vec![("indices", &[2], vec![0.0, 15.0]), ("signs", &[3, 4], ones(-1.0))], &["array \"signs\"", "4×3"]),
        ("identity", vec![("rows", &[2], vec![0.0, 1.0])], &["array \"rows\"", "operator_kind = \"entries\"", "\"identity\""]),
    ];
    for (kind, arrays, parts) in cases {
        let bytes = archive(|archive| {
            archive.array("y", &[2], [1.0, 2.0])?;
            archive.text("operator_kind", kind)?;
            archive.integers("operator_shape", &[2, 4, 3])?;
            arrays.iter().try_for_each(|(name, shape, values)| archive.array(name, shape, values.iter().copied()))
        });
        let error = scratch.read(&bytes).unwrap_err();
        assert!(error.contains("x.npz") && parts.iter().all(|part| error.contains(part)), "{error}, expected {parts:?}");
    }
    // What NumPy users would write: floating-point indices and entries in an order of their own, no shape but the target's.
    let good = archive(|archive| {
        archive.array("y", &[2], [1.0, 2.0])?;
        archive.text("operator_kind", "entries")?;
        archive.array("target", &[4, 3], vec![0.5; 12])?;
        archive.array("rows", &[2], [3.0, 1.0])?;
        archive.array("cols", &[2], [2.0, 0.0])
    });
    let expected = pgflow::sensing::Entries::from_places(4, 3, &[(3, 2), (1, 0)]).unwrap();
    assert_eq!(scratch.read(&good).unwrap().operator, OperatorArray::Entries(expected));
}
