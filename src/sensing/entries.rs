//! Single entries, sampled without replacement: matrix completion.

use super::dense::{Job, Lanes, run};
use super::subset::Subset;
use super::{
    Answer, Cost, NamedArray, Point, Question, SensingError, SensingOperator, Values, Want, Workspace, assert_about_all, memory,
    write_point,
};
use crate::linalg::{Matrix, View};
use crate::random::{Purpose, stream, without_replacement};
use rayon::prelude::*;

/// Numbers that a vector holds.
const LANES: usize = 4;
/// Products of two numbers that are worth a thread's while.
const SHARE: usize = 1 << 14;
/// Entries are numbered by 32 bits.
const MOST_ENTRIES: u64 = 1 << 31;

/// `A(X)_ω = √(mn/p) X[i_ω, j_ω]`, `ω = 0, …, p − 1`: `A*A = (mn/p) P_Ω`, so that `E A*A = I` over uniformly drawn sets `Ω` of `p` entries.
///
/// At a factored point with [`Want::Products`] an application costs `O(p h)` and forms neither `X` nor `N`; else `N` is written as a matrix.
///
/// **Order of summation.** An inner product `⟨F_i, G_j⟩` adds in four lanes (lane `l` the terms `4k + l`, `k` ascending, by fused
/// multiply-add from +0; then `(l₀ + l₂) + (l₁ + l₃)`). Rows of `N G` add over a row's entries by columns ascending, rows of `Nᵀ F` over a
/// column's entries by rows ascending.
#[derive(Clone, PartialEq)]
pub struct Entries {
    rows: usize,
    cols: usize,
    scale: f64,
    /// Row and column of each measurement.
    places: Vec<[u32; 2]>,
    /// Measurements row by row, columns ascending; and column by column, rows ascending.
    by_row: Grouped,
    by_column: Grouped,
    portable: bool,
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Entries { rows, cols, .. } = self;
        write!(out, "Entries {{{{ rows: {rows}, cols: {cols}, measurements: {}, .. }}}}", self.measurements())
    }
}

/// Measurements in groups: group `g` is `order[starts[g]..starts[g + 1]]`.
#[derive(Clone, Debug, PartialEq)]
struct Grouped {
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl Grouped {
    /// By `key`, and within a group by `then`.
    fn new(places: &[[u32; 2]], groups: usize, key: usize, then: usize) -> Self {
        let mut order: Vec<u32> = (0..places.len() as u32).collect();
        order.sort_unstable_by_key(|&at| (places[at as usize][key], places[at as usize][then]));
        let mut starts = vec![0_u32; groups + 1];
        for place in places {
            starts[place[key] as usize + 1] += 1;
        }
        for g in 0..groups {
            starts[g + 1] += starts[g];
        }
        Grouped { order, starts }
    }

    fn group(&self, g: usize) -> &[u32] {
        &self.order[self.starts[g] as usize..self.starts[g + 1] as usize]
    }
}

impl Entries {
    /// Draws `measurements` of the entries of `rows × cols` matrices, every set of them equally likely; the measurements are in the
    /// column-major order of the entries. One random stream, `(seed, Purpose::Sensing, 0)`.
    ///
    /// # Errors
    /// If the shape is empty, there are fewer entries, or the ensemble does not fit into the memory that is left.
    pub fn draw(rows: usize, cols: usize, measurements: usize, seed: u64) -> Result<Self, SensingError> {
        Self::check_fits(rows, cols, measurements)?;
        let chosen = without_replacement(&mut stream(seed, Purpose::Sensing, 0), measurements, rows * cols);
        let places = chosen.iter().map(|&at| [(at as usize % rows) as u32, (at as usize / rows) as u32]).collect();
        Ok(Self::assemble(rows, cols, places))
    }

