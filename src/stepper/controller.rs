//! Step size control after Hairer, Nørsett and Wanner (*Solving Ordinary Differential Equations* I §II.4, II §IV.2).

/// Parameters of a PI controller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// `1/q`, `q` the order in which the error estimate shrinks with the step.
    pub exponent: f64,
    /// `β`, the weight of the previous error.
    pub beta: f64,
    /// What the exponent of the current error loses by `β`: it is `exponent − beta_share·β`.
    pub beta_share: f64,
    /// Safety factor.
    pub safety: f64,
    /// A step shrinks at most by this factor.
    pub shrink: f64,
    /// A step grows at most by this factor.
    pub growth: f64,
}

/// The smallest previous error that a controller remembers: below it, growth is limited by [`Control::growth`] alone.
pub const LEAST_REMEMBERED_ERROR: f64 = 1e-4;

/// A PI controller. With `err` the error over its tolerance and `err'` that of the step accepted before,
///
/// `h⁺ = h · safety · err^{−(exponent − beta_share·β)} · max(err', 1e-4)^β`, kept in `[shrink·h, growth·h]`;
///
/// no growth in a step that was rejected before. A rejected step is repeated with `h · safety · err^{−(exponent − beta_share·β)}`, at least
/// `shrink·h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controller {
    control: Control,
    previous_error: f64,
    rejected: bool,
}

impl Controller {
    /// A controller at the beginning of a trajectory.
    pub fn new(control: Control) -> Self {
        Controller { control, previous_error: LEAST_REMEMBERED_ERROR, rejected: false }
    }

    fn response(&self, error: f64) -> f64 {
        error.powf(self.control.exponent - self.control.beta * self.control.beta_share)
    }

    /// The next step after an accepted one of size `step`. `whole` says that the step had the size that the controller wanted: the error
    /// of a step that was cut short says little about the next one's, so it is not remembered.
    pub fn accept(&mut self, step: f64, error: f64, whole: bool) -> f64 {
        let Control { beta, safety, shrink, growth, .. } = self.control;
        let factor = safety * self.previous_error.powf(beta) / self.response(error);
        let mut next = step * factor.clamp(shrink, growth);
        if self.rejected {
            next = next.min(step);
        }
        if whole {
            self.previous_error = error.max(LEAST_REMEMBERED_ERROR);
        }
        self.rejected = false;
        next
    }

    /// The next attempt after a rejected one of size `step`. An error that is not finite shrinks it by the most.
    pub fn reject(&mut self, step: f64, error: f64) -> f64 {
        self.rejected = true;
        if !error.is_finite() {
            return step * self.control.shrink;
        }
        step * (self.control.safety / self.response(error)).max(self.control.shrink)
    }

    /// Whether the current step was rejected before.
    pub fn has_rejected(&self) -> bool {
        self.rejected
    }

    /// What it remembers between steps.
    pub fn previous_error(&self) -> f64 {
        self.previous_error
    }

    /// Returns to what it remembered between two steps.
    pub fn restore(&mut self, previous_error: f64) {
        self.previous_error = previous_error;
        self.rejected = false;
    }
}

/// The first step: `0.05 ‖Z‖/‖Ż‖`, at most the horizon. Where that says nothing (`Z = 0`, or `Ż = 0` as at an equilibrium), a hundredth of
/// the horizon.
pub fn initial_step(state_norm: f64, rate_norm: f64, horizon: f64) -> f64 {
    let step = 0.05 * state_norm / rate_norm;
    if step > 0.0 && step.is_finite() { step.min(horizon) } else { 0.01 * horizon }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stepper::tableaus::{DOP853, DOPRI5};

    #[test]
    fn an_integral_of_order_q_settles_at_the_safety_factor() {
        // err = (h/h₀)^q: the fixed point of h ↦ safety·h·err^{−e}·err^{β} is err^{e−β} = safety.
        for (embedded, order) in [(DOP853, 8.0), (DOPRI5, 5.0)] {
            let Control { exponent, beta, beta_share, safety, .. } = embedded.control;
            let mut controller = Controller::new(embedded.control);
            let mut step = 1e-3;
            for _ in 0..400 {
                let error = f64::powf(step, order);
                step = if error <= 1.0 { controller.accept(step, error, true) } else { controller.reject(step, error) };
            }
            let fixed = safety.powf(1.0 / ((exponent - beta * beta_share - beta) * order));
            assert!((step / fixed - 1.0).abs() < 1e-9, "{step} against {fixed}");
        }
    }

    #[test]
    fn factors_are_bounded_and_rejection_forbids_growth() {
        let mut controller = Controller::new(DOP853.control);
        assert_eq!(controller.accept(1.0, 0.0, true), 6.0);
        assert_eq!(controller.reject(1.0, 1e300), 0.2);
        assert_eq!(controller.reject(1.0, f64::NAN), 0.2);
        assert_eq!(controller.reject(1.0, f64::INFINITY), 0.2);
        assert!(controller.reject(1.0, 1.0 + 1e-12) <= 0.9);
        assert_eq!(controller.accept(1.0, 0.0, true), 1.0, "no growth after a rejection");
        assert_eq!(controller.accept(1.0, 0.0, true), 6.0, "one step later it may grow");
        assert_eq!(Controller::new(DOPRI5.control).accept(1.0, 0.0, true), 10.0);
    }

    #[test]
    fn a_step_cut_short_is_not_remembered() {
        let mut controller = Controller::new(DOP853.control);
        controller.accept(1.0, 0.7, true);
        controller.accept(0.01, 1e-30, false);
        assert_eq!(controller.previous_error(), 0.7);
    }

    #[test]
    fn the_first_step_is_free_of_scale() {
        assert_eq!(initial_step(2.0, 4.0, 10.0), 0.025);
        assert_eq!(initial_step(2.0 * 2f64.powi(-900), 4.0 * 2f64.powi(-900), 10.0), 0.025);
        assert_eq!(initial_step(1.0, 1e-9, 10.0), 10.0);
        for (state, rate) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] {
            assert_eq!(initial_step(state, rate, 10.0), 0.1);
        }
    }
}
