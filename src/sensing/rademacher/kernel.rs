//! Signed sums by table: the signed sums of eight numbers are looked up, not added.
//!
//! **The bits.** `Σ_k ±x_k` is a sum over groups of eight, groups ascending, from +0. A group is `t + t'`, the sums of its first and its last four
//! numbers, and four numbers are `(±x₀ ± x₁) + (±x₂ ± x₃)`. Numbers that are missing at the end are +0. How many points are treated together, blocks and
//! threads change no bit: a sum that is stored and loaded again is not rounded.
//!
//! **Work.** All 16 sums of four numbers are tabulated once for a block of rows, for up to eight points at once, and a row takes two of them for a
//! group: 2 additions for 8 products. For a single point all 256 sums of eight numbers are tabulated, and a row takes one.
//!
//! **Layout** of signs: blocks of [`BLOCK`] rows; in a block, for one group of 32 columns after the other, a word of every row, bit `k` of which is set where
//! the sign of the group's column `k` is −. So the words that a table serves are read one after another. Both inner products and back-projection are sums
//! over the columns of such signs, the latter of the transposed ones, which are stored as well.

use crate::sensing::dense::{Job, Lanes};

/// Rows of a block. The sums of a block for eight points and the tables fill the first-level cache.
pub(super) const BLOCK: usize = 384;
/// Columns of a word.
pub(super) const WORD: usize = 32;
/// Tables of four columns in a word.
const TABLES: usize = WORD / 4;

/// Signs of a matrix, laid out as above.
#[derive(Clone, PartialEq)]
pub(super) struct Signs {
    words: Vec<u32>,
    rows: usize,
    cols: usize,
}

impl Signs {
    /// Words that signs of this shape take. Saturates.
    pub(super) fn length(rows: usize, cols: usize) -> usize {
        rows.saturating_mul(cols.div_ceil(WORD))
    }

    /// All +. Nothing if there is not enough memory.
    pub(super) fn positive(rows: usize, cols: usize) -> Option<Self> {
        let mut words = Vec::new();
        words.try_reserve_exact(Self::length(rows, cols)).ok()?;
        words.resize(Self::length(rows, cols), 0);
        Some(Signs { words, rows, cols })
    }

    /// Words of a row.
    pub(super) fn groups(&self) -> usize {
        self.cols.div_ceil(WORD)
    }

    /// The words of whole blocks, one block after another.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// The same, to be written.
    pub(super) fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words
    }

    /// Where the words of group `group` of rows `row ..` are, as far as the block of `row` goes.
    fn at(&self, row: usize, group: usize) -> usize {
        let first = row - row % BLOCK;
        let height = BLOCK.min(self.rows - first);
        first * self.groups() + group * height + row - first
    }

    /// Whether the sign of column `col` of row `row` is −.
    pub(super) fn is_negative(&self, row: usize, col: usize) -> bool {
        self.words[self.at(row, col / WORD)] >> (col % WORD) & 1 == 1
    }

    /// Writes the transposed signs of a block of rows of the transposed matrix, `out`, which is block `nth`.
    pub(super) fn transpose_block(&self, nth: usize, out: &mut [u32]) {
        let groups = self.rows.div_ceil(WORD);
        let height = out.len() / groups;
        for (group, words) in out.chunks_exact_mut(height).enumerate() {
            let rows = WORD.min(self.rows - group * WORD);
            for (within, words) in words.chunks_mut(WORD).enumerate() {
                let mut square = [0; WORD];
                let from = self.at(group * WORD, nth * (BLOCK / WORD) + within);
                square[..rows].copy_from_slice(&self.words[from..][..rows]);
                transpose(&mut square);
                words.copy_from_slice(&square[..words.len()]);
            }
        }
    }
}

/// Bit `k` of word `i` becomes bit `i` of word `k`.
fn transpose(square: &mut [u32; WORD]) {
    let (mut distance, mut mask) = (WORD / 2, 0x0000_ffff_u32);
    while distance > 0 {
        for i in (0..WORD).filter(|i| i & distance == 0) {
            let exchanged = (square[i] >> distance ^ square[i + distance]) & mask;
            square[i] ^= exchanged << distance;
            square[i + distance] ^= exchanged;
        }
        distance /= 2;
        mask ^= mask << distance;
    }
}

/// `Σ_k ±x_k` for the rows of consecutive blocks and `P` points, 1, 4 or 8.
pub(super) struct Sums<'a, const P: usize> {
    /// The words of the blocks.
    pub(super) words: &'a [u32],
    /// Words of a row.
    pub(super) groups: usize,
    /// The numbers, (column)(point), with zeros up to whole words.
    pub(super) numbers: &'a [f64],
    /// The sums, (row)(point).
    pub(super) out: &'a mut [f64],
}

