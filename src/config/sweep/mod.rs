//! `[sweep]`: many experiments from one file.
//!
//! Axes are keys of `[sweep]` other than [`RESERVED`], in the order of the file; the last varies fastest. The grid is the product of all axes,
//! of which those in one list of `zip` move together, times `repeats`, the innermost. Filters drop points. (docs/sweeps.md)

mod axis;
mod filter;
mod fit;

pub use axis::Parameter;
pub use fit::Fit;

use super::document::{Entry, Node, Texts, Value, parse_document};
use super::error::{Complaint, ConfigError, Defect, Flaw};
use super::load::{Failure, Loaded, Source, absolute, load_document};
use super::located::Span;
use super::overrides;
use axis::{Axis, axis, integer, parameter, strings};
use filter::Filter;
use std::path::{Path, PathBuf};

/// Keys of `[sweep]` that are no axes.
pub(super) const RESERVED: [&str; 5] = ["repeats", "repeat_seed", "zip", "filters", "fit"];
/// The column, and the name in filters, of a repetition's number.
const REPEAT: &str = "repeat";
/// Most points of a sweep.
const MOST: usize = 1_000_000;

/// A configuration with a sweep: its points, each of which [`load`](Self::load) makes an experiment.
#[derive(Clone, Debug)]
pub struct SweepFile {
    name: String,
    text: String,
    overrides: Vec<String>,
    base: PathBuf,
    root: Node,
    axes: Vec<Axis>,
    repeats: Option<Repeats>,
    fits: Vec<Fit>,
    points: Vec<Point>,
}

/// Repetitions, and the seeds that they move.
#[derive(Clone, Debug)]
struct Repeats {
    count: usize,
    /// Keys, with their values at repetition 0.
    seeds: Vec<(String, i64)>,
    span: Span,
}

/// For every axis the number of its value, and the repetition.
#[derive(Clone, Debug)]
struct Point {
    choices: Vec<u32>,
    repeat: u32,
}

impl SweepFile {
    /// Parses a configuration with a sweep and applies overrides. No point is resolved yet.
    ///
    /// # Errors
    /// What is wrong with the text, the overrides or `[sweep]`; a configuration without `[sweep]`.
    pub fn parse(source: Source<'_>, overrides: &[String], base_dir: &Path) -> Result<Self, ConfigError> {
        let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
        let mut texts = Texts::new(source.name, text);
        parse(&mut texts, source.name, text, overrides, base_dir).map_err(|failure| failure.report(&texts))
    }

    /// The directory at which relative paths start, absolute.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether filters leave nothing; never true of a sweep that was parsed.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The keys of the axes, and `repeat` where there are repetitions.
    pub fn keys(&self) -> Vec<&str> {
        let repeat = self.repeats.as_ref().map(|_| REPEAT);
        self.axes.iter().map(|axis| axis.key.as_str()).chain(repeat).collect()
    }

    /// What is to be fitted.
    pub fn fits(&self) -> &[Fit] {
        &self.fits
    }

    /// The parameters of a point, in the order of [`keys`](Self::keys); none of a point that does not exist.
    pub fn parameters(&self, index: usize) -> Vec<Parameter> {
        self.points.get(index).map(|point| parameters(&self.axes, self.repeats.as_ref(), point)).unwrap_or_default()
    }

    /// The point as text: `init.gaussian.scale = 0.001, repeat = 2`.
    pub fn describe(&self, index: usize) -> String {
        let parameters = self.parameters(index);
        self.keys().iter().zip(&parameters).map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
    }

    /// The experiment at a point.
    ///
    /// # Errors
    /// Every rule that it breaks; each complaint names the point.
    pub fn load(&self, index: usize) -> Result<Loaded, ConfigError> {
        let result = self.document(index).map_err(Failure::from).and_then(|root| load_document(&root, &self.base));
        result.map_err(|failure| {
            let mut texts = Texts::new(&self.name, &self.text);
            for text in &self.overrides {
                texts.add(text);
            }
            let complaints = failure.report(&texts).complaints.into_iter().map(|complaint| {
                let defect = Defect::Point { index, point: self.describe(index), defect: Box::new(complaint.defect) };
                Complaint { location: complaint.location, defect }
            });
            ConfigError { complaints: complaints.collect() }
        })
    }

