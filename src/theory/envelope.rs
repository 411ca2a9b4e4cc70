//! From measurements along two trajectories to constants that hold between them, for [`deviation_bound`](super::deviation_bound()).

/// Constants that hold throughout an interval of time: the bound is exact for them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    /// Length of the interval.
    pub duration: f64,
    /// At or below `λ_min(H)` along the reference.
    pub curvature_min: f64,
    /// At or above `λ_GN` along the reference.
    pub gauss_newton: f64,
    /// At or above `λ_A`.
    pub normal: f64,
    /// At or above `‖g‖_F` along the other trajectory.
    pub defect: f64,
}

/// The reference's curvature at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvatureAt {
    /// Flow time.
    pub t: f64,
    /// At or below `λ_min(H)`.
    pub curvature_min: f64,
    /// At or above `λ_GN`.
    pub gauss_newton: f64,
}

/// The other trajectory's defect on an interval, which begins where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefectUntil {
    /// Where the interval ends.
    pub until: f64,
    /// The largest `‖g‖_F` on it.
    pub largest: f64,
}

/// Successive intervals with their envelopes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Where the intervals begin and end, one number more than there are intervals.
    pub times: Vec<f64>,
    /// What holds on each.
    pub envelopes: Vec<Envelope>,
}

impl Intervals {
    /// The index of a time among the intervals' ends; times that differ by rounding alone count as one. `None` for other times.
    pub fn position(&self, t: f64) -> Option<usize> {
        const SAME: f64 = 2e-9;
        let near = |i: usize| self.times.get(i).is_some_and(|other| (other - t).abs() <= SAME * t.abs());
        let first = self.times.partition_point(|&other| other < t);
        [Some(first), first.checked_sub(1)].into_iter().flatten().find(|&i| near(i))
    }
}

/// Envelopes between all times at which something was measured, and `times` besides, from the first time of `curvature` to the end of what both
/// lists cover. `normal` is `λ_A`. Both lists ascend in time.
///
/// The curvature on an interval is the worse of its two ends: an upper envelope where the measured quantities are monotone between their
/// measurements; refine until the bound stands still, or widen by what is known of their rates. A quantity that is not a number stays one.
pub fn envelopes(curvature: &[CurvatureAt], defects: &[DefectUntil], normal: f64, times: &[f64]) -> Intervals {
    let (Some(first), Some(last), Some(end)) = (curvature.first(), curvature.last(), defects.last()) else {
        return Intervals::default();
    };
    let (begin, end) = (first.t, last.t.min(end.until));
    let measured = curvature.iter().map(|point| point.t).chain(defects.iter().map(|defect| defect.until));
    let mut grid: Vec<f64> = measured.chain(times.iter().copied()).filter(|t| (begin..=end).contains(t)).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    let intervals = grid.iter().zip(grid.iter().skip(1)).map(|(&from, &to)| {
        let next = curvature.partition_point(|point| point.t < to).min(curvature.len() - 1);
        let (a, b) = (&curvature[next.saturating_sub(1)], &curvature[next]);
        let defect = defects.get(defects.partition_point(|defect| defect.until < to)).map_or(f64::NAN, |defect| defect.largest);
        Envelope {
            duration: to - from,
            curvature_min: worse(a.curvature_min, b.curvature_min, f64::min),
            gauss_newton: worse(a.gauss_newton, b.gauss_newton, f64::max),
            normal,
            defect,
        }
    });
    Intervals { envelopes: intervals.collect(), times: grid }
}

/// An upper bound of `λ_GN = λ_max(JᵀJ)` from what is at hand: `min(λ_max(H) + ‖N‖, λ_A (σ₁(F)² + σ₁(G)²))`.
///
/// `H δ = JᵀJ δ − sym(N) δ`, hence the first; `‖A(δF Gᵀ + F δGᵀ)‖² ≤ λ_A (σ₁(G)‖δF‖ + σ₁(F)‖δG‖)²`, hence the second. The first is sharp near a
/// minimiser, where `N` vanishes, the second near the origin.
pub fn gauss_newton_bound(sharpness: f64, drive_norm: f64, normal: f64, left_norm: f64, right_norm: f64) -> f64 {
    let least = worse(sharpness + drive_norm, normal * (left_norm * left_norm + right_norm * right_norm), f64::min);
    // Not `max`, which would make a NaN a perfect zero.
    if least < 0.0 { 0.0 } else { least }
}

/// `f64::min` and `f64::max` would drop a NaN.
fn worse(a: f64, b: f64, choose: fn(f64, f64) -> f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { choose(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curvature(t: f64, curvature_min: f64) -> CurvatureAt {
        CurvatureAt { t, curvature_min, gauss_newton: 10.0 - t }
    }

    #[test]
    fn intervals_take_the_worse_end_and_their_own_defect() {
        let points = [curvature(0.0, -1.0), curvature(2.0, -3.0), curvature(4.0, 0.5)];
        let defects = [DefectUntil { until: 1.0, largest: 5.0 }, DefectUntil { until: 3.0, largest: 6.0 }];
        let found = envelopes(&points, &defects, 2.0, &[0.5, 9.0]);
        assert_eq!(found.times, [0.0, 0.5, 1.0, 2.0, 3.0]);
        let read: Vec<_> = found.envelopes.iter().map(|e| (e.duration, e.curvature_min, e.gauss_newton, e.defect)).collect();
        assert_eq!(read, [(0.5, -3.0, 10.0, 5.0), (0.5, -3.0, 10.0, 5.0), (1.0, -3.0, 10.0, 6.0), (1.0, -3.0, 8.0, 6.0)]);
        assert_eq!([0.5, 3.0 * (1.0 + 1e-9), 2.9].map(|t| found.position(t)), [Some(1), Some(4), None]);
        assert_eq!(found.position(0.0), Some(0));
    }

    #[test]
    fn what_is_not_a_number_stays_one() {
        let points = [curvature(0.0, f64::NAN), curvature(1.0, 1.0), curvature(2.0, 1.0)];
        let defects = [DefectUntil { until: 1.5, largest: 1.0 }, DefectUntil { until: 2.0, largest: f64::NAN }];
        let found = envelopes(&points, &defects, 1.0, &[]);
        assert!(found.envelopes[0].curvature_min.is_nan() && !found.envelopes[1].curvature_min.is_nan());
        assert!(found.envelopes[2].defect.is_nan());
        assert!(gauss_newton_bound(f64::NAN, 0.0, 1.0, 1.0, 1.0).is_nan());
        assert_eq!(envelopes(&points, &[], 1.0, &[]), Intervals::default());
    }
}
