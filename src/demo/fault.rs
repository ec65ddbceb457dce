//! The faults that can be injected at a vendor, and the switch that does it at run time.

use std::sync::Arc;
use tokio::sync::watch;

/// A fault that holds until it is removed. It affects requests that arrive meanwhile; responses
/// under way finish normally.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Every request, probes too, gets a 503 almost at once.
    Outage,
    /// Connections are reset before any HTTP.
    Refused,
    /// Requests, probes too, are accepted and never answered.
    Hang,
    /// Time to the first token and time per token are multiplied by this; above 1 is slower.
    Slow(f64),
    /// The limit falls to this many requests per minute; rejections ask to wait 2 to 8 seconds.
    RateLimit(u32),
    /// This share of requests (0 to 1) fails with a 500 or a 503, instead of the profile's share.
    Errors(f64),
    /// Responses end in the middle, and the connection is cut.
    CutMidStream,
    /// Responses stop in the middle, and the connection stays open.
    StallMidStream,
}

/// The faults that are set. A manual fault overrides a scripted one, so that an operator can always
/// intervene.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Faults {
    manual: Option<Fault>,
    scripted: Option<Fault>,
}

/// The fault switch of one vendor. Clones share it.
#[derive(Debug, Clone)]
pub struct FaultSwitch {
    faults: Arc<watch::Sender<Faults>>,
}

impl FaultSwitch {
    /// A switch without a fault.
    pub fn new() -> Self {
        Self {
            faults: Arc::new(watch::Sender::new(Faults::default())),
        }
    }

    /// The fault in force.
    pub fn current(&self) -> Option<Fault> {
        let faults = *self.faults.borrow();
        faults.manual.or(faults.scripted)
    }

    /// Sets the fault of an operator or a test; `None` returns the control to the scenario.
    pub fn set_manual(&self, fault: Option<Fault>) {
        self.faults.send_modify(|faults| faults.manual = fault);
    }

    /// Sets the fault of the scenario.
    pub fn set_scripted(&self, fault: Option<Fault>) {
        self.faults.send_modify(|faults| faults.scripted = fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_fault_overrides_the_script_until_it_is_removed() {
        let switch = FaultSwitch::new();
        let shared = switch.clone();

        switch.set_scripted(Some(Fault::Outage));
        assert_eq!(shared.current(), Some(Fault::Outage));

        switch.set_manual(Some(Fault::Hang));
        assert_eq!(shared.current(), Some(Fault::Hang));

        switch.set_manual(None);
        assert_eq!(shared.current(), Some(Fault::Outage));
    }
}
