//! Three reference figures, compared by what an eye would see: means of small blocks. A renderer's new version may move edges a little, not what is drawn.

use super::support::{decaying, drawn, run, trajectory};
use pgflow::report::{Figure, png, svg};
use std::path::Path;

/// Side of a block: at 2 pixels a point, two points.
const BLOCK: usize = 4;
const ZOOM: f32 = 2.0;

/// Grey values of a PNG, as means over blocks, row by row; and its size.
fn blocks(bytes: &[u8]) -> (Vec<f64>, (usize, usize)) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let channels = frame.buffer_size() / (frame.width * frame.height) as usize;
    let (width, height) = (frame.width as usize, frame.height as usize);
    let grey = |x: usize, y: usize| {
        let pixel = &pixels[(y * width + x) * channels..][..3];
        0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
    };
    let mean = |i: usize, j: usize| {
        let sum: f64 = (0..BLOCK * BLOCK).map(|k| grey(i * BLOCK + k % BLOCK, j * BLOCK + k / BLOCK)).sum();
        sum / (BLOCK * BLOCK) as f64
    };
    let means = (0..height / BLOCK).flat_map(|j| (0..width / BLOCK).map(move |i| (i, j))).map(|(i, j)| mean(i, j)).collect();
    (means, (width, height))
}

/// The mean and the largest difference of blocks, of 255.
fn difference(one: &[u8], other: &[u8]) -> (f64, f64) {
    let ((a, size), (b, expected)) = (blocks(one), blocks(other));
    assert_eq!(size, expected);
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).collect();
    (differences.iter().sum::<f64>() / differences.len() as f64, differences.iter().copied().fold(0.0, f64::max))
}

fn references() -> Vec<Figure> {
    let run = run(vec![
        trajectory("flow", None, 40, decaying),
        trajectory("gd[step=0.2]", Some(0.2), 40, |t| Some((-0.28 * t).exp())),
        trajectory("gd[step=0.1]", Some(0.1), 40, |t| Some((-0.29 * t).exp())),
    ]);
    drawn(&run).into_iter().filter(|figure| ["errors", "deviation_order", "budget_flow"].contains(&figure.id.as_str())).collect()
}

#[test]
fn three_figures_look_as_they_did() {
    let figures = references();
    assert_eq!(figures.len(), 3);
    let kept = |figure: &Figure| Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.png", figure.id));
    for figure in &figures {
        std::fs::write(kept(figure), png(&svg(figure), ZOOM).unwrap()).unwrap();
    }
    for figure in figures {
        let kept = kept(&figure);
        let pixels = std::fs::read(&kept).unwrap();
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/figures/{}.png", figure.id));
        let expected =
            std::fs::read(&reference).unwrap_or_else(|_| panic!("look at {} and copy it to {}", kept.display(), reference.display()));
        let (mean, largest) = difference(&pixels, &expected);
        assert!(mean < 0.5 && largest < 60.0, "{}: {mean} {largest}; look at {}", figure.id, kept.display());
    }
}

#[test]
fn a_line_that_is_missing_is_seen() {
    let mut figure = references().remove(0);
    let whole = png(&svg(&figure), ZOOM).unwrap();
    figure.series[2].points.truncate(2);
    let (mean, largest) = difference(&png(&svg(&figure), ZOOM).unwrap(), &whole);
    assert!(mean >= 0.5 || largest >= 60.0, "{mean} {largest}");
}

#[test]
fn the_readme_shows_what_its_own_command_draws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir().unwrap();
    let pgflow = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgflow"));
        let output = command.args(arguments).current_dir(scratch.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    pgflow(&["run", &root.join("configs/quickstart.toml").display().to_string(), "-o", "quickstart", "-q"]);
    pgflow(&["plot", "quickstart"]);
    for id in ["spectrum_flow", "deviation_order"] {
        let drawn = std::fs::read(scratch.path().join(format!("quickstart/figures/{id}.png"))).unwrap();
        let reference = root.join(format!("docs/images/{id}.png"));
        let shown = std::fs::read(&reference).unwrap_or_else(|_| panic!("{} is missing", reference.display()));
        let (mean, largest) = difference(&drawn, &shown);
        assert!(mean < 0.5 && largest < 60.0, "{id}: {mean} {largest}; make it again with the README's command and copy it to docs/images");
    }
}
