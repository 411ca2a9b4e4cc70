//! The theorems' hypotheses and conclusions beside what a run measured.
//!
//! Absolute constants of the theorems are unknown, and their statements are known here in shape only, second-hand (THEORY 2.1–2.3): a
//! certificate reports the measured quantity, the theorem's scale *without* its constant, and their ratio. A verdict other than "not decided"
//! is given only where no constant is needed. `docs/certificates.md` lists every row with its source.

mod evidence;
mod li;
mod soltanolkotabi;
mod wind;

pub use evidence::{Evidence, InstanceEvidence, Step, TrajectoryEvidence};

use serde::Serialize;

/// What has to be said with every certificate.
pub const DISCLAIMER: &str = "Nothing here is a proof. The theorems' absolute constants are unknown: scales are given without them, and a ratio below 1 \
does not mean that a hypothesis holds. Statements are taken second-hand, in shape; the papers' exact definitions (that of the perturbed gradient flow \
among them) were not available, and nothing is quoted. RIP constants are lower bounds. Maxima are over recorded times.";

/// What can be said without knowing a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It fails, whatever the constant.
    #[serde(rename = "certainly violated")]
    Violated,
    /// It depends on a constant that is unknown, or on what was not recorded.
    #[serde(rename = "not decided")]
    Undecided,
    /// It holds, whatever the constant.
    #[serde(rename = "holds")]
    Holds,
}

impl Verdict {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::Violated => "certainly violated",
            Verdict::Undecided => "not decided",
            Verdict::Holds => "holds",
        }
    }

    fn of(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Violated }
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The theorem asks for it.
    Hypothesis,
    /// The theorem, or an identity, says it.
    Conclusion,
    /// A time: the observed one is the measured quantity, the predicted one the scale.
    Time,
}

/// One hypothesis, conclusion or time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// A name for programs, unique within its block.
    pub id: &'static str,
    /// What it is about.
    pub kind: Kind,
    /// The statement's shape.
    pub formula: String,
    /// What was measured.
    pub measured: Option<f64>,
    /// The theorem's scale, without its constant.
    pub scale: Option<f64>,
    /// `measured / scale`.
    pub ratio: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
    /// Why, or what is missing.
    pub note: Option<String>,
}

impl Row {
    fn new(id: &'static str, kind: Kind, formula: impl Into<String>, measured: Option<f64>, scale: Option<f64>) -> Self {
        let (measured, scale) = (measured.filter(|x| x.is_finite()), scale.filter(|x| x.is_finite()));
        let ratio = measured.zip(scale).map(|(measured, scale)| measured / scale).filter(|ratio| ratio.is_finite());
        Row { id, kind, formula: formula.into(), measured, scale, ratio, verdict: Verdict::Undecided, note: None }
    }

    fn hypothesis(id: &'static str, formula: impl Into<String>, measured: Option<f64>, scale: Option<f64>) -> Self {
        Row::new(id, Kind::Hypothesis, formula, measured, scale)
    }

    fn conclusion(id: &'static str, formula: impl Into<String>, measured: Option<f64>, scale: Option<f64>) -> Self {
        Row::new(id, Kind::Conclusion, formula, measured, scale)
    }

    fn time(id: &'static str, formula: impl Into<String>, measured: Option<f64>, scale: Option<f64>) -> Self {
        Row::new(id, Kind::Time, formula, measured, scale)
    }

    fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// Adds a sentence.
    fn note(mut self, note: impl Into<String>) -> Self {
        let note = note.into();
        self.note = Some(self.note.map_or(note.clone(), |before| format!("{before}; {note}")));
        self
    }

    fn note_if(self, note: Option<String>) -> Self {
        match note {
            Some(note) => self.note(note),
            None => self,
        }
    }

    /// Where a column is needed that the run did not record, a row says so and decides nothing.
    fn needs(self, evidence: &TrajectoryEvidence, columns: &[&str]) -> Self {
        let missing: Vec<&str> = columns.iter().copied().filter(|column| !evidence.has(column)).collect();
        if missing.is_empty() {
            return self;
        }
        self.verdict(Verdict::Undecided).note(format!("not recorded: add {} to record.observables", missing.join(", ")))
    }
}

