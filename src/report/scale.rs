//! The map from values to places on an axis, and its ticks.

/// An axis's range, mapped to `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// Where an axis has its ticks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticks {
    /// Values with labels.
    pub major: Vec<(f64, String)>,
    /// Values without.
    pub minor: Vec<f64>,
}

/// The most decades that a logarithmic axis shows: below `1e-18` of the largest value there is only rounding.
const DECADES: f64 = 18.0;
/// Logarithm of the smallest number above zero.
const SMALLEST: f64 = -323.3;

impl Scale {
    /// The scale for given values: those that are not finite, and on a logarithmic axis not positive, do not count. There is `room` at both ends, as a part of
    /// the spread. Equal values get room on both sides; without values the range is `[0, 1]` (logarithmic: `[0.1, 1]`).
    pub fn around(values: impl Iterator<Item = f64>, log: bool, room: f64) -> Self {
        let values = values.filter(|x| x.is_finite() && (!log || *x > 0.0)).map(|x| if log { x.log10() } else { x });
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            return Scale { low: if log { -1.0 } else { 0.0 }, high: if log { 0.0 } else { 1.0 }, log };
        }
        let low = if log { low.max(high - DECADES) } else { low };
        // A spread of rounding errors is no spread.
        let spread = high - low;
        let flat = spread <= 1e-12 * high.abs().max(low.abs());
        let margin = match (flat, log) {
            (true, true) => 0.5,
            (true, false) if high == 0.0 => 1.0,
            (true, false) => (0.5 * high.abs()).max(f64::MIN_POSITIVE),
            // Halves, lest the difference of two huge numbers overflow.
            (false, _) => room * (0.5 * high - 0.5 * low) * 2.0,
        };
        let (least, most) = if log { (SMALLEST, f64::MAX.log10()) } else { (f64::MIN, f64::MAX) };
        Scale { low: (low - margin).max(least), high: (high + margin).min(most), log }
    }

    /// The same, beginning exactly at a value that lies in it.
    pub fn from(self, least: Option<f64>) -> Self {
        let low = least.map(|x| if self.log { x.log10() } else { x }).filter(|x| (self.low..self.high).contains(x));
        Scale { low: low.unwrap_or(self.low), ..self }
    }

    /// From the smallest to the largest value that it shows.
    pub fn range(&self) -> (f64, f64) {
        if self.log { (10f64.powf(self.low), 10f64.powf(self.high)) } else { (self.low, self.high) }
    }

    /// The place of a value; `None` if it has none.
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log { value.log10() } else { value };
        let half = 0.5 * self.high - 0.5 * self.low;
        let place = (0.5 * value - 0.5 * self.low) / half;
        place.is_finite().then_some(place)
    }

    /// Ticks inside of the range, about `count` of them with labels.
    pub fn ticks(&self, count: usize) -> Ticks {
        let wanted = count.max(2) as f64;
        if !self.log {
            return self.round_numbers(wanted);
        }
        let decades = self.high - self.low;
        let inside = self.high.floor() - self.low.ceil() + 1.0;
        if inside >= 2.0 {
            self.decades(wanted)
        } else if decades > 0.25 {
            self.parts_of_decades()
        } else {
            self.round_numbers(wanted)
        }
    }

    fn decades(&self, wanted: f64) -> Ticks {
        let stride = ((self.high - self.low) / wanted).ceil().max(1.0);
        let mut ticks = Ticks::default();
        let mut exponent = self.low.floor();
        while exponent <= self.high {
            if exponent >= self.low {
                if exponent.rem_euclid(stride) == 0.0 {
                    ticks.major.push((10f64.powf(exponent), power(exponent as i64)));
                } else {
                    ticks.minor.push(10f64.powf(exponent));
                }
            }
            if stride == 1.0 {
                let parts = (2..10).map(|k| f64::from(k).log10() + exponent);
                ticks.minor.extend(parts.filter(|x| (self.low..=self.high).contains(x)).map(|x| 10f64.powf(x)));
            }
            exponent += 1.0;
        }
        ticks
    }

    /// 1, 2 and 5 times powers of ten have labels, or, where these are few, more.
    fn parts_of_decades(&self) -> Ticks {
        let ticks = self.multiples(&[1, 2, 5]);
        if ticks.major.len() > 2 { ticks } else { self.multiples(&[1, 2, 3, 4, 5, 7]) }
    }

    fn multiples(&self, labelled: &[u32]) -> Ticks {
        let mut ticks = Ticks::default();
        let mut exponent = self.low.floor();
        while exponent <= self.high {
            for k in 1..10_u32 {
                let place = f64::from(k).log10() + exponent;
                let value = f64::from(k) * 10f64.powf(exponent);
                if !(self.low..=self.high).contains(&place) || !value.is_normal() {
                    continue;
                }
                if labelled.contains(&k) {
                    ticks.major.push((value, number(value, 10f64.powf(exponent))));
                } else {
                    ticks.minor.push(value);
                }
            }
            exponent += 1.0;
        }
        ticks
    }

    fn round_numbers(&self, wanted: f64) -> Ticks {
        let (low, high) = self.range();
        let raw = high / wanted - low / wanted;
        let magnitude = 10f64.powf(raw.log10().floor());
        let stride = [1.0, 2.0, 5.0, 10.0].into_iter().map(|x| x * magnitude).find(|x| *x >= raw * 0.999).unwrap_or(raw);
        let first = (low / stride).ceil() as i64;
        let mut ticks = Ticks::default();
        for k in (first..).take(14) {
            let value = k as f64 * stride;
            if !value.is_finite() || value > high * (1.0 + 1e-12 * high.signum()) {
                break;
            }
            ticks.major.push((value, number(value, stride)));
        }
        ticks
    }
}

