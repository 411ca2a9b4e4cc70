//! What a trajectory looks at: points between steps, the nodes of integrals, searches that go on asking.

use super::{Pending, Purpose, Shared, Trajectory};
use crate::config::Method;
use crate::dynamics::{Blocks, GradientFlow, Moment, State, VectorField};
use crate::linalg::{frobenius, operator_norm};
use crate::observe::{Curvature, Motion, Sample};
use crate::sensing::{Answer, BATCH, Want};
use crate::simulation::comparison::Waiting;
use crate::simulation::deviation::{CERTIFICATE_MARGIN, CERTIFICATE_NODES, CurvaturePoint, IMPOSED_MARGIN, IMPOSED_NODES};
use crate::simulation::pending::GAUSS;
use crate::simulation::record::{Row, SpectrumRow};
use crate::simulation::schedule::Due;
use std::ops::Range;
use std::sync::Arc;

impl Trajectory {
    pub(super) fn integrates_flow(&self) -> bool {
        self.observers.integrates() && self.observers.motion() == Motion::Flow
    }

    /// What the field remembers, if somebody will look at what it imposes.
    pub(super) fn field_memory(&self) -> Vec<f64> {
        if self.observers.looks_at_perturbation() || self.measures.defect { self.field.memory() } else { Vec::new() }
    }

    /// The point that was reached last.
    pub(super) fn here(&self, purpose: Purpose) -> Pending {
        let (state, dissipation) = (self.stepper.state().clone(), self.stepper.dissipation());
        Pending {
            step: self.step_number(),
            t: self.stepper.t(),
            state,
            dissipation,
            memory: self.field_memory(),
            purpose,
            drive: None,
            search: None,
            rate: None,
        }
    }

    /// When the step began and ended that is to be looked at inside: the one that trails, if there is one, else the last.
    fn looked_into(&self) -> (f64, f64) {
        match self.trailing() {
            Some(trailing) => (trailing.t_before(), trailing.t()),
            None => (self.stepper.t_before(), self.stepper.t()),
        }
    }

    /// A point inside that step.
    pub(super) fn inside(&mut self, t: f64, purpose: Purpose) -> Pending {
        let mut state = self.spare.pop().unwrap_or_else(|| State::zeros(self.initial.shape()));
        let dissipation = match self.trailing() {
            Some(trailing) => trailing.interpolate(t, &mut state),
            None => self.stepper.interpolate(t, &mut state),
        };
        Pending { step: None, t, state, dissipation, memory: self.field_memory(), purpose, drive: None, search: None, rate: None }
    }

    /// Where the step ends that begins here, as its own time will be computed there: `t + η` may differ from it by a rounding.
    pub(super) fn end_of_step(&self, step_size: f64) -> f64 {
        (self.stepper.step() + 1) as f64 * step_size
    }

    /// Takes the nodes of the integral between the last recorded time (or step end) and `end`.
    pub(super) fn integrate_until(&mut self, end: f64) {
        let begin = self.integral.until;
        if self.integrates_flow() && end > begin {
            for (node, weight) in GAUSS {
                let pending = self.inside(begin + node * (end - begin), Purpose::Quadrature { end, weight: weight * (end - begin) });
                self.pending.push(pending);
            }
            self.integral.until = end;
        }
    }

    /// Whether bounds want points inside every step.
    pub(super) fn samples_steps(&self) -> bool {
        self.measures.error
            || self.measures.defect && matches!(self.spec.method, Method::PerturbedFlow { .. } | Method::ModifiedFlow { .. })
    }

    /// Takes the points inside a step that bounds want.
    fn sample_step(&mut self) {
        let (begin, until) = self.looked_into();
        if !self.samples_steps() || self.defects.until >= until {
            return;
        }
        self.defects.until = until;
        let at = |node: f64| begin + node * (until - begin);
        // What modifies a flow may be largest within a step; its defect is that of the interpolant there, like an integrator's own.
        if self.measures.error || matches!(self.spec.method, Method::ModifiedFlow { .. }) {
            for node in CERTIFICATE_NODES {
                let mut rate = Box::new(State::zeros(self.initial.shape()));
                match self.trailing() {
                    Some(trailing) => trailing.interpolate_rate(at(node), &mut rate),
                    None => self.stepper.interpolate_rate(at(node), &mut rate),
                }
                let point = self.inside(at(node), Purpose::Error { until });
                self.pending.push(Pending { rate: Some(rate), ..point });
            }
        } else {
            for node in IMPOSED_NODES {
                let point = self.inside(at(node), Purpose::Imposed { until });
                self.pending.push(point);
            }
        }
    }

