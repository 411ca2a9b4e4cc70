//! How often a result stays below a limit: the probability of recovery against a parameter.
//!
//! Of `k` successes in `n` repetitions the estimate is `k/n`, with Wilson's interval of confidence 95 %:
//! `(k + z²/2 ± z √(k(n − k)/n + z²/4)) / (n + z²)`, `z = 1.96` (E. B. Wilson, 1927), which is right for `k = 0` and `k = n` too.

use super::collect::Collected;
use super::error::SweepError;
use super::fit::{cell, places, value, wanted};
use crate::config::Fit;
use std::io::{self, Write};

/// The 0.975 quantile of the normal law.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The successes at one value of `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryRow {
    /// What was asked for.
    pub fit: Fit,
    /// The other parameters, and the family.
    pub group: String,
    /// The value of `x`, as in the table.
    pub x: String,
    /// Trajectories whose `y` is below the limit.
    pub successes: usize,
    /// Trajectories; one whose `y` is undefined is no success.
    pub trials: usize,
}

impl RecoveryRow {
    /// The ends of Wilson's interval.
    pub fn interval(&self) -> (f64, f64) {
        let (k, n, z) = (self.successes as f64, self.trials as f64, NORMAL);
        let (middle, half) = (k + 0.5 * z * z, z * (k * (n - k) / n + 0.25 * z * z).sqrt());
        (((middle - half) / (n + z * z)).max(0.0), ((middle + half) / (n + z * z)).min(1.0))
    }
}

/// The probabilities that are asked for by fits with a limit `below`; `keys` are the parameters' columns.
///
/// # Errors
/// A column that does not exist.
pub fn recovery(table: &Collected, keys: &[String], fits: &[Fit]) -> Result<Vec<RecoveryRow>, SweepError> {
    let mut all: Vec<RecoveryRow> = Vec::new();
    for fit in fits {
        let Some(limit) = fit.below else { continue };
        let places = places(&table.columns, keys, fit)?;
        let begin = all.len();
        for row in table.rows.iter().filter(|row| wanted(row, &places, fit)) {
            if value(row, places.x).is_some_and(|x| fit.x_min.is_some_and(|least| x < least) || fit.x_max.is_some_and(|most| x > most)) {
                continue;
            }
            let (group, x) = (places.group(&table.columns, row), cell(row, places.x));
            let place = all[begin..].iter().position(|known| known.group == group && known.x == x).map(|place| begin + place);
            let place = place.unwrap_or_else(|| {
                all.push(RecoveryRow { fit: fit.clone(), group, x: x.to_owned(), successes: 0, trials: 0 });
                all.len() - 1
            });
            all[place].trials += 1;
            all[place].successes += usize::from(value(row, places.y).is_some_and(|y| y < limit));
        }
    }
    Ok(all)
}

/// Writes probabilities as CSV: `x,value,y,below,group,successes,trials,probability,low,high`.
///
/// # Errors
/// A write that fails.
pub fn write_recovery(rows: &[RecoveryRow], mut writer: impl Write) -> io::Result<()> {
    writeln!(writer, "x,value,y,below,group,successes,trials,probability,low,high")?;
    for row in rows {
        let ((low, high), group) = (row.interval(), row.group.replace('"', "\"\""));
        let (fit, probability) = (&row.fit, row.successes as f64 / row.trials as f64);
        write!(writer, "{},{},{},{:e},\"{group}\"", fit.x, row.x, fit.y, fit.below.unwrap_or(f64::NAN))?;
        writeln!(writer, ",{},{},{probability:.4},{low:.4},{high:.4}", row.successes, row.trials)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_tables() {
        let row = |successes, trials| RecoveryRow {
            fit: Fit { x: "p".into(), y: "e".into(), trajectory: None, x_min: None, x_max: None, below: Some(0.1), along: vec![] },
            group: String::new(),
            x: "1".into(),
            successes,
            trials,
        };
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (k, n, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)] {
            let interval = row(k, n).interval();
            assert!((interval.0 - low).abs() < 6e-5 && (interval.1 - high).abs() < 6e-5, "{k}/{n}: {interval:?}");
        }
        assert_eq!(row(5, 5).interval().1, 1.0);
    }

    #[test]
    fn successes_are_counted_for_every_value_and_group() {
        let columns = ["p", "repeat", "family", "e"].map(str::to_owned).to_vec();
        let mut rows = Vec::new();
        for (p, errors) in [(10, [1.0, 0.5, f64::NAN]), (20, [1e-3, 0.5, 1e-4])] {
            for (repeat, error) in errors.into_iter().enumerate() {
                let error = if error.is_nan() { String::new() } else { error.to_string() };
                rows.push(vec![p.to_string(), repeat.to_string(), "flow".into(), error]);
            }
        }
        let table = Collected { columns, rows, ..Collected::default() };
        let fit =
            Fit { x: "p".into(), y: "e".into(), trajectory: None, x_min: None, x_max: None, below: Some(1e-2), along: vec!["p".into()] };
        let found = recovery(&table, &["p".into(), "repeat".into()], &[fit]).unwrap();
        let told: Vec<_> = found.iter().map(|row| (row.x.as_str(), row.group.as_str(), row.successes, row.trials)).collect();
        assert_eq!(told, [("10", "family = flow", 0, 3), ("20", "family = flow", 2, 3)]);
        let mut text = Vec::new();
        write_recovery(&found[1..], &mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().ends_with("\np,20,e,1e-2,\"family = flow\",2,3,0.6667,0.2077,0.9385\n"));
    }
}
