//! Everything that a provider may serve goes there for a while, because an operator says so.

use super::BalancerState;
use crate::domain::event::{Effect, EventKind};
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use std::time::Duration;

impl BalancerState {
    /// Pins for so long, or ends a pin; `what` is told what that changed.
    pub(super) fn pin(
        &mut self,
        at: ProviderIdx,
        pin: Duration,
        now: UnixTime,
        what: &mut Vec<String>,
    ) {
        let is_pinned = self.pinned_at(now).is_some_and(|(pinned, _)| pinned == at);
        if !pin.is_zero() {
            self.pin = Some((at, now.plus(pin)));
            what.push(format!("pinned for {} s", pin.as_secs()));
        } else if is_pinned {
            self.pin = None;
            what.push("pinned no more".to_owned());
        }
    }

    pub(super) fn pinned_at(&self, now: UnixTime) -> Option<(ProviderIdx, UnixTime)> {
        self.pin.filter(|&(_, until)| now < until)
    }

    pub(super) fn end_pin(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        if let Some((provider, _)) = self.pin.take_if(|&mut (_, until)| now >= until) {
            let text = "pinned no more: its time is over".to_owned();
            effects.push(self.emit(EventKind::Change, false, Some(provider), text, now));
        }
    }
}
