//! Initialisation: the experiment's, and each trajectory's own.

use super::checks::{exactly_one, positive, span_of};
use crate::config::error::Flaw;
use crate::config::experiment::{InitKind, InitSpec};
use crate::config::located::{Located, Span, fill};
use crate::config::schema::{FamilyInitTable, FamilyLawTable, InitTable, LawTable};

/// The laws, in the order of the schema.
const LAWS: [(&str, InitKind); 3] =
    [("gaussian", InitKind::Gaussian), ("orthogonal", InitKind::Orthogonal), ("spectral", InitKind::Spectral)];

/// What initial factors must fit.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub width: Option<usize>,
    pub rank: Option<usize>,
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
    let span = table.span.clone();
    let slots: [&mut Option<Located<LawTable>>; 3] = [&mut table.value.gaussian, &mut table.value.orthogonal, &mut table.value.spectral];
    let (name, kind, slot) = choose("init", &span, slots)?;
    check_spectral(&format!("init.{name}"), &slot.span, kind, sizes)?;
    let scale = positive(&format!("init.{name}.scale"), &slot.value.scale)?;
    let seed = fill(&mut slot.value.seed, seed);
    Ok(Shared { init: Some(InitSpec { seed, kind, scale }), seed })
}

/// The law of a trajectory's own initialisation, checked but for its lists.
pub(super) fn own<'t>(
    key: &str,
    table: &'t mut Located<FamilyInitTable>,
    sizes: Sizes,
) -> Result<(&'static str, InitKind, &'t mut Located<FamilyLawTable>), Flaw> {
    let span = table.span.clone();
    let slots = [&mut table.value.gaussian, &mut table.value.orthogonal, &mut table.value.spectral];
    let (name, kind, slot) = choose(key, &span, slots)?;
    check_spectral(&format!("{key}.{name}"), &slot.span, kind, sizes)?;
    Ok((name, kind, slot))
}

fn choose<'t, T>(
    key: &str,
    span: &Span,
    slots: [&'t mut Option<Located<T>>; 3],
) -> Result<(&'static str, InitKind, &'t mut Located<T>), Flaw> {
    let [gaussian, orthogonal, spectral] = LAWS.map(|(name, _)| name);
    let spans = [(gaussian, span_of(slots[0])), (orthogonal, span_of(slots[1])), (spectral, span_of(slots[2]))];
    exactly_one(key, span, &spans)?;
    LAWS.into_iter()
        .zip(slots)
        .find_map(|((name, kind), slot)| slot.as_mut().map(|table| (name, kind, table)))
        .ok_or_else(|| Flaw::presence(key, span, "chooses nothing"))
}

fn check_spectral(key: &str, span: &Span, kind: InitKind, sizes: Sizes) -> Result<(), Flaw> {
    match (kind, sizes.width, sizes.rank) {
        (InitKind::Spectral, Some(width), Some(rank)) if width < rank => {
            Err(Flaw::presence(key, span, format!("needs a width of at least the target's rank {rank}: model.width is {width}")))
        }
        _ => Ok(()),
    }
}
