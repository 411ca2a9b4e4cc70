//! The φ-functions of exponential integrators.

/// Below this size of the argument the Taylor series is summed, above it the recurrence is stable.
const SERIES: f64 = 2.0;
/// Terms of the series: `2³⁰/30! < 1e-23`.
const TERMS: u32 = 30;

/// `φ₀(z) … φ_{N−1}(z)`, where `φ₀(z) = e^z` and
///
/// `φ_k(z) = ∫₀¹ e^{(1−s)z} s^{k−1}/(k−1)! ds = (φ_{k−1}(z) − 1/(k−1)!)/z = Σ_j z^j/(j+k)!`.
///
/// To a relative `1e-14` for `k ≤ 4` at any finite argument (`φ_k(0) = 1/k!`; `−(k−1)!^{-1}/z` as `z → −∞`; overflow where the value itself
/// overflows). NaN for NaN.
///
/// # Examples
/// ```
/// let [one, two] = pgflow::linalg::phi_functions::<3>(-1e3)[1..] else { unreachable!() };
/// assert!((one - 1e-3).abs() < 1e-17 && (two - (1.0 - 1e-3) / 1e3).abs() < 1e-17);
/// ```
pub fn phi_functions<const N: usize>(z: f64) -> [f64; N] {
    let mut values = [0.0; N];
    if z.abs() <= SERIES {
        let mut inverse_factorial = 1.0;
        for (k, value) in values.iter_mut().enumerate() {
            if k > 0 {
                inverse_factorial /= k as f64;
            }
            // Σ_j z^j k!/(j+k)! by Horner's rule from the back.
            let sum = (1..=TERMS).rev().fold(1.0, |sum, j| 1.0 + sum * z / f64::from(j + k as u32));
            *value = if k == 0 { z.exp() } else { inverse_factorial * sum };
        }
    } else {
        let (mut previous, mut inverse_factorial) = (z.exp(), 1.0);
        for (k, value) in values.iter_mut().enumerate() {
            if k > 0 {
                previous = (previous - inverse_factorial) / z;
                inverse_factorial /= k as f64;
            }
            *value = previous;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `φ₁ … φ₄` at `z`, computed with 60 digits (mpmath) and rounded.
    const REFERENCE: [(f64, [f64; 4]); 21] = [
        (-100000000.0, [1e-08, 9.9999999e-09, 4.999999900000001e-09, 1.6666666166666677e-09]),
        (-1234.5, [0.0008100445524503848, 0.0008093883802734302, 0.00040436663557693524, 0.00013467987041805568]),
        (-340.0, [0.0029411764705882353, 0.0029325259515570936, 0.0014619631589660085, 0.0004858961867873549]),
        (-40.0, [0.025, 0.024375, 0.011890625, 0.003869401041666667]),
        (-7.5, [0.13325958875064695, 0.11556538816658041, 0.051257948244455946, 0.01538782912296143]),
        (-2.5, [0.36716600055044046, 0.2531335997798238, 0.09874656008807048, 0.027168042631438474]),
        (-2.0, [0.43233235838169365, 0.28383382080915315, 0.10808308959542341, 0.029291788535621626]),
        (-1.9, [0.4475954635670342, 0.29073922970156096, 0.11013724752549424, 0.029752325863774964]),
        (-1.0, [0.6321205588285577, 0.36787944117144233, 0.13212055882855767, 0.03454610783810899]),
        (-0.3, [0.8639392643942738, 0.45353578535242073, 0.1548807154919309, 0.039286503915785934]),
        (-0.001, [0.9995001666250083, 0.4998333749916681, 0.16662500833194463, 0.041658334722023835]),
        (-1e-09, [0.9999999995, 0.4999999998333333, 0.166666666625, 0.04166666665833333]),
        (-1e-20, [1.0, 0.5, 0.16666666666666666, 0.041666666666666664]),
        (1e-12, [1.0000000000005, 0.5000000000001666, 0.16666666666670835, 0.041666666666675]),
        (0.0001, [1.0000500016667084, 0.5000166670833417, 0.16667083341666805, 0.04166750001388909]),
        (0.7, [1.4482181535292522, 0.6403116478989317, 0.2004452112841881, 0.048255063739316345]),
        (1.999, [3.1924315838562123, 1.0967641740151135, 0.2985313526838987, 0.06596532567145175]),
        (2.1, [3.4124618631274526, 1.148791363394025, 0.30894826828286903, 0.06775314362676303]),
        (5.0, [29.48263182051532, 5.696526364103065, 1.039305272820613, 0.17452772123078925]),
        (30.0, [356215819384.1154, 11873860646.103848, 395795354.85346156, 13193178.48955983]),
        (600.0, [6.288367168216566e+257, 1.0480611947027611e+255, 1.7467686578379351e+252, 2.9112810963965584e+249]),
    ];

    #[test]
    fn values_agree_with_sixty_digit_ones() {
        for (z, expected) in REFERENCE {
            let found = phi_functions::<5>(z);
            for (k, expected) in expected.iter().enumerate() {
                let relative = (found[k + 1] / expected - 1.0).abs();
                assert!(relative < 1e-14, "φ_{}({z}) = {:e}, not {expected:e}: {relative:e}", k + 1, found[k + 1]);
            }
        }
    }

    #[test]
    fn both_branches_meet_and_ends_are_handled() {
        for z in [-SERIES, SERIES] {
            let (inside, outside) = (phi_functions::<5>(z), phi_functions::<5>(z * (1.0 + f64::EPSILON)));
            assert!(inside.iter().zip(outside).all(|(a, b)| (a / b - 1.0).abs() < 1e-14), "{inside:?} {outside:?}");
        }
        assert_eq!(phi_functions::<5>(0.0), [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0]);
        assert!(phi_functions::<5>(f64::NAN).iter().all(|value| value.is_nan()));
        let far = phi_functions::<3>(-1e300);
        assert_eq!((far[0], far[1], far[2]), (0.0, 1e-300, 1e-300));
        assert_eq!(phi_functions::<2>(1e4), [f64::INFINITY; 2]);
    }
}
