//! Reads the trajectories of `configs/adversary.toml` and says how large an error each law of perturbation leaves at the horizon.
//!
//! `cargo run --release -- run configs/adversary.toml`, then `cargo run --release --example adversary_table`

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// What a law may leave beyond the worst adversary.
const ALLOWED_EXCESS: f64 = 0.01;

/// Final residuals in operator norm by law and bound, the largest over seeds.
pub struct Table {
    /// The bounds, ascending.
    pub bounds: Vec<f64>,
    /// For each law, in the order of the run, the residual at each bound.
    pub laws: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// The table of a run: the last row of every trajectory whose name carries a bound.
    pub fn read(path: &Path) -> Result<Table, Box<dyn Error>> {
        let mut reader = csv::Reader::from_path(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let header = reader.headers()?.clone();
        let index = |name: &str| header.iter().position(|column| column == name).ok_or(format!("{}: no column {name}", path.display()));
        let (trajectory, residual) = (index("trajectory")?, index("residual_op")?);
        // Rows ascend in time, so that the last one of a name stays.
        let mut last = BTreeMap::<String, String>::new();
        let mut names = Vec::new();
        for record in reader.records() {
            let record = record?;
            let name = record[trajectory].to_owned();
            if last.insert(name.clone(), record[residual].to_owned()).is_none() {
                names.push(name);
            }
        }
        let mut laws = Vec::<(String, Vec<(f64, f64)>)>::new();
        for name in names {
            let Some((law, bound)) = law_and_bound(&name) else { continue };
            let residual: f64 = last[&name].parse().map_err(|_| format!("{name}: no residual_op in its last row"))?;
            let place = laws.iter().position(|(other, _)| other == law).unwrap_or(laws.len());
            if place == laws.len() {
                laws.push((law.to_owned(), Vec::new()));
            }
            let cells = &mut laws[place].1;
            match cells.iter_mut().find(|cell| cell.0 == bound) {
                Some(cell) => cell.1 = cell.1.max(residual),
                None => cells.push((bound, residual)),
            }
        }
        let mut bounds = Vec::new();
        for (law, cells) in &mut laws {
            cells.sort_by(|a, b| a.0.total_cmp(&b.0));
            let own: Vec<f64> = cells.iter().map(|cell| cell.0).collect();
            if bounds.is_empty() {
                bounds = own;
            } else if bounds != own {
                return Err(format!("{law} has other bounds than the laws before it").into());
            }
        }
        let laws = laws.into_iter().map(|(law, cells)| (law, cells.into_iter().map(|cell| cell.1).collect())).collect();
        Ok(Table { bounds, laws })
    }

    /// At each bound, the largest residual of those that the adversaries leave.
    pub fn worst_adversary(&self) -> Vec<f64> {
        let mut worst = vec![0.0_f64; self.bounds.len()];
        for (_, residuals) in self.laws.iter().filter(|(law, _)| is_adversary(law)) {
            worst.iter_mut().zip(residuals).for_each(|(worst, residual)| *worst = worst.max(*residual));
        }
        worst
    }

    /// For each other law, the largest quotient of its residual and the worst adversary's, and the bound at which it occurs.
    pub fn excesses(&self) -> Vec<(&str, f64, f64)> {
        let worst = self.worst_adversary();
        let others = self.laws.iter().filter(|(law, _)| !is_adversary(law));
        others
            .filter_map(|(law, residuals)| {
                let quotients = self.bounds.iter().zip(residuals.iter().zip(&worst)).map(|(bound, (own, worst))| (own / worst, *bound));
                quotients.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(quotient, bound)| (law.as_str(), quotient, bound))
            })
            .collect()
    }
}

fn is_adversary(law: &str) -> bool {
    law.starts_with("adversary")
}

/// `smooth[bound=0.05,perturbation_seed=2]` is of the law `smooth` with bound 0.05.
fn law_and_bound(name: &str) -> Option<(&str, f64)> {
    let (law, parameters) = name.strip_suffix(']')?.split_once('[')?;
    let bound = parameters.split(',').find_map(|parameter| parameter.strip_prefix("bound="))?;
    Some((law, bound.parse().ok()?))
}

#[allow(dead_code)] // A test includes this file as a module and reads the table alone.
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "runs/adversary/trajectories.csv".into());
    let table = Table::read(Path::new(&path))?;
    print!("{:<22}", "bound");
    table.bounds.iter().for_each(|bound| print!(" {bound:>9}"));
    println!();
    for (law, residuals) in &table.laws {
        print!("{law:<22}");
        residuals.iter().for_each(|residual| print!(" {residual:>9.3e}"));
        println!();
    }
    println!();
    for (law, quotient, bound) in table.excesses() {
        let verdict = if quotient > 1.0 + ALLOWED_EXCESS { "exceeds it by more than 1 %" } else { "within 1 %" };
        println!("{law:<22} at most {quotient:.3} of the worst adversary, at bound {bound}: {verdict}");
    }
    Ok(())
}
