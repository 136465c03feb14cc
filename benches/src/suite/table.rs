//! A row of the results.

use super::context::{Figure, digits};

/// One bar, and what was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// What is measured.
    pub(super) what: String,
    /// What is to be reached.
    pub(super) bar: String,
    /// Pulse's figure.
    pub(super) pulse: String,
    /// The peer's.
    pub(super) peer: String,
    /// The floor's.
    pub(super) floor: String,
    /// Pulse's relation to what the bar compares it with.
    pub(super) ratio: String,
    /// Whether it is reached; `None` where nothing has to be.
    pub(super) met: Option<bool>,
}

impl Row {
    pub(super) fn new(what: impl Into<String>, bar: impl Into<String>) -> Self {
        Self { what: what.into(), bar: bar.into(), ..Self::default() }
    }

    /// A measurement that could not be made.
    pub(super) fn failed(what: &str, why: &str) -> Self {
        let pulse = format!("failed: {}", why.replace(['\n', '|'], " "));
        Self { pulse, met: Some(false), ..Self::new(what, "") }
    }

    pub(super) fn pulse(mut self, figure: &Figure, unit: &str) -> Self {
        self.pulse = figure.text(unit);
        self
    }

    pub(super) fn peer(mut self, name: &str, figure: &Figure, unit: &str) -> Self {
        self.peer = format!("{name} {}", figure.text(unit));
        self
    }

    pub(super) fn floor(mut self, figure: &Figure, unit: &str) -> Self {
        self.floor = figure.text(unit);
        self
    }

    /// The figure may be at most `bar` times the other's.
    pub(super) fn at_most_times(mut self, bar: f64, pulse: &Figure, other: &Figure) -> Self {
        let ratio = pulse.ratio(other);
        self.ratio = ratio.map_or("–".into(), |ratio| format!("{} ×", digits(ratio)));
        self.met = Some(self.met != Some(false) && ratio.is_some_and(|ratio| ratio <= bar));
        self
    }

    /// The figure may be at most `bar` times the one that was measured beside it, in the pair in the middle.
    pub(super) fn at_most_times_beside(mut self, bar: f64, pulse: &Figure, other: &Figure) -> Self {
        let ratios = pulse.ratios(other);
        self.ratio = ratios.text("×");
        self.at_most(bar, &ratios)
    }

    /// The figure may be at most `bar`.
    pub(super) fn at_most(mut self, bar: f64, pulse: &Figure) -> Self {
        let within = pulse.median().is_some_and(|median| median <= bar);
        self.met = Some(self.met != Some(false) && within);
        self
    }

    /// The figure may be no less than `bar`.
    pub(super) fn at_least(mut self, bar: f64, pulse: &Figure) -> Self {
        let reached = pulse.median().is_some_and(|median| median >= bar);
        self.met = Some(self.met != Some(false) && reached);
        self
    }

    /// Something else has to hold as well; said in the row when it does not.
    pub(super) fn and(mut self, holds: bool, otherwise: &str) -> Self {
        if !holds {
            self.pulse = format!("{}; {otherwise}", self.pulse);
        }
        self.met = Some(self.met != Some(false) && holds);
        self
    }

    pub(super) fn markdown(&self) -> String {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let cell = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        format!(
            "| {} | {} | {} | {} | {} | {} | {met} |\n",
            self.what,
            cell(&self.bar),
            cell(&self.pulse),
            cell(&self.peer),
            cell(&self.floor),
            cell(&self.ratio)
        )
    }
}
