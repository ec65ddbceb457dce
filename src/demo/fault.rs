//! WHAT CAN GO WRONG AT A VENDOR, and the switch that turns it on and off while it serves.

use std::sync::Arc;
use tokio::sync::watch;

/// A fault that holds until it is lifted. It meets the requests that arrive meanwhile; answers
/// already under way are told to their end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Every request, the free ones too, is answered 503 almost at once.
    Outage,
    /// Connections are reset without a word of HTTP.
    Refused,
    /// Requests, the free ones too, are taken and never answered.
    Hang,
    /// Time to the first token and time per token are multiplied by this; above 1 is slower.
    Slow(f64),
    /// The limit falls to this many requests per minute; refusals ask to wait 2 to 8 seconds.
    RateLimit(u32),
    /// This share of requests (0 to 1) fails with a 500 or a 503, instead of the usual share.
    Errors(f64),
    /// Answers end in their middle, the connection with them.
    CutMidStream,
    /// Answers fall silent in their middle, and the connection stays open.
    StallMidStream,
}

/// Who turned on what. A hand outranks the script, so that a person can always intervene.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Faults {
    by_hand: Option<Fault>,
    by_script: Option<Fault>,
}

/// One vendor's switch. Clones share it.
#[derive(Debug, Clone)]
pub struct FaultSwitch {
    faults: Arc<watch::Sender<Faults>>,
}

impl FaultSwitch {
    /// A switch with nothing on.
    pub fn new() -> Self {
        Self {
            faults: Arc::new(watch::Sender::new(Faults::default())),
        }
    }

    /// The fault that holds now.
    pub fn current(&self) -> Option<Fault> {
        let faults = *self.faults.borrow();
        faults.by_hand.or(faults.by_script)
    }

    /// Turned by a person or a test; `None` gives the switch back to the script.
    pub fn turn_by_hand(&self, fault: Option<Fault>) {
        self.faults.send_modify(|faults| faults.by_hand = fault);
    }

    /// Turned by the scenario.
    pub fn turn_by_script(&self, fault: Option<Fault>) {
        self.faults.send_modify(|faults| faults.by_script = fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_outranks_the_script_and_gives_back_to_it() {
        let switch = FaultSwitch::new();
        let shared = switch.clone();

        switch.turn_by_script(Some(Fault::Outage));
        assert_eq!(shared.current(), Some(Fault::Outage));

        switch.turn_by_hand(Some(Fault::Hang));
        assert_eq!(shared.current(), Some(Fault::Hang));

        switch.turn_by_hand(None);
        assert_eq!(shared.current(), Some(Fault::Outage));
    }
}