impl<const P: usize> Job for Sums<'_, P> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        assert!(self.numbers.len() == self.groups * WORD * P && self.out.len() * self.groups == self.words.len() * P);
        self.out.fill(0.0);
        let mut fours = Tables([[0.0; P]; 16 * TABLES]);
        let mut eights = [[0.0; 256]; TABLES / 2];
        for (group, numbers) in self.numbers.chunks_exact(WORD * P).enumerate() {
            // SAFETY: there are `WORD · P` numbers; the instructions are the caller's promise.
            unsafe { fours.fill::<L>(numbers) };
            if P == 1 {
                fours.combine(&mut eights);
            }
            for (words, out) in self.words.chunks(BLOCK * self.groups).zip(self.out.chunks_mut(BLOCK * P)) {
                let height = out.len() / P;
                let words = &words[group * height..][..height];
                if P == 1 {
                    words.iter().zip(out).for_each(|(word, out)| *out = add_eights(*word, &eights, *out));
                } else {
                    for (word, out) in words.iter().zip(out.chunks_exact_mut(P)) {
                        // SAFETY: `out` holds `P` numbers; the instructions are the caller's promise.
                        unsafe { fours.add::<L>(*word, out) };
                    }
                }
            }
        }
    }
}

/// The signed sums of every four columns of a word: entry `16 t + s` belongs to columns `4t ..`, negated where `s` has a bit.
#[repr(align(64))]
struct Tables<const P: usize>([[f64; P]; 16 * TABLES]);

impl<const P: usize> Tables<P> {
    /// # Safety
    /// `numbers` are `WORD · P`; the processor has the instructions.
    #[inline(always)]
    unsafe fn fill<L: Lanes>(&mut self, numbers: &[f64]) {
        for (sums, numbers) in self.0.chunks_exact_mut(16).zip(numbers.chunks_exact(4 * P)) {
            if P == 1 {
                let signed = |at: usize, negative: bool| if negative { 0.0 - numbers[at] } else { numbers[at] };
                for (s, sum) in sums.iter_mut().enumerate() {
                    let bit = |at: usize| s >> at & 1 == 1;
                    sum[0] = (signed(0, bit(0)) + signed(1, bit(1))) + (signed(2, bit(2)) + signed(3, bit(3)));
                }
                continue;
            }
            for q in (0..P).step_by(4) {
                // SAFETY: four numbers are at each place, as `P` is a multiple of 4; the instructions are the caller's promise.
                unsafe {
                    let x: [L::Vector; 4] = std::array::from_fn(|at| L::load(numbers[at * P + q..].as_ptr()));
                    let minus: [L::Vector; 4] = std::array::from_fn(|at| L::subtract(L::zero(), x[at]));
                    let signed = |at: usize, negative: bool| if negative { minus[at] } else { x[at] };
                    let pair = |at: usize, s: usize| L::add(signed(at, s & 1 == 1), signed(at + 1, s >> 1 == 1));
                    let pairs: [[L::Vector; 4]; 2] = std::array::from_fn(|half| std::array::from_fn(|s| pair(2 * half, s)));
                    for (s, sum) in sums.iter_mut().enumerate() {
                        L::store(sum[q..].as_mut_ptr(), L::add(pairs[0][s & 3], pairs[1][s >> 2]));
                    }
                }
            }
        }
    }

    /// Adds what the signs of `word` make of the word's columns.
    ///
    /// # Safety
    /// `out` holds `P` numbers, a multiple of 4; the processor has the instructions.
    #[inline(always)]
    unsafe fn add<L: Lanes>(&self, word: u32, out: &mut [f64]) {
        let word = word as usize;
        // SAFETY: entries are `P` numbers each, and their indices below `16 · TABLES`.
        unsafe {
            let mut sums: [L::Vector; 2] = [L::load(out.as_ptr()), L::load(out[P.saturating_sub(4)..].as_ptr())];
            for table in (0..TABLES).step_by(2) {
                let entry = |table: usize| self.0[16 * table + (word >> (4 * table) & 15)].as_ptr();
                let (first, second) = (entry(table), entry(table + 1));
                for (half, sum) in sums.iter_mut().enumerate().take(P / 4) {
                    *sum = L::add(*sum, L::add(L::load(first.add(4 * half)), L::load(second.add(4 * half))));
                }
            }
            for (half, sum) in sums.iter().enumerate().take(P / 4) {
                L::store(out[4 * half..].as_mut_ptr(), *sum);
            }
        }
    }