    /// The ensemble of given entries, `(row, column)` from 0, in the order of the measurements.
    ///
    /// # Errors
    /// If an entry is outside of the matrix or there twice; as [`draw`](Self::draw) otherwise.
    pub fn from_places(rows: usize, cols: usize, places: &[(usize, usize)]) -> Result<Self, SensingError> {
        let bad = |measurement: usize, problem| {
            let (row, col) = places[measurement];
            SensingError::BadEntry { measurement, row, col, problem }
        };
        if let Some(at) = places.iter().position(|&(row, col)| row >= rows || col >= cols) {
            return Err(bad(at, "is outside of the matrix"));
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|&at| places[at]);
        if let Some(pair) = order.windows(2).find(|pair| places[pair[0]] == places[pair[1]]) {
            return Err(bad(pair[1], "is measured already"));
        }
        Self::check_fits(rows, cols, places.len())?;
        Ok(Self::assemble(rows, cols, places.iter().map(|&(row, col)| [row as u32, col as u32]).collect()))
    }

    fn assemble(rows: usize, cols: usize, places: Vec<[u32; 2]>) -> Self {
        let scale = ((rows * cols) as f64 / places.len() as f64).sqrt();
        let (by_row, by_column) = (Grouped::new(&places, rows, 0, 1), Grouped::new(&places, cols, 1, 0));
        Entries { rows, cols, scale, places, by_row, by_column, portable: false }
    }

    /// Whether such an ensemble can be had: nothing is allocated.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn check_fits(rows: usize, cols: usize, measurements: usize) -> Result<(), SensingError> {
        let (most, ensemble) = (rows.saturating_mul(cols), "entries");
        if most as u64 > MOST_ENTRIES {
            return Err(SensingError::TooManyEntries { ensemble, rows, cols });
        }
        if measurements > most {
            return Err(SensingError::TooMany { ensemble, measurements, most, rows, cols });
        }
        memory::check(ensemble, [measurements, rows, cols], Self::required_bytes(rows, cols, measurements))
    }

    /// Bytes that the ensemble takes. Saturates.
    pub fn required_bytes(rows: usize, cols: usize, measurements: usize) -> u64 {
        let starts = (rows as u64).saturating_add(cols as u64).saturating_add(2).saturating_mul(4);
        (measurements as u64).saturating_mul(16).saturating_add(starts)
    }

    /// Row and column of each measurement, from 0.
    pub fn places(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.places.iter().map(|&[row, col]| (row as usize, col as usize))
    }

    /// The same operator without the processor's vector instructions: slower, the same bits.
    pub fn portable(self) -> Self {
        Entries { portable: true, ..self }
    }

    fn at(&self, [row, col]: [u32; 2]) -> usize {
        col as usize * self.rows + row as usize
    }

    fn answer_one(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, buffers: &mut Buffers) {
        match (question.want, question.point) {
            (Want::Products, Point::Factored { left, right }) => self.products(y, question.data, [left, right], answer, buffers),
            _ => self.matrix(y, question, answer),
        }
    }

    /// `N` and `X` as matrices.
    fn matrix(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer) {
        write_point(&question.point, &mut answer.product);
        answer.given = Want::Matrix;
        answer.matrix.fill(0.0);
        let (x, n) = (answer.product.as_slice(), answer.matrix.as_mut_slice());
        let mut squares = 0.0;
        for (&place, y) in self.places.iter().zip(y) {
            let at = self.at(place);
            let residual = if question.data { y - self.scale * x[at] } else { -(self.scale * x[at]) };
            squares += residual * residual;
            n[at] = self.scale * residual;
        }
        answer.residual_norm_squared = squares;
    }

