//! Pin of a provider: all traffic that it may serve goes there for a limited time.

use super::BalancerState;
use crate::domain::event::{Effect, EventKind};
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use std::time::Duration;

impl BalancerState {
    /// Pins a provider for `pin`, or ends its pin if that is 0; describes the change in `what`.
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
            what.push("no longer pinned".to_owned());
        }
    }

    /// Returns the pinned provider and the end of the pin at `now`.
    pub(super) fn pinned_at(&self, now: UnixTime) -> Option<(ProviderIdx, UnixTime)> {
        self.pin.filter(|&(_, until)| now < until)
    }

    /// Ends an expired pin and emits its event.
    pub(super) fn end_pin(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        if let Some((provider, _)) = self.pin.take_if(|&mut (_, until)| now >= until) {
            let text = "no longer pinned: the pin expired".to_owned();
            effects.push(self.emit(EventKind::Change, false, Some(provider), text, now));
        }
    }
}
