//! Lines along which a function on a grid has a given value.

/// The pieces of the level set of the values `v[j][i]` at `(x[i], y[j])`, bilinear between them: in each cell of the grid straight lines, joined where they meet.
/// Cells with a corner that is not finite have none. (Marching squares; in a saddle the mean of the corners decides.)
pub(super) fn contour(x: &[f64], y: &[f64], v: &[Vec<f64>], level: f64) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    for (j, (rows, ys)) in v.windows(2).zip(y.windows(2)).enumerate() {
        for (i, xs) in x.windows(2).enumerate() {
            let corner = |row: &Vec<f64>, i: usize| row.get(i).copied().unwrap_or(f64::NAN);
            // Counter-clockwise from the lower left.
            let corners = [corner(&rows[0], i), corner(&rows[0], i + 1), corner(&rows[1], i + 1), corner(&rows[1], i)];
            let places = [(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1])];
            if corners.iter().all(|value| value.is_finite()) {
                pieces.extend(cell(&corners, &places, level, (i, j)));
            }
        }
    }
    join(pieces)
}

/// An edge of the grid: its lower or left corner, and whether it is vertical. Exact, where places are not.
type Edge = (usize, usize, bool);
/// A straight line in a cell, between two of its edges.
type Piece = [(Edge, (f64, f64)); 2];

fn cell(corners: &[f64; 4], places: &[(f64, f64); 4], level: f64, (i, j): (usize, usize)) -> Vec<Piece> {
    let edges: [Edge; 4] = [(i, j, false), (i + 1, j, true), (i, j + 1, false), (i, j, true)];
    let crossing = |k: usize| {
        let (a, b) = (corners[k], corners[(k + 1) % 4]);
        let ((ax, ay), (bx, by)) = (places[k], places[(k + 1) % 4]);
        let part = (level - a) / (b - a);
        ((a < level) != (b < level)).then(|| (edges[k], (ax + part * (bx - ax), ay + part * (by - ay))))
    };
    let crossings: Vec<_> = (0..4).filter_map(crossing).collect();
    match crossings.as_slice() {
        [a, b] => vec![[*a, *b]],
        [a, b, c, d] => {
            // A saddle: the centre belongs to the corners on its side of the level.
            let centre = corners.iter().sum::<f64>() / 4.0;
            if (centre < level) == (corners[0] < level) { vec![[*a, *b], [*c, *d]] } else { vec![[*d, *a], [*b, *c]] }
        }
        _ => Vec::new(),
    }
}

fn join(mut pieces: Vec<Piece>) -> Vec<Vec<(f64, f64)>> {
    let mut lines = Vec::new();
    while let Some([first, last]) = pieces.pop() {
        let (mut line, mut ends) = (vec![first.1, last.1], [first.0, last.0]);
        while let Some((k, at_start)) = next(&pieces, ends) {
            let [a, b] = pieces.swap_remove(k);
            let meeting = ends[usize::from(!at_start)];
            let (edge, place) = if a.0 == meeting { b } else { a };
            if at_start {
                line.insert(0, place);
                ends[0] = edge;
            } else {
                line.push(place);
                ends[1] = edge;
            }
        }
        lines.push(line);
    }
    lines
}

/// A piece that goes on from one of two ends, and from which.
fn next(pieces: &[Piece], ends: [Edge; 2]) -> Option<(usize, bool)> {
    let from = |end: Edge| pieces.iter().position(|piece| piece[0].0 == end || piece[1].0 == end);
    from(ends[1]).map(|k| (k, false)).or_else(|| from(ends[0]).map(|k| (k, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_plane_is_one_straight_line() {
        let x: Vec<f64> = (0..6).map(f64::from).collect();
        let v: Vec<Vec<f64>> = (0..5).map(|j| x.iter().map(|x| x + 2.0 * f64::from(j)).collect()).collect();
        let y: Vec<f64> = (0..5).map(f64::from).collect();
        let lines = contour(&x, &y, &v, 4.5);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() >= 5);
        assert!(lines[0].iter().all(|(x, y)| (x + 2.0 * y - 4.5).abs() < 1e-12));
    }

    #[test]
    fn a_hill_has_a_closed_line_and_a_hole_has_none() {
        let x: Vec<f64> = (-5..=5).map(f64::from).collect();
        let mut v: Vec<Vec<f64>> = x.iter().map(|y| x.iter().map(|x| -(x * x + y * y)).collect()).collect();
        let lines = contour(&x, &x, &v, -9.5);
        assert_eq!(lines.len(), 1);
        let (first, last) = (lines[0][0], lines[0][lines[0].len() - 1]);
        assert!((first.0 - last.0).abs() < 1e-12 && (first.1 - last.1).abs() < 1e-12);
        // Linear between points that lie 1 apart: off by at most 1/8 of the second derivative, over the slope.
        assert!(lines[0].iter().all(|(x, y)| (x.hypot(*y) - 9.5_f64.sqrt()).abs() < 0.25 / (2.0 * 2.0)));
        v[5][8] = f64::NAN;
        assert!(contour(&x, &x, &v, -9.5).iter().flatten().all(|(x, y)| !(*x > 2.0 && y.abs() < 1.0 && x.hypot(*y) > 3.0)));
        assert!(contour(&x, &x, &v, 1.0).is_empty());
        assert!(contour(&[], &[], &[], 0.0).is_empty());
    }

    #[test]
    fn saddles_are_cut_in_two() {
        let v = vec![vec![0.0, 1.0], vec![1.0, 0.0]];
        assert_eq!(contour(&[0.0, 1.0], &[0.0, 1.0], &v, 0.4).len(), 2);
        assert_eq!(contour(&[0.0, 1.0], &[0.0, 1.0], &v, 0.6).len(), 2);
    }
}