    /// `N R` and `Nᵀ L`.
    fn products(&self, y: &[f64], data: bool, [left, right]: [View<'_>; 2], answer: &mut Answer, buffers: &mut Buffers) {
        let (m, n, width) = (self.rows, self.cols, left.ncols());
        let stride = width.next_multiple_of(LANES);
        buffers.make_room((m + n) * stride, self.places.len());
        let (points, sums) = (&mut buffers.points[..(m + n) * stride], &mut buffers.sums[..(m + n) * stride]);
        let weights = &mut buffers.weights[..self.places.len()];
        transpose_into(&mut points[..m * stride], stride, left);
        transpose_into(&mut points[m * stride..], stride, right);
        let (f, g) = points.split_at(m * stride);
        let share = (SHARE / stride).max(1);
        weights.par_chunks_mut(share).enumerate().for_each(|(nth, weights)| {
            let which = nth * share..nth * share + weights.len();
            run(
                Residuals { places: &self.places[which.clone()], y: &y[which], data, scale: self.scale, stride, f, g, weights },
                self.portable,
            );
        });
        answer.residual_norm_squared = weights.iter().map(|r| r * r).sum();
        weights.iter_mut().for_each(|r| *r *= self.scale);
        let weights = &*weights;
        let (of_rows, of_columns) = sums.split_at_mut(m * stride);
        for (out, groups, side, factor) in [(of_rows, &self.by_row, 1, g), (of_columns, &self.by_column, 0, f)] {
            let count = out.len() / stride;
            let share = (SHARE * count / (weights.len() * stride)).clamp(1, count);
            out.par_chunks_mut(share * stride).enumerate().for_each(|(nth, out)| {
                run(Sums { groups, first: nth * share, places: &self.places, side, weights, stride, factor, out }, self.portable);
            });
        }
        let products = answer.give_products(m + n, width);
        for (i, row) in sums.chunks_exact(stride).enumerate() {
            for (k, x) in row[..width].iter().enumerate() {
                products[(i, k)] = *x;
            }
        }
    }
}

/// The rows of a factor one after another, `stride` apart, with zeros in between.
fn transpose_into(out: &mut [f64], stride: usize, factor: View<'_>) {
    out.fill(0.0);
    for k in 0..factor.ncols() {
        for (i, x) in factor.column(k).iter().enumerate() {
            out[i * stride + k] = *x;
        }
    }
}

/// What is kept between applications for one question.
#[derive(Default)]
struct Buffers {
    points: Vec<f64>,
    sums: Vec<f64>,
    weights: Vec<f64>,
}

impl Buffers {
    fn make_room(&mut self, points: usize, weights: usize) {
        for (buffer, length) in [(&mut self.points, points), (&mut self.sums, points), (&mut self.weights, weights)] {
            if buffer.len() < length {
                buffer.resize(length, 0.0);
            }
        }
    }
}

/// `y_ω − √(mn/p) ⟨F_i, G_j⟩` for consecutive measurements.
struct Residuals<'a> {
    places: &'a [[u32; 2]],
    y: &'a [f64],
    data: bool,
    scale: f64,
    stride: usize,
    f: &'a [f64],
    g: &'a [f64],
    weights: &'a mut [f64],
}

impl Job for Residuals<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        for ((&[row, col], y), out) in self.places.iter().zip(self.y).zip(self.weights) {
            let f = &self.f[row as usize * self.stride..][..self.stride];
            let g = &self.g[col as usize * self.stride..][..self.stride];
            // SAFETY: both chunks hold four numbers; the instructions are the caller's promise.
            let product = unsafe {
                let mut sum = L::zero();
                for (f, g) in f.chunks_exact(LANES).zip(g.chunks_exact(LANES)) {
                    sum = L::multiply_add(L::load(f.as_ptr()), L::load(g.as_ptr()), sum);
                }
                self.scale * L::sum(sum)
            };
            *out = if self.data { y - product } else { -product };
        }
    }
}

/// `Σ w_ω · (row of the factor that ω names)` for consecutive groups of measurements.
struct Sums<'a> {
    groups: &'a Grouped,
    first: usize,
    places: &'a [[u32; 2]],
    /// Which of a place's two numbers names the factor's row.
    side: usize,
    weights: &'a [f64],
    stride: usize,
    factor: &'a [f64],
    out: &'a mut [f64],
}

