//! Operators of the symmetric model: linear maps on symmetric `d × d` matrices.
//!
//! Measuring a symmetric `X` by `A_i` or by its symmetric part is the same, `⟨A_i, X⟩ = ⟨½(A_i + A_iᵀ), X⟩`, so that an ensemble is *symmetrised* by
//! composing it with `X ↦ ½(X + Xᵀ)`. What these operators answer is symmetric to the last bit: `N`, and the `X` that they say was applied.

mod packed;
mod packing;
mod symmetrised;

pub use packed::PackedSymmetric;
pub use symmetrised::Symmetrised;