    /// At a point that a step has just reached: what the step's motion has beside gradient flow's.
    pub(super) fn measure_defect(&mut self) {
        let t = self.stepper.t();
        let descent = self.field.steepest_descent(self.stepper.rate());
        if self.discrete {
            let until = self.schedule.dues()[self.next_due..].iter().find(|due| due.t >= t).map_or(t, |due| due.t);
            self.defects.arrive_by_chord(t, self.stepper.state(), descent, until);
        } else {
            self.defects.arrive_by_flow(t, self.stepper.rate(), descent);
        }
    }

    fn inside_mut(&mut self) -> &mut Range<usize> {
        match &mut self.trail {
            Some(trail) => &mut trail.inside,
            None => &mut self.inside,
        }
    }

    /// Looks at the times inside a step, until a batch of samples is pending; returns whether all are done.
    pub(super) fn interpolate(&mut self, shared: &Shared<'_>) -> bool {
        let (_, end) = self.looked_into();
        let mut inside = std::mem::take(self.inside_mut());
        while let Some(due) = self.schedule.dues()[inside.clone()].first().cloned() {
            if self.pending.len() >= BATCH {
                *self.inside_mut() = inside;
                return false;
            }
            inside.start += 1;
            if due.record {
                self.integrate_until(due.t);
            }
            let sample = self.inside(due.t, Purpose::Record);
            if !due.pairs.is_empty() || due.cross_check {
                self.send(&due, due.t, Arc::new(sample.state.clone()));
            }
            match due.record {
                true => self.ask_or_form(sample, shared),
                false => self.spare.push(sample.state),
            }
        }
        self.integrate_until(end);
        self.sample_step();
        true
    }

    pub(super) fn send(&mut self, due: &Due, t: f64, state: Arc<State>) {
        for look in &due.pairs {
            self.outbox.push((look.side, Waiting { step: self.step_number(), t: look.t, state: state.clone() }));
        }
        if due.cross_check {
            self.points.at_recording_times.push((t, State::clone(&state)));
        }
    }

    /// After a failure the last finite point becomes a sample, unless it is one already.
    pub(super) fn sample_last_point(&mut self) {
        let t = self.stepper.t();
        let waits = self.pending.iter().any(|point| point.t == t && point.purpose == Purpose::Record);
        if self.started && !waits && !self.record.rows.iter().any(|row| row.t == t) {
            self.pending.push(self.here(Purpose::Record));
        }
    }

    /// Looks at the point that was reached last, with the answer that the step got there, or asks anew for all that a sample needs.
    pub(super) fn look_or_ask(&mut self, purpose: Purpose, answer: &Answer, shared: &Shared<'_>) {
        let here = self.here(purpose);
        match self.field.answer(answer).given {
            Want::Products => self.ask_or_form(here, shared),
            Want::Matrix => {
                let answer = self.field.answer(answer).clone();
                self.look(&here, &answer, shared);
            }
        }
    }

    /// Asks the operator at a point that becomes a row; where nobody looks at more of the answer than `FGᵀ`, forms that and looks at once.
    fn ask_or_form(&mut self, mut point: Pending, shared: &Shared<'_>) {
        if point.purpose != Purpose::Record || self.observers.needs_answer() || self.measures.curvature || self.spec.method.has_own_data() {
            self.pending.push(point);
            return;
        }
        // What a law imposes there would need the answer, and is not looked at either.
        point.memory.clear();
        let product = point.state.product();
        let mut answer = self.unasked.take().unwrap_or_else(|| {
            let mut answer = Box::new(Answer::new(product.nrows(), product.ncols()));
            answer.matrix.fill(f64::NAN);
            answer.residual_norm_squared = f64::NAN;
            answer
        });
        answer.product = product;
        self.look(&point, &answer, shared);
        self.unasked = Some(answer);
        self.spare.push(point.state);
    }

