//! Initialisation: the experiment's, and each trajectory's own.

use super::checks::{absent, exactly_one, positive, span_of};
use crate::config::descents::OfName;
use crate::config::error::Flaw;
use crate::config::experiment::{InitKind, InitSpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::{FamilyInitTable, InitTable};
use crate::config::values::OneOrMany;

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

/// `[init]`, or the factors of the instance's file.
pub(super) fn shared(table: Option<&mut Located<InitTable>>, seed: u64, from_file: bool, sizes: Sizes) -> Result<Shared, Flaw> {
    let Some(table) = table else {
        let init = from_file.then_some(InitSpec { seed, kind: InitKind::File, scale: 1.0 });
        return Ok(Shared { init, seed });
    };
    let InitTable { gaussian, orthogonal, spectral } = &mut table.value;
    match choose("init", &table.span, [span_of(gaussian), span_of(orthogonal), span_of(spectral)])? {
        (name, Law::Drawn(kind)) => {
            let slot = if kind == InitKind::Gaussian { gaussian } else { orthogonal };
            let Some(law) = slot else { return Err(Flaw::presence("init", &table.span, "chooses nothing")) };
            let scale = positive(&format!("init.{name}.scale"), &law.value.scale)?;
            let seed = fill(&mut law.value.seed, seed);
            Ok(Shared { init: Some(InitSpec { seed, kind, scale }), seed })
        }
        (_, Law::Spectral) => {
            let Some(law) = spectral else { return Err(Flaw::presence("init", &table.span, "chooses nothing")) };
            let kind = check_spectral("init.spectral", &law.span, fill(&mut law.value.of, OfName::Target), sizes)?;
            let scale = default_scale("init.spectral", &law.span, kind, &mut law.value.scale, 1.0)?;
            let scale = positive("init.spectral.scale", scale)?;
            let seed = seed_of("init.spectral", kind, &mut law.value.seed, seed)?;
            Ok(Shared { init: Some(InitSpec { seed, kind, scale }), seed })
        }
    }
}

/// The law of a trajectory's own initialisation, checked but for its lists: its key, its kind, its scales and its seeds.
pub(super) type Own<'t> = (String, InitKind, &'t Located<OneOrMany<f64>>, Option<&'t Located<OneOrMany<u64>>>);

pub(super) fn own<'t>(key: &str, table: &'t mut Located<FamilyInitTable>, shared: Shared, sizes: Sizes) -> Result<Own<'t>, Flaw> {
    let FamilyInitTable { gaussian, orthogonal, spectral } = &mut table.value;
    let nothing = || Flaw::presence(key, &table.span, "chooses nothing");
    match choose(key, &table.span, [span_of(gaussian), span_of(orthogonal), span_of(spectral)])? {
        (name, Law::Drawn(kind)) => {
            let slot = if kind == InitKind::Gaussian { gaussian } else { orthogonal };
            let law = &mut slot.as_mut().ok_or_else(nothing)?.value;
            let seeds = law.seed.get_or_insert_with(|| Located::filled(OneOrMany::One(shared.seed)));
            Ok((format!("{key}.{name}"), kind, &law.scale, Some(seeds)))
        }
        (name, Law::Spectral) => {
            let key = format!("{key}.{name}");
            let law = spectral.as_mut().ok_or_else(nothing)?;
            let kind = check_spectral(&key, &law.span, fill(&mut law.value.of, OfName::Target), sizes)?;
            let scale = default_scale(&key, &law.span, kind, &mut law.value.scale, OneOrMany::One(1.0))?;
            seed_of(&key, kind, &mut law.value.seed, OneOrMany::One(shared.seed))?;
            Ok((key, kind, scale, law.value.seed.as_ref()))
        }
    }
}

/// What a table of laws holds.
enum Law {
    /// Random directions.
    Drawn(InitKind),
    /// A decomposition.
    Spectral,
}

fn choose(key: &str, span: &Span, spans: [Option<Span>; 3]) -> Result<(&'static str, Law), Flaw> {
    let [gaussian, orthogonal, spectral] = spans;
    let index = exactly_one(key, span, &[("gaussian", gaussian), ("orthogonal", orthogonal), ("spectral", spectral)])?;
    Ok(match index {
        0 => ("gaussian", Law::Drawn(InitKind::Gaussian)),
        1 => ("orthogonal", Law::Drawn(InitKind::Orthogonal)),
        _ => ("spectral", Law::Spectral),
    })
}

/// The scale of a decomposition: required for the target's, which has no size of its own.
fn default_scale<'t, T>(key: &str, span: &Span, kind: InitKind, slot: &'t mut Option<Located<T>>, unit: T) -> Result<&'t Located<T>, Flaw> {
    if slot.is_none() && kind == InitKind::Spectral {
        return Err(Flaw::missing(format!("{key}.scale"), span, "give it, such as scale = 1e-3 (every mode starts at its square)"));
    }
    Ok(slot.get_or_insert_with(|| Located::filled(unit)))
}

/// The seed of a decomposition: that of the data has nothing random.
fn seed_of<T: Clone>(key: &str, kind: InitKind, slot: &mut Option<Located<T>>, default: T) -> Result<T, Flaw> {
    if kind == InitKind::SpectralData {
        absent(&format!("{key}.seed"), slot, "nothing is random about a decomposition of the data; remove it")?;
        return Ok(default);
    }
    Ok(fill(slot, default))
}

/// The kind of a decomposition, if the width fits it.
fn check_spectral(key: &str, span: &Span, of: OfName, sizes: Sizes) -> Result<InitKind, Flaw> {
    let Sizes { width, rank, shape } = sizes;
    match of {
        OfName::Target => match (width, rank) {
            (Some(width), Some(rank)) if width < rank => {
                Err(Flaw::presence(key, span, format!("needs a width of at least the target's rank {rank}: model.width is {width}")))
            }
            _ => Ok(InitKind::Spectral),
        },
        OfName::Data => match (width, shape.map(|(rows, cols)| rows.min(cols))) {
            (Some(width), Some(most)) if width > most => {
                let rule = format!("of the data needs a width of at most min(rows, cols) = {most}: model.width is {width}");
                Err(Flaw::presence(key, span, rule))
            }
            _ => Ok(InitKind::SpectralData),
        },
    }
}
