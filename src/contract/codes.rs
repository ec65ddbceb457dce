//! Stable codes of reasons, for programs; the texts beside them may change.

use crate::domain::{ExclusionReason, SelectionReason};

/// Code of an exclusion that a replay must know: these targets failed earlier in the same request.
pub(super) const ALREADY_TRIED: &str = "already_tried";

/// Code of the reason for a selection, in `reasonCode`.
pub(super) const fn reason_code(reason: SelectionReason) -> &'static str {
    match reason {
        SelectionReason::Best => "best",
        SelectionReason::WeightedRandom => "weighted_random",
        SelectionReason::Pinned => "pinned",
        SelectionReason::Preferred => "preferred",
        SelectionReason::Only => "only",
        SelectionReason::HalfOpenProbe => "half_open_probe",
        SelectionReason::Exploration => "exploration",
        SelectionReason::Fallback => "fallback",
        SelectionReason::Cheapest => "cheapest",
        SelectionReason::LastResort => "last_resort",
        SelectionReason::RouteOrder => "route_order",
        SelectionReason::RouteShare => "route_share",
        SelectionReason::Hedge => "hedge",
    }
}

/// Reason for a selection by its code.
pub(super) fn parse_reason(code: &str) -> Option<SelectionReason> {
    SelectionReason::ALL
        .into_iter()
        .find(|reason| reason_code(*reason) == code)
}

/// Code of the reason for an exclusion, in `exclusion.code`.
pub(super) const fn exclusion_code(reason: &ExclusionReason) -> &'static str {
    match reason {
        ExclusionReason::MissingCapability(_) => "missing_capability",
        ExclusionReason::Off(_) => "off",
        ExclusionReason::Draining => "draining",
        ExclusionReason::Down => "down",
        ExclusionReason::BreakerOpen(_) => "breaker_open",
        ExclusionReason::HalfOpen => "half_open",
        ExclusionReason::CoolingDown(..) => "cooling_down",
        ExclusionReason::UpstreamRateLimited(_) => "upstream_rate_limited",
        ExclusionReason::ProviderAtCapacity(_) => "provider_at_capacity",
        ExclusionReason::ModelAtCapacity(_) => "model_at_capacity",
        ExclusionReason::RateLimited(_) => "rate_limited",
        ExclusionReason::AlreadyTried => ALREADY_TRIED,
        ExclusionReason::UnknownPrice => "unknown_price",
        ExclusionReason::AboveMaxCost => "above_max_cost",
        ExclusionReason::AboveMaxLatency => "above_max_latency",
        ExclusionReason::OverBudget { .. } => "over_budget",
        ExclusionReason::OverProviderBudget { .. } => "over_provider_budget",
        ExclusionReason::NotCheapest => "not_cheapest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_code() {
        for reason in SelectionReason::ALL {
            assert_eq!(parse_reason(reason_code(reason)), Some(reason));
        }
        assert_eq!(parse_reason("best score"), None);
    }
}