    /// The signed sums of every eight columns, for one point.
    fn combine(&self, eights: &mut [[f64; 256]; TABLES / 2]) {
        for (eight, fours) in eights.iter_mut().zip(self.0.chunks_exact(32)) {
            let (first, second) = fours.split_at(16);
            for (sums, second) in eight.chunks_exact_mut(16).zip(second) {
                sums.iter_mut().zip(first).for_each(|(sum, first)| *sum = first[0] + second[0]);
            }
        }
    }
}

/// Adds what the signs of `word` make of the word's columns, for one point.
#[inline(always)]
fn add_eights(word: u32, eights: &[[f64; 256]; TABLES / 2], sum: f64) -> f64 {
    let eight = word.to_le_bytes();
    (((sum + eights[0][eight[0] as usize]) + eights[1][eight[1] as usize]) + eights[2][eight[2] as usize]) + eights[3][eight[3] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensing::dense::run;

    fn number(i: usize) -> f64 {
        ((i * 7919 + 13) % 10007) as f64 / 10007.0 - 0.5
    }

    fn signs(rows: usize, cols: usize) -> Signs {
        let mut signs = Signs::positive(rows, cols).unwrap();
        for row in 0..rows {
            for col in 0..cols {
                let at = signs.at(row, col / WORD);
                signs.words[at] |= u32::from(number(row * 31 + col * 17) < 0.0) << (col % WORD);
            }
        }
        signs
    }

    fn sums<const P: usize>(signs: &Signs, numbers: &[f64], portable: bool) -> Vec<f64> {
        let mut out = vec![f64::NAN; signs.rows * P];
        run(Sums::<P> { words: &signs.words, groups: signs.groups(), numbers, out: &mut out }, portable);
        out
    }

    /// The order of summation, told once more.
    fn plainly(signs: &Signs, row: usize, x: &[f64]) -> f64 {
        let term = |k: usize| match x.get(k) {
            Some(x) if k < signs.cols && signs.is_negative(row, k) => 0.0 - x,
            Some(x) => *x,
            None => 0.0,
        };
        let four = |k: usize| (term(k) + term(k + 1)) + (term(k + 2) + term(k + 3));
        (0..signs.groups() * WORD).step_by(8).fold(0.0, |sum, k| sum + (four(k) + four(k + 4)))
    }

    #[test]
    fn the_order_of_summation_is_what_it_is_said_to_be() {
        for (rows, cols) in [(1, 1), (5, 33), (385, 100), (2 * BLOCK + 7, 64)] {
            let signs = signs(rows, cols);
            let padded = signs.groups() * WORD;
            let points: Vec<Vec<f64>> =
                (0..8).map(|q| (0..padded).map(|k| if k < cols { number(k * 8 + q) } else { 0.0 }).collect()).collect();
            let packed = |count: usize| (0..padded).flat_map(|k| points[..count].iter().map(move |x| x[k])).collect::<Vec<_>>();
            for portable in [false, true] {
                let (one, four, eight) = (
                    sums::<1>(&signs, &packed(1), portable),
                    sums::<4>(&signs, &packed(4), portable),
                    sums::<8>(&signs, &packed(8), portable),
                );
                for row in 0..rows {
                    let expected: Vec<u64> = points.iter().map(|x| plainly(&signs, row, x).to_bits()).collect();
                    let bits = |sums: &[f64]| sums.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&eight[row * 8..][..8]), expected, "{rows} x {cols}, row {row}");
                    assert_eq!(bits(&four[row * 4..][..4]), expected[..4], "{rows} x {cols}, row {row}");
                    assert_eq!(one[row].to_bits(), expected[0], "{rows} x {cols}, row {row}");
                }
            }
        }
    }

    #[test]
    fn transposed_signs_are_transposed() {
        for (rows, cols) in [(1, 1), (33, 5), (100, 385), (2 * BLOCK + 7, BLOCK + 70)] {
            let plain = signs(rows, cols);
            let mut transposed = Signs::positive(cols, rows).unwrap();
            let block = BLOCK * transposed.groups();
            transposed.words.chunks_mut(block).enumerate().for_each(|(nth, out)| plain.transpose_block(nth, out));
            for row in 0..rows {
                for col in 0..cols {
                    assert_eq!(transposed.is_negative(col, row), plain.is_negative(row, col), "{rows} x {cols}: {row}, {col}");
                }
            }
            // The bits beyond the rows are clear: equal operators have equal words.
            let set = |signs: &Signs| signs.words.iter().map(|word| word.count_ones()).sum::<u32>();
            assert_eq!(set(&transposed), set(&plain));
        }
    }
}
