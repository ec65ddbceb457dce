//! What the exclusions of all targets mean for the client.

use crate::domain::{ExclusionReason, MissingCapability, TargetId, UnixTime};
use crate::protocols::ContextOverflow;
use std::fmt;

/// The sizes, where every target is excluded because the prompt is too long for it.
pub(super) fn overflow_of(excluded: &[(TargetId, ExclusionReason)]) -> Option<ContextOverflow> {
    let mut overflow = ContextOverflow::default();
    for (_, reason) in excluded {
        match reason {
            ExclusionReason::MissingCapability(MissingCapability::Context { window, prompt }) => {
                overflow.tokens = Some(*prompt);
                overflow.maximum = overflow.maximum.max(Some(*window));
            }
            ExclusionReason::MissingCapability(MissingCapability::ContextExceeded) => {}
            _ => return None,
        }
    }
    (!excluded.is_empty()).then_some(overflow)
}

/// Whether every target lacks something that the request needs, so that no wait will help.
pub(super) fn lacks_capabilities(excluded: &[(TargetId, ExclusionReason)]) -> bool {
    let is_lack = |(_, reason): &(_, ExclusionReason)| {
        matches!(reason, ExclusionReason::MissingCapability(_))
    };
    !excluded.is_empty() && excluded.iter().all(is_lack)
}

/// Whether every target waits because its provider refused the gateway's key: the client's own is right,
/// and a repetition does not help.
pub(super) fn are_keys_refused(excluded: &[(TargetId, ExclusionReason)]) -> bool {
    let is_refused = |(_, reason): &(_, ExclusionReason)| matches!(reason, ExclusionReason::CoolingDown(_, Some(failure)) if failure.is_auth());
    !excluded.is_empty() && excluded.iter().all(is_refused)
}

/// Whether an operator's change may bring a target back.
pub(super) fn is_off(excluded: &[(TargetId, ExclusionReason)]) -> bool {
    let is_off = |(_, reason): &(_, ExclusionReason)| {
        matches!(reason, ExclusionReason::Off(_) | ExclusionReason::Draining)
    };
    excluded.iter().any(is_off)
}

pub(super) fn no_target(
    f: &mut fmt::Formatter<'_>,
    excluded: &[(TargetId, ExclusionReason)],
    at: UnixTime,
) -> fmt::Result {
    if excluded.is_empty() {
        return f.write_str(
            "no target serves such a request: no configured model has the type that it needs",
        );
    }
    f.write_str("no target may serve this request now: ")?;
    for (index, (target, reason)) in excluded.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        write!(f, "{separator}{target}: {}", reason.text(at))?;
    }
    Ok(())
}
