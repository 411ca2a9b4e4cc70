//! Initialisation: the experiment's, and each trajectory's own.

use super::checks::{absent, exactly_one, positive, span_of};
use crate::config::descents::OfName;
use crate::config::error::Flaw;
use crate::config::experiment::{InitKind, InitSpec};
use crate::config::inits::{FamilyInitTable, InitTable};
use crate::config::located::{Located, Span, fill};
use crate::config::values::OneOrMany;

/// The laws, in the order of the schema.
const LAWS: [&str; 4] = ["gaussian", "orthogonal", "identity", "spectral"];

/// What initial factors must fit.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub width: Option<usize>,
    pub rank: Option<usize>,
    pub shape: Option<(usize, usize)>,
}

/// What trajectories without an initialisation of their own start from, and the seed of those that have one without a seed.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    pub init: Option<InitSpec>,
    pub seed: u64,
}

/// A law as written: its name, its kind, its scale, and its seed where something about it is random.
struct Written<'t, S, D> {
    name: &'static str,
    kind: InitKind,
    scale: &'t Located<S>,
    seed: Option<&'t Located<D>>,
}

/// `[init]`, or the factors of the instance's file.
pub(super) fn shared(table: Option<&mut Located<InitTable>>, seed: u64, from_file: bool, sizes: Sizes) -> Result<Shared, Flaw> {
    let Some(table) = table else {
        let init = from_file.then_some(InitSpec { seed, kind: InitKind::File, scale: 1.0 });
        return Ok(Shared { init, seed });
    };
    let span = &table.span;
    let InitTable { gaussian, orthogonal, identity, spectral } = &mut table.value;
    let spans = [span_of(gaussian), span_of(orthogonal), span_of(identity), span_of(spectral)];
    let written = match choose("init", span, spans)? {
        0 => gaussian.as_mut().map(|law| drawn(0, InitKind::Gaussian, &law.value.scale, &mut law.value.seed, seed)),
        1 => orthogonal.as_mut().map(|law| drawn(1, InitKind::Orthogonal, &law.value.scale, &mut law.value.seed, seed)),
        2 => identity.as_ref().map(|law| fixed(&law.value.scale)),
        _ => match spectral {
            Some(law) => {
                let (table, place) = (&mut law.value, Place { key: "init.spectral", span: &law.span });
                Some(decomposition(place, (&mut table.of, &mut table.scale, &mut table.seed), (1.0, seed), sizes)?)
            }
            None => None,
        },
    };
    let Some(Written { name, kind, scale, seed: own }) = written else { return Err(Flaw::presence("init", span, "chooses nothing")) };
    let scale = positive(&format!("init.{name}.scale"), scale)?;
    let seed = own.map_or(seed, |own| own.value);
    Ok(Shared { init: Some(InitSpec { seed, kind, scale }), seed })
}

/// The law of a trajectory's own initialisation, checked but for its lists: its key, its kind, its scales and its seeds.
pub(super) type Own<'t> = (String, InitKind, &'t Located<OneOrMany<f64>>, Option<&'t Located<OneOrMany<u64>>>);

pub(super) fn own<'t>(key: &str, table: &'t mut Located<FamilyInitTable>, shared: Shared, sizes: Sizes) -> Result<Own<'t>, Flaw> {
    let span = &table.span;
    let FamilyInitTable { gaussian, orthogonal, identity, spectral } = &mut table.value;
    let spans = [span_of(gaussian), span_of(orthogonal), span_of(identity), span_of(spectral)];
    let seed = OneOrMany::One(shared.seed);
    let written = match choose(key, span, spans)? {
        0 => gaussian.as_mut().map(|law| drawn(0, InitKind::Gaussian, &law.value.scale, &mut law.value.seed, seed)),
        1 => orthogonal.as_mut().map(|law| drawn(1, InitKind::Orthogonal, &law.value.scale, &mut law.value.seed, seed)),
        2 => identity.as_ref().map(|law| fixed(&law.value.scale)),
        _ => match spectral {
            Some(law) => {
                let (table, place) = (&mut law.value, Place { key: &format!("{key}.spectral"), span: &law.span });
                let default = (OneOrMany::One(1.0), seed);
                Some(decomposition(place, (&mut table.of, &mut table.scale, &mut table.seed), default, sizes)?)
            }
            None => None,
        },
    };
    let Some(Written { name, kind, scale, seed }) = written else { return Err(Flaw::presence(key, span, "chooses nothing")) };
    Ok((format!("{key}.{name}"), kind, scale, seed))
}

/// Which of the laws is there.
fn choose(key: &str, span: &Span, spans: [Option<Span>; LAWS.len()]) -> Result<usize, Flaw> {
    let variants: Vec<_> = LAWS.into_iter().zip(spans).collect();
    exactly_one(key, span, &variants)
}

/// Random directions.
fn drawn<'t, S, D>(law: usize, kind: InitKind, scale: &'t Located<S>, seed: &'t mut Option<Located<D>>, default: D) -> Written<'t, S, D> {
    Written { name: LAWS[law], kind, scale, seed: Some(seed.get_or_insert_with(|| Located::filled(default))) }
}

/// Columns of the identity.
fn fixed<S, D>(scale: &Located<S>) -> Written<'_, S, D> {
    Written { name: LAWS[2], kind: InitKind::Identity, scale, seed: None }
}

/// Where a table is.
#[derive(Clone, Copy)]
struct Place<'p> {
    key: &'p str,
    span: &'p Span,
}

/// The slots of a decomposition's table.
type Slots<'t, S, D> = (&'t mut Option<Located<OfName>>, &'t mut Option<Located<S>>, &'t mut Option<Located<D>>);

/// A decomposition. Its scale is required for the target's, which has no size of its own; that of the data has nothing random.
fn decomposition<'t, S, D>(place: Place<'_>, slots: Slots<'t, S, D>, default: (S, D), sizes: Sizes) -> Result<Written<'t, S, D>, Flaw> {
    let (of, scale, seed) = slots;
    let Place { key, span } = place;
    let kind = check_spectral(place, fill(of, OfName::Target), sizes)?;
    if scale.is_none() && kind == InitKind::Spectral {
        return Err(Flaw::missing(format!("{key}.scale"), span, "give it, such as scale = 1e-3 (every mode starts at its square)"));
    }
    if kind == InitKind::SpectralData {
        absent(&format!("{key}.seed"), seed, "nothing is random about a decomposition of the data; remove it")?;
    } else {
        seed.get_or_insert_with(|| Located::filled(default.1));
    }
    Ok(Written { name: LAWS[3], kind, scale: scale.get_or_insert_with(|| Located::filled(default.0)), seed: seed.as_ref() })
}

/// The kind of a decomposition, if the width fits it.
fn check_spectral(place: Place<'_>, of: OfName, sizes: Sizes) -> Result<InitKind, Flaw> {
    let Sizes { width, rank, shape } = sizes;
    match of {
        OfName::Target => match (width, rank) {
            (Some(width), Some(rank)) if width < rank => {
                let rule = format!("needs a width of at least the target's rank {rank}: model.width is {width}");
                Err(Flaw::presence(place.key, place.span, rule))
            }
            _ => Ok(InitKind::Spectral),
        },
        OfName::Data => match (width, shape.map(|(rows, cols)| rows.min(cols))) {
            (Some(width), Some(most)) if width > most => {
                let rule = format!("of the data needs a width of at most min(rows, cols) = {most}: model.width is {width}");
                Err(Flaw::presence(place.key, place.span, rule))
            }
            _ => Ok(InitKind::SpectralData),
        },
    }
}