    fn document(&self, index: usize) -> Result<Node, Flaw> {
        let mut root = self.root.clone();
        let Some(point) = self.points.get(index) else { return Ok(root) };
        for (axis, choice) in self.axes.iter().zip(&point.choices) {
            if let Some(value) = axis.values.get(*choice as usize) {
                overrides::assign(&mut root, &axis.key, value.clone(), &value.span)?;
            }
        }
        if let Some(repeats) = &self.repeats {
            for (key, first) in &repeats.seeds {
                let value = Value::Integer(first.saturating_add(i64::from(point.repeat)));
                overrides::assign(&mut root, key, Node { span: repeats.span.clone(), value }, &repeats.span)?;
            }
        }
        Ok(root)
    }
}

fn parameters(axes: &[Axis], repeats: Option<&Repeats>, point: &Point) -> Vec<Parameter> {
    let values = axes.iter().zip(&point.choices).filter_map(|(axis, choice)| axis.values.get(*choice as usize)).map(parameter);
    values.chain(repeats.map(|_| Parameter::Integer(i64::from(point.repeat)))).collect()
}

fn parse<'a>(texts: &mut Texts<'a>, name: &str, text: &'a str, overrides: &'a [String], base_dir: &Path) -> Result<SweepFile, Failure> {
    let mut root = parse_document(text)?;
    overrides::apply(&mut root, overrides, texts)?;
    let base = absolute(base_dir)?;
    let Value::Table(entries) = &mut root.value else { return Err(Failure::Other("the document is no table".into())) };
    let Some(place) = entries.iter().position(|entry| entry.key == "sweep") else {
        let remedy = "add a table [sweep] with at least one axis, such as \"init.gaussian.scale\" = [1e-2, 1e-3], or use `pgflow run`";
        return Err(Flaw::missing("sweep", &(0..0), remedy).into());
    };
    let Entry { node, .. } = entries.remove(place);
    let Value::Table(table) = &node.value else {
        return Err(Flaw::value("sweep", &node.span, "is not a table: write [sweep] and its axes below").into());
    };
    let within = |flaw: Flaw| flaw.within("sweep".into());
    let axes =
        table.iter().filter(|entry| !RESERVED.contains(&entry.key.as_str())).map(axis).collect::<Result<Vec<_>, _>>().map_err(within)?;
    let find = |key: &str| table.iter().find(|entry| entry.key == key);
    let repeats = repeats(&root, find("repeats"), find("repeat_seed"), &axes).map_err(within)?;
    if axes.is_empty() && repeats.is_none() {
        let remedy = "add an axis, such as \"init.gaussian.scale\" = [1e-2, 1e-3], or repeats = 5";
        return Err(Flaw::missing("sweep", &node.span, remedy).into());
    }
    let groups = groups(&axes, find("zip")).map_err(within)?;
    let mut keys: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
    keys.extend(repeats.as_ref().map(|_| REPEAT));
    let filters = filter::filters(find("filters"), &keys).map_err(within)?;
    let mut fits = fit::fits(find("fit")).map_err(within)?;
    for fit in &mut fits {
        let group = groups.iter().find(|group| group.iter().any(|&axis| axes[axis].key == fit.x));
        fit.along = group.into_iter().flatten().map(|&axis| axes[axis].key.clone()).collect();
    }
    let points = points(&axes, &groups, repeats.as_ref(), &filters, &node.span)?;
    let (name, text, overrides) = (name.to_owned(), text.to_owned(), overrides.to_vec());
    Ok(SweepFile { name, text, overrides, base, root, axes, repeats, fits, points })
}

