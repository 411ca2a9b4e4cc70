//! Loops that are compiled twice: for the processor that the program is built for, and with AVX2 and fused multiply-add, chosen when it
//! runs.
//!
//! A job is plain Rust over [`Lanes`] with fused multiply-adds written out, so that both copies round alike and have the same bits: the
//! compiler may
//! take several lanes at once, but neither reorder sums nor fuse what is not fused in the text.

/// Numbers to a vector of lanes: two registers.
pub(super) const WIDTH: usize = 8;

/// Numbers that are treated alike.
pub(super) type Lanes = [f64; WIDTH];

/// `(0, …, 0)`
pub(super) const ZERO: Lanes = [0.0; WIDTH];

/// Something to be computed. [`run`](Self::run) and all that it calls are to be inlined.
pub(super) trait Job {
    /// What comes out.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// Does a job, with vector instructions if the processor has them.
pub(super) fn run<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both, as was just asked.
        return unsafe { run_avx2(job) };
    }
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<J: Job>(job: J) -> J::Output {
    job.run()
}

/// `a·b + c` in each lane, rounded once.
#[inline(always)]
pub(super) fn multiply_add(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
    std::array::from_fn(|l| a[l].mul_add(b[l], c[l]))
}

/// `c − a·b` in each lane, rounded once.
#[inline(always)]
pub(super) fn subtract_product(c: Lanes, a: Lanes, b: Lanes) -> Lanes {
    std::array::from_fn(|l| (-a[l]).mul_add(b[l], c[l]))
}

/// `a·x` in each lane.
#[inline(always)]
pub(super) fn scale(a: Lanes, x: f64) -> Lanes {
    a.map(|a| a * x)
}

/// The sum of all lanes: of those four apart, then two, then one.
#[inline(always)]
pub(super) fn sum(x: Lanes) -> f64 {
    let four: [f64; 4] = std::array::from_fn(|l| x[l] + x[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// `Σ aᵢ bᵢ`
#[inline(always)]
pub(super) fn dot(a: &[Lanes], b: &[Lanes]) -> f64 {
    sum(a.iter().zip(b).fold(ZERO, |sums, (a, b)| multiply_add(*a, *b, sums)))
}

/// Sets entries `from .. to` of a vector to zero.
#[inline(always)]
pub(super) fn clear(x: &mut [Lanes], from: usize, to: usize) {
    (from..to).for_each(|i| x[i / WIDTH][i % WIDTH] = 0.0);
}

/// `max |xᵢ|`; `None` if an entry is not finite.
pub(super) fn largest_entry(x: &[f64]) -> Option<f64> {
    struct Largest<'a>(&'a [f64]);
    impl Job for Largest<'_> {
        type Output = Option<f64>;
        #[inline(always)]
        fn run(self) -> Option<f64> {
            let (mut largest, mut finite) = ([0.0_f64; 16], [true; 16]);
            let (chunks, rest) = self.0.as_chunks::<16>();
            for chunk in chunks {
                for l in 0..16 {
                    let size = chunk[l].abs();
                    largest[l] = if size > largest[l] { size } else { largest[l] };
                    finite[l] &= size <= f64::MAX;
                }
            }
            let finite = finite.into_iter().all(|finite| finite) && rest.iter().all(|x| x.is_finite());
            finite.then(|| largest.into_iter().chain(rest.iter().map(|x| x.abs())).fold(0.0, f64::max))
        }
    }
    run(Largest(x))
}

/// `Σ aᵢ bᵢ`, in sixteen interleaved sums.
pub(super) fn inner_product(a: &[f64], b: &[f64]) -> f64 {
    struct Inner<'a>(&'a [f64], &'a [f64]);
    impl Job for Inner<'_> {
        type Output = f64;
        #[inline(always)]
        fn run(self) -> f64 {
            let ((a, a_rest), (b, b_rest)) = (self.0.as_chunks::<WIDTH>(), self.1.as_chunks::<WIDTH>());
            let (mut even, mut odd) = (ZERO, ZERO);
            for ((sum, a), b) in odd.iter_mut().zip(a_rest).zip(b_rest) {
                *sum = a * b;
            }
            let ((a, a_last), (b, b_last)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
            for (a, b) in a.iter().zip(b) {
                even = multiply_add(a[0], b[0], even);
                odd = multiply_add(a[1], b[1], odd);
            }
            for (a, b) in a_last.iter().zip(b_last) {
                even = multiply_add(*a, *b, even);
            }
            sum(std::array::from_fn(|l| even[l] + odd[l]))
        }
    }
    run(Inner(a, b))
}
