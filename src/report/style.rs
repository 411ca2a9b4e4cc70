//! Colours, dash patterns and markers: series can be told apart by each of the latter two alone, in black and white.

/// Okabe and Ito's palette without its yellow, which is too light for lines.
pub(super) const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// Dash patterns; the first is solid.
pub(super) const DASHES: [&str; 6] = ["", "4.5 1.8", "1.1 1.5", "5 1.5 1.1 1.5", "8 2.2", "2.6 1.3"];
/// How many markers there are.
pub(super) const MARKERS: usize = 6;

/// A colour's name.
pub fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// The `stroke-dasharray` of a pattern, in points; empty for a solid line.
pub fn dash_array(number: usize) -> &'static str {
    DASHES[number % DASHES.len()]
}

pub(super) fn dashes(number: usize) -> String {
    match dash_array(number) {
        "" => String::new(),
        pattern => format!(r#" stroke-dasharray="{pattern}""#),
    }
}

/// The outline of a marker of the given radius about a point.
pub(super) fn marker(number: usize, x: f64, y: f64, radius: f64) -> String {
    let r = radius;
    let corners = |points: &[(f64, f64)]| {
        let mut path = String::new();
        for (k, (dx, dy)) in points.iter().enumerate() {
            path += &format!("{}{:.2} {:.2}", if k == 0 { 'M' } else { 'L' }, x + r * dx, y + r * dy);
        }
        path + "Z"
    };
    match number % MARKERS {
        0 => format!("M{:.2} {y:.2}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", x - r, d = 2.0 * r),
        1 => corners(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => corners(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
        3 => corners(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        4 => corners(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
        _ => corners(&[
            (-1.2, -0.45),
            (-0.45, -0.45),
            (-0.45, -1.2),
            (0.45, -1.2),
            (0.45, -0.45),
            (1.2, -0.45),
            (1.2, 0.45),
            (0.45, 0.45),
            (0.45, 1.2),
            (-0.45, 1.2),
            (-0.45, 0.45),
            (-1.2, 0.45),
        ]),
    }
}

/// A scale from dark to pale that is monotone in lightness: cividis, at nine points.
pub(super) const STOPS: [[u8; 3]; 9] = [
    [0, 34, 78],
    [27, 57, 109],
    [64, 77, 107],
    [93, 98, 110],
    [123, 119, 120],
    [155, 141, 118],
    [190, 166, 108],
    [226, 195, 92],
    [254, 232, 56],
];

/// Red, green and blue of the scale at `0 ≤ x ≤ 1`.
pub(super) fn mixed(x: f64) -> [u8; 3] {
    let place = x.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let k = (place.floor() as usize).min(STOPS.len() - 2);
    let part = place - k as f64;
    let channel = |c: usize| (f64::from(STOPS[k][c]) * (1.0 - part) + f64::from(STOPS[k + 1][c]) * part).round() as u8;
    [channel(0), channel(1), channel(2)]
}

/// The same as SVG has it.
pub(super) fn shade(x: f64) -> String {
    let [red, green, blue] = mixed(x);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