fn repeats(root: &Node, count: Option<&Entry>, seeds: Option<&Entry>, axes: &[Axis]) -> Result<Option<Repeats>, Flaw> {
    let Some(count) = count else {
        return match seeds {
            Some(seeds) => Err(Flaw::presence("repeat_seed", &seeds.key_span, "moves with repeats: add repeats = 5, say, or remove it")),
            None => Ok(None),
        };
    };
    let span = count.node.span.clone();
    let number = integer(&count.node).filter(|n| (1..=MOST as i64).contains(n));
    let Some(number) = number else {
        return Err(Flaw::value("repeats", &span, format!("must be an integer from 1 to {MOST}: the number of seeds")));
    };
    let keys = match seeds {
        Some(entry) => strings("repeat_seed", &entry.node, "the keys of the seeds that move, such as \"init.gaussian.seed\"")?,
        None => vec![("seed".to_owned(), span.clone())],
    };
    let base = root.get("seed").and_then(integer).unwrap_or(0);
    let mut moved = Vec::new();
    for (key, place) in keys {
        if key != "seed" && !key.ends_with(".seed") {
            return Err(Flaw::value("repeat_seed", &place, "is no key of a seed: write seed, target.seed, init.gaussian.seed, …"));
        }
        if axes.iter().any(|axis| axis.key == key) {
            return Err(Flaw::value("repeat_seed", &place, format!("moves `{key}`, which is an axis too: remove one of them")));
        }
        let first = overrides::lookup(root, &key).map_or(Some(base), integer);
        match first.filter(|first| *first >= 0 && first.checked_add(number).is_some()) {
            Some(first) => moved.push((key, first)),
            None => return Err(Flaw::value("repeat_seed", &place, format!("moves `{key}`, which must be one integer to count up from"))),
        }
    }
    Ok(Some(Repeats { count: usize::try_from(number).unwrap_or(1), seeds: moved, span }))
}

/// Lists of axes that move together, each where its first axis stands.
fn groups(axes: &[Axis], zip: Option<&Entry>) -> Result<Vec<Vec<usize>>, Flaw> {
    let mut group_of: Vec<usize> = (0..axes.len()).collect();
    if let Some(entry) = zip {
        let rule = "must be a list of lists of axes, such as [[\"target.rows\", \"target.cols\"]]";
        let Value::Array(lists) = &entry.node.value else { return Err(Flaw::value("zip", &entry.node.span, rule)) };
        let mut taken: Vec<usize> = Vec::new();
        for list in lists {
            let mut first: Option<usize> = None;
            for (key, span) in strings("zip", list, "axes that move together")? {
                let Some(place) = axes.iter().position(|axis| axis.key == key) else {
                    let known = axes.iter().map(|axis| axis.key.clone()).collect();
                    return Err(Flaw::unknown("zip", &span, &key, known));
                };
                if taken.contains(&place) {
                    return Err(Flaw::value("zip", &span, "stands there twice: an axis moves with one list"));
                }
                taken.push(place);
                let leader = *first.get_or_insert(place);
                let lengths = (axes[leader].values.len(), axes[place].values.len());
                if lengths.0 != lengths.1 {
                    let rule =
                        format!("has {} values and `{}` has {}: zipped axes must be equally long", lengths.1, axes[leader].key, lengths.0);
                    return Err(Flaw::value("zip", &span, rule));
                }
                group_of[place] = leader;
            }
        }
    }
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for (place, leader) in group_of.into_iter().enumerate() {
        match groups.iter_mut().find(|(known, _)| *known == leader) {
            Some((_, members)) => members.push(place),
            None => groups.push((leader, vec![place])),
        }
    }
    Ok(groups.into_iter().map(|(_, members)| members).collect())
}

fn points(axes: &[Axis], groups: &[Vec<usize>], repeats: Option<&Repeats>, filters: &[Filter], span: &Span) -> Result<Vec<Point>, Flaw> {
    let length = |group: &Vec<usize>| group.first().map_or(1, |&axis| axes[axis].values.len());
    let count = repeats.map_or(1, |repeats| repeats.count);
    let total = groups.iter().map(length).try_fold(count, usize::checked_mul).filter(|&total| total <= MOST);
    let Some(total) = total else {
        return Err(Flaw::presence("sweep", span, format!("has more than {MOST} points: shorten its axes")));
    };
    let mut points = Vec::with_capacity(total);
    for index in 0..total {
        let mut rest = index / count;
        let mut choices = vec![0; axes.len()];
        for group in groups.iter().rev() {
            let choice = (rest % length(group)) as u32;
            rest /= length(group);
            group.iter().for_each(|&axis| choices[axis] = choice);
        }
        let point = Point { choices, repeat: (index % count) as u32 };
        let values = parameters(axes, repeats, &point);
        if filters.iter().all(|filter| filter.keeps(&values)) {
            points.push(point);
        }
    }
    if points.is_empty() {
        return Err(Flaw::presence("sweep.filters", span, format!("drops all {total} points: loosen it")));
    }
    Ok(points)
}