impl Job for Sums<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        for (nth, out) in self.out.chunks_exact_mut(self.stride).enumerate() {
            out.fill(0.0);
            for &measurement in self.groups.group(self.first + nth) {
                let row = self.places[measurement as usize][self.side] as usize;
                let row = &self.factor[row * self.stride..][..self.stride];
                // SAFETY: all chunks hold four numbers; the instructions are the caller's promise.
                unsafe {
                    let weight = L::broadcast(self.weights[measurement as usize]);
                    for (out, x) in out.chunks_exact_mut(LANES).zip(row.chunks_exact(LANES)) {
                        let out = out.as_mut_ptr();
                        L::store(out, L::multiply_add(weight, L::load(x.as_ptr()), L::load(out)));
                    }
                }
            }
        }
    }
}

impl SensingOperator for Entries {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn offers_products(&self) -> bool {
        true
    }

    fn measurements(&self) -> usize {
        self.places.len()
    }

    fn workspace(&self) -> Workspace {
        Box::new(Vec::<Buffers>::new())
    }

    /// The workspace grows with the largest batch; after that nothing is allocated here.
    ///
    /// # Panics
    /// If there are not as many answers as questions, or a length or shape does not fit.
    fn answer(&self, y: &[f64], questions: &[Question<'_>], answers: &mut [Answer], work: &mut Workspace) {
        assert_about_all(questions);
        assert_eq!(y.len(), self.measurements(), "the length of y is the number of measurements");
        assert_eq!(questions.len(), answers.len(), "as many answers as questions");
        if !work.is::<Vec<Buffers>>() {
            *work = self.workspace();
        }
        let Some(buffers) = work.downcast_mut::<Vec<Buffers>>() else { return };
        if buffers.len() < questions.len() {
            buffers.resize_with(questions.len(), Buffers::default);
        }
        let work = questions.par_iter().zip(answers).zip(buffers);
        work.with_max_len(1).for_each(|((question, answer), buffers)| self.answer_one(y, question, answer, buffers));
    }

    /// By the measurements asked for and no others. Gives the matrix.
    fn answer_subset(&self, y: &[f64], question: &Question<'_>, answer: &mut Answer, _work: &mut Workspace) {
        if let Some(subset) = Subset::begin(question, y, answer) {
            subset.by_entries(answer, self.scale, |i| self.at(self.places[i]));
        }
    }

    fn measure(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.shape(), self.shape(), "the shape of X is the operator's");
        self.places.iter().map(|&place| self.scale * x.as_slice()[self.at(place)]).collect()
    }

    fn adjoint(&self, v: &[f64]) -> Matrix {
        assert_eq!(v.len(), self.measurements(), "the length of v is the number of measurements");
        let mut sum = Matrix::zeros(self.rows, self.cols);
        for (&place, v) in self.places.iter().zip(v) {
            sum.as_mut_slice()[self.at(place)] = self.scale * v;
        }
        sum
    }

    /// At dense points; with [`Want::Products`] it is `6 p h` operations a point.
    fn cost(&self, batch: usize) -> Cost {
        Cost { bytes: self.storage_bytes() as f64, flops: 4.0 * (self.places.len() * batch) as f64 }
    }

    fn storage_bytes(&self) -> u64 {
        Self::required_bytes(self.rows, self.cols, self.places.len())
    }

    fn arrays(&self) -> Option<Vec<NamedArray<'_>>> {
        let side = |name, side: usize| NamedArray {
            name,
            shape: vec![self.places.len()],
            values: Values::Integers(Box::new(self.places.iter().map(move |place| i64::from(place[side])))),
        };
        Some(vec![side("rows", 0), side("cols", 1)])
    }

    fn row(&self, i: usize) -> Matrix {
        let [row, col] = self.places[i];
        let mut matrix = Matrix::zeros(self.rows, self.cols);
        matrix[(row as usize, col as usize)] = self.scale;
        matrix
    }
}
