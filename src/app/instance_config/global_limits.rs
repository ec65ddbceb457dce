//! Limits of the whole, as the rules know them.

use crate::config::{BudgetSettings, Settings};
use crate::domain::{BudgetConfig, GlobalLimits, Money, OverBudgetPolicy};

/// As many requests at once as a configuration has by default.
const DEMO_MAX_IN_FLIGHT: u32 = 8_192;

/// What is configured.
pub fn of(settings: &Settings) -> GlobalLimits {
    let BudgetSettings {
        usd_per_day,
        usd_per_month,
        is_cheapest_on_limit,
    } = settings.budget;
    let callers = settings.tokens.iter();
    GlobalLimits {
        max_in_flight: Some(settings.server.max_in_flight),
        budget: BudgetConfig {
            per_day: usd_per_day.map(Money::from_usd),
            per_month: usd_per_month.map(Money::from_usd),
            on_limit: if is_cheapest_on_limit {
                OverBudgetPolicy::Cheapest
            } else {
                OverBudgetPolicy::Reject
            },
            callers: callers
                .map(|token| {
                    let limit = token.usd_per_day.map(Money::from_usd);
                    (token.name.as_str().into(), limit)
                })
                .collect(),
        },
    }
}

/// Simulated money is not limited.
pub fn of_demo() -> GlobalLimits {
    GlobalLimits {
        max_in_flight: Some(DEMO_MAX_IN_FLIGHT),
        budget: BudgetConfig::default(),
    }
}
