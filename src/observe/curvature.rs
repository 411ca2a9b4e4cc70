//! The extreme eigenvalues of the loss's Hessian, by Lanczos iteration through the operator.

use super::{Observer, Sample, Shared};
use crate::dynamics::{HessianProduct, State};
use crate::linalg::{Lanczos, Matrix};
use crate::random::{Purpose, stream};
use crate::sensing::{Answer, Question};
use rand_distr::{Distribution, StandardNormal};

pub(super) const COLUMNS: [&str; 2] = ["sharpness", "curvature_min"];

/// Stream of the starting direction, apart from those of other eigenvalue searches.
const STREAM: u64 = 1 << 32;

/// Products before the search may end: it is exact for problems of at most so many unknowns.
const LEAST_PRODUCTS: usize = 48;

/// Places for the columns, which the driver fills from a [`Curvature`] for each sample.
pub(super) struct CurvatureColumns;

impl Observer for CurvatureColumns {
    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn observe(&mut self, _sample: &Sample<'_>, _shared: &Shared, _row: &mut [Option<f64>]) {}
}

/// The search for the extreme eigenvalues of `∇²f` at one sample: one question a step, so that it shares passes with everything else.
pub struct Curvature {
    products: HessianProduct,
    lanczos: Lanczos,
    image: State,
}

impl Curvature {
    /// The search at `Z`, where `drive` is `N`. The starting direction is the same Gaussian one for every sample of a shape.
    pub fn new(state: &State, drive: &Matrix) -> Self {
        let mut rng = stream(0, Purpose::Rip, STREAM);
        let start: Vec<f64> = state.as_slice().iter().map(|_| StandardNormal.sample(&mut rng)).collect();
        let mut search = Curvature {
            products: HessianProduct::new(state, drive),
            lanczos: Lanczos::new(&start).at_least(LEAST_PRODUCTS),
            image: State::zeros(state.shape()),
        };
        search.aim();
        search
    }

    fn aim(&mut self) {
        if !self.lanczos.is_finished() {
            self.products.aim(self.lanczos.direction());
        }
    }

    /// `N` at the point.
    pub fn drive(&self) -> &Matrix {
        self.products.drive()
    }

    /// What is asked next, until it [is finished](Self::is_finished).
    pub fn question(&self) -> Question<'_> {
        self.products.question()
    }

    /// Takes the answer.
    pub fn supply(&mut self, answer: &Answer) {
        self.products.hessian(answer, self.image.as_mut_slice());
        self.lanczos.supply(self.image.as_slice());
        self.aim();
    }

    /// Whether nothing more is asked.
    pub fn is_finished(&self) -> bool {
        self.lanczos.is_finished()
    }

    /// `[λ_max, λ_min]` of `∇²f`, moved outwards by the residuals of their Ritz vectors (Ritz values lie inside the spectrum); `None` where the iteration
    /// did not converge.
    pub fn enclosed(&self) -> Option<[f64; 2]> {
        self.lanczos.extremes()?;
        let found = self.lanczos.estimates()?;
        Some([found.greatest.value + found.greatest.residual, found.least.value - found.least.residual])
    }

    /// `[λ_max, λ_min]` of `∇²f`, both to 1e-3 of the larger in absolute value; `None` where the iteration did not converge.
    pub fn extremes(&self) -> [Option<f64>; 2] {
        let found = self.lanczos.extremes();
        [found.map(|(_, largest)| largest), found.map(|(smallest, _)| smallest)]
    }
}
