//! Drains that end by themselves.

use super::BalancerState;
use super::target_state::ProviderState;
use crate::domain::command::ProviderPatch;
use crate::domain::event::Effect;
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;

impl ProviderState {
    /// Applies the end of a drain, if the patch names one, and describes it. A drain without an
    /// end replaces one with an end.
    pub(super) fn set_drain_end(
        &mut self,
        patch: &ProviderPatch,
        now: UnixTime,
        what: &mut Vec<String>,
    ) {
        if let Some(time) = patch.drain_for {
            self.draining = true;
            self.drains_until = Some(now.plus(time));
            what.push(format!("draining for {} s", time.as_secs()));
        } else if patch.draining == Some(true) && self.drains_until.take().is_some() {
            what.push("draining without an end".to_owned());
        }
    }

    /// End of the present drain.
    pub(super) fn drain_end(&self) -> Option<UnixTime> {
        self.drains_until.filter(|_| self.draining)
    }
}

impl BalancerState {
    /// Ends the drains whose time is over.
    pub(super) fn end_drains(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        for at in ProviderIdx::all(self.providers.len()) {
            let record = &mut self.providers[at];
            let is_over = record.drains_until.take_if(|until| now >= *until).is_some();
            if is_over && std::mem::take(&mut record.draining) {
                let what = format!("{}: no longer draining", record.name);
                let reason = Some("the time of the drain is over".to_owned());
                let who = "aibal-tui".to_owned();
                effects.push(self.revise(what, who, reason, self.weights, now));
            }
        }
    }
}