    /// Looks at a point, with the operator's answer there.
    pub(super) fn look(&mut self, point: &Pending, answer: &Answer, shared: &Shared<'_>) {
        let residual = shared.instance.target.as_ref().map(|target| &target.matrix - &answer.product);
        let imposed = self.imposed(point, answer);
        let Pending { step, t, ref state, dissipation, .. } = *point;
        let instance = shared.instance;
        let drive = point.drive.as_ref().map(|drive| drive.get());
        let sample = Sample { instance, t, state, answer, residual: residual.as_ref(), dissipation, imposed: imposed.as_ref(), drive };
        if let Purpose::Quadrature { end, weight } = point.purpose {
            self.integral.add(end, self.observers.integrand(&sample).map_or(f64::NAN, |value| weight * value));
            return;
        }
        if let Purpose::Imposed { until } = point.purpose {
            self.defects.add(until, imposed.map_or(f64::NAN, |blocks| IMPOSED_MARGIN * blocks.rate(state).norm()));
            return;
        }
        if let (Purpose::Error { until }, Some(rate)) = (point.purpose, &point.rate) {
            let mut field = State::zeros(state.shape());
            GradientFlow.resume(Moment { t, piece: 0 }, state, answer, &mut field);
            *field.matrix_mut() -= rate.matrix();
            self.defects.add(until, CERTIFICATE_MARGIN * field.norm());
            return;
        }
        if let (Purpose::Curvature { row }, Some(search)) = (point.purpose, &point.search) {
            if self.measures.curvature {
                let [sharpness, curvature_min] = search.enclosed().unwrap_or([f64::NAN; 2]);
                let factors = [state.left(), state.right()].map(|factor| operator_norm(&factor.to_matrix()));
                let (drive, product) = (operator_norm(search.drive()), frobenius(&state.product()));
                self.curvature.push(CurvaturePoint { t, sharpness, curvature_min, drive, factors, product });
            }
            for (place, value) in self.observers.curvature_columns().into_iter().zip(search.extremes()) {
                if let Some(cell) = place.and_then(|place| self.record.rows[row].values.get_mut(place)) {
                    *cell = value;
                }
            }
            return;
        }
        self.judge_data(&sample, shared);
        let (values, spectrum) = self.observers.record(&sample);
        if self.measures.curvature || self.observers.curvature_columns().iter().any(Option::is_some) {
            let purpose = Purpose::Curvature { row: self.record.rows.len() };
            let search = Some(Box::new(Curvature::new(state, &answer.matrix)));
            self.pending.push(Pending {
                step,
                t,
                state: state.clone(),
                dissipation,
                memory: vec![],
                purpose,
                drive: None,
                search,
                rate: None,
            });
        }
        self.record.rows.push(Row { step, t, values });
        if let Some(spectrum) = spectrum {
            if let Some(vectors) = &mut self.record.vectors {
                vectors.push(t, &spectrum);
            }
            self.record.spectrum.push(SpectrumRow { step, t, values: spectrum.values });
        }
        if let Some(snapshots) = &mut self.record.snapshots {
            snapshots.push(t, state);
        }
    }

    /// Hands an answer to the point's search, if it has one; returns whether that goes on.
    pub(super) fn searches_on(&self, point: &mut Pending, answer: &Answer) -> bool {
        let Some(search) = &mut point.search else { return false };
        search.supply(answer);
        !search.is_finished()
    }

    /// What the field imposed at a point: the field has moved on since, and is taken back for a moment.
    pub(super) fn imposed(&mut self, point: &Pending, answer: &Answer) -> Option<Blocks> {
        if point.memory.is_empty() {
            return None;
        }
        let now = self.field.memory();
        self.field.restore(&point.memory);
        let imposed = self.field.imposed(point.t, &point.state, answer);
        self.field.restore(&now);
        imposed
    }
}