/// The rows of one trajectory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrajectoryRows {
    /// Its name.
    pub trajectory: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// One paper's table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// `W23`, `SSX23`, `LMZ18`.
    pub paper: &'static str,
    /// Authors, arXiv number, subject.
    pub title: &'static str,
    /// What restricts its use here.
    pub remark: Option<&'static str>,
    /// What concerns the instance and the model, whatever the trajectory.
    pub instance: Vec<Row>,
    /// What concerns single trajectories.
    pub trajectories: Vec<TrajectoryRows>,
}

impl Table {
    /// The table of a theorem about the other model: every row says so, and decides nothing.
    fn restricted(mut self, note: &str, remark: &'static str) -> Self {
        self.remark = Some(remark);
        for row in self.instance.iter_mut().chain(self.trajectories.iter_mut().flat_map(|block| &mut block.rows)) {
            row.verdict = Verdict::Undecided;
            row.note = Some(note.into());
        }
        self
    }
}

/// The tables of the three papers.
pub fn certificate(evidence: &Evidence) -> Vec<Table> {
    let two_factors = [wind::table(evidence), soltanolkotabi::table(evidence)];
    let restricted = |table: Table| if evidence.instance.symmetric { table.restricted(ASYMMETRIC_ONLY, ASYMMETRIC_REMARK) } else { table };
    two_factors.into_iter().map(restricted).chain([li::table(evidence)]).collect()
}

/// What every row of a theorem about two factors says about a run of one.
const ASYMMETRIC_ONLY: &str = "applies to the asymmetric model";
const ASYMMETRIC_REMARK: &str = "The theorem is about F Gᵀ with two factors; this run has one. Its scales are evaluated with U in place of [F; G] for orientation, nothing is decided.";

/// The orders of restricted isometry constants that the tables ask for, for targets of rank `r`: `r + 1` (W23), `2(r + 1)` (SSX23), `4r` (LMZ18).
pub fn rip_orders(rank: usize) -> [usize; 3] {
    [rank + 1, 2 * (rank + 1), 4 * rank]
}

/// `h ≥ r`.
fn width_row(instance: &InstanceEvidence) -> Row {
    let row = Row::hypothesis("width", "h ≥ r", Some(instance.width as f64), Some(instance.rank as f64));
    let enough = instance.width >= instance.rank;
    let row = row.verdict(Verdict::of(enough));
    if enough { row } else { row.note("FGᵀ cannot have the target's rank") }
}

/// `δ_q ≲ scale`.
fn rip_row(instance: &InstanceEvidence, order: usize, formula: String, scale: f64) -> Row {
    let value = instance.rip.iter().find(|(asked, _)| *asked == order).map(|(_, value)| *value);
    let row = Row::hypothesis("rip", formula, value, Some(scale));
    if instance.full_observation {
        return row.verdict(Verdict::Holds).note("full observation: δ = 0 exactly");
    }
    let entries = instance.rows * instance.cols;
    if order >= instance.rows.min(instance.cols) && instance.measurements < entries {
        let reason =
            format!("δ = 1 or more: order {order} covers all matrices, and {} measurements of {entries} entries", instance.measurements);
        return row.verdict(Verdict::Violated).note(format!("{reason} leave a kernel"));
    }
    match value {
        Some(value) if value >= 1.0 => row.verdict(Verdict::Violated).note("a lower bound of δ is at least 1: no restricted isometry"),
        Some(_) => row.note("measured: a lower bound of δ"),
        None => row.note("not estimated"),
    }
}

/// The escape of the r-th singular value, predicted by closed form.
fn escape_row(instance: &InstanceEvidence, evidence: &TrajectoryEvidence) -> Row {
    let observed = evidence.escape(instance);
    let predicted = evidence.predicted_escape;
    let row = Row::time("escape", "t: σ_r(FGᵀ) ≥ σ_r/2, from F₀, G₀", observed.map(|(_, t)| t), predicted);
    let row = match observed {
        None => row.note("no recorded time has escaped"),
        Some((None, _)) => row.note("escaped at the first recorded time"),
        Some((Some(before), t)) => row.note_if(evidence.in_steps(t, predicted)).note(format!("not yet at {before:.6}")),
    };
    let row = match predicted {
        None => row.note("no prediction: the start does not excite every mode"),
        Some(_) if !instance.full_observation => row.note("exact for small starts under full observation, a rough guide under sensing"),
        Some(_) => row,
    };
    row.note_if(evidence.foreign_method())
}