/// A value as a label, with as many digits as its neighbours at a distance of `stride` differ in.
pub(super) fn number(value: f64, stride: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let exponent = value.abs().log10().floor();
    if (-3.0..5.0).contains(&exponent) {
        let digits = (-stride.log10().floor()).clamp(0.0, 8.0) as usize;
        return format!("{value:.digits$}").replace('-', "−");
    }
    let digits = (exponent - stride.log10().floor()).clamp(0.0, 3.0) as usize;
    let mantissa = format!("{:.digits$}", value / 10f64.powf(exponent)).replace('-', "−");
    if mantissa == "1" { power(exponent as i64) } else { format!("{mantissa}·{}", power(exponent as i64)) }
}

/// A value as a label with three digits at most, without those that are zero at its end.
pub(super) fn short(value: f64) -> String {
    let rounded = format!("{value:.2e}").parse().unwrap_or(value);
    let text = number(rounded, 10f64.powf(value.abs().max(f64::MIN_POSITIVE).log10().floor() - 2.0));
    match text.split_once('·') {
        Some((mantissa, power)) => format!("{}·{power}", without_zeros(mantissa)),
        None => without_zeros(&text).to_owned(),
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn power(exponent: i64) -> String {
    format!("10^{{{}}}", exponent.to_string().replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: [f64; 2], log: bool) -> Vec<String> {
        Scale::around(values.into_iter(), log, 0.0).ticks(5).major.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn labels_are_round_and_few() {
        assert_eq!(labels([0.0, 60.0], false), ["0", "20", "40", "60"]);
        assert_eq!(labels([-0.5, 0.5], false), ["−0.4", "−0.2", "0", "0.2", "0.4"]);
        assert_eq!(labels([1e-3, 1.0], true), ["10^{−3}", "10^{−2}", "10^{−1}", "10^{0}"]);
        assert_eq!(labels([1e-12, 1.0], true), ["10^{−12}", "10^{−9}", "10^{−6}", "10^{−3}", "10^{0}"]);
        assert_eq!(labels([0.025, 0.1], true), ["0.03", "0.04", "0.05", "0.07", "0.1"]);
        assert_eq!(labels([0.05, 0.06], true), ["0.050", "0.052", "0.054", "0.056", "0.058", "0.060"]);
    }

    #[test]
    fn short_numbers_have_three_digits() {
        assert_eq!(
            ["1.23456", "0.05", "1234567", "2e-9", "0", "1"].map(|x| short(x.parse().unwrap())),
            ["1.23", "0.05", "1.23·10^{6}", "2·10^{−9}", "0", "1"]
        );
    }

    #[test]
    fn no_values_equal_values_and_huge_values_have_ranges_and_ticks() {
        for log in [false, true] {
            for values in [vec![], vec![0.0], vec![f64::NAN], vec![3.0, 3.0], vec![1e300, 1e-300], vec![-f64::MAX, f64::MAX], vec![5e-324]]
            {
                let scale = Scale::around(values.iter().copied(), log, 0.04);
                let (low, high) = scale.range();
                assert!(low < high, "{values:?} {log}: {low} {high}");
                let ticks = scale.ticks(5);
                assert!(ticks.major.iter().all(|(value, label)| scale.place(*value).is_some() && !label.contains("NaN")), "{values:?}");
            }
        }
    }
}
