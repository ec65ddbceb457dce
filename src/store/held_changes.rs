//! Changes that no configuration file holds, as the store keeps them.

use crate::domain::{
    BreakerSettings, GlobalSettings, HeldChanges, Money, OverBudgetPolicy, PendingChange,
    PendingChanges, PendingProviderChanges, SharedBudget, UnixTime, WeightOverride, Weights,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// [`HeldChanges`] as JSON. Times are microseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
struct HeldShape {
    draining: Vec<String>,
    /// Missing in rows of versions without drains that end.
    #[serde(default)]
    drain_ends: Vec<(String, u64)>,
    pin: Option<(String, u64)>,
    pending: Option<PendingShape>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PendingShape {
    until: u64,
    weights: Option<[WeightValues; 2]>,
    /// Missing in rows of versions whose settings were not changed at run time.
    #[serde(default)]
    settings: Option<[SettingsShape; 2]>,
    providers: Vec<ProviderShape>,
}

/// Budgets in pico-dollars.
#[derive(Debug, Serialize, Deserialize)]
struct SettingsShape {
    strategy: String,
    per_day: Option<u64>,
    per_month: Option<u64>,
    on_limit: String,
    failures: u8,
    max_open_s: u16,
}

/// Cost, latency, reliability, load, priority.
pub(super) type WeightValues = [f64; 5];
/// Cost, latency, reliability.
type OverrideValues = [Option<f64>; 3];

/// Values of one provider before and after.
#[derive(Debug, Serialize, Deserialize)]
struct ProviderShape {
    name: String,
    enabled: Option<[bool; 2]>,
    draining: Option<[bool; 2]>,
    priority: Option<[u8; 2]>,
    max_concurrent: Option<[Option<u32>; 2]>,
    weights: Option<[OverrideValues; 2]>,
}

/// Writes the changes as JSON.
pub(super) fn write_held(held: &HeldChanges) -> String {
    let end = |(name, until): &(Arc<str>, UnixTime)| (name.to_string(), until.micros());
    let shape = HeldShape {
        draining: held.draining.iter().map(ToString::to_string).collect(),
        drain_ends: held.drain_ends.iter().map(end).collect(),
        pin: held.pin.as_ref().map(end),
        pending: held.pending.as_ref().map(|pending| PendingShape {
            until: pending.until.micros(),
            weights: pending.weights.map(|change| pair(change).map(values)),
            settings: pending.settings.map(|it| pair(it).map(settings_shape)),
            providers: pending.providers.iter().map(provider_shape).collect(),
        }),
    };
    serde_json::to_string(&shape).unwrap_or_default()
}

/// Reads them; `None` if the text is not understood.
pub(super) fn read_held(json: &str) -> Option<HeldChanges> {
    let shape: HeldShape = serde_json::from_str(json).ok()?;
    let end = |(name, until): (String, u64)| (name.into(), UnixTime::from_micros(until));
    Some(HeldChanges {
        draining: shape.draining.into_iter().map(Into::into).collect(),
        drain_ends: shape.drain_ends.into_iter().map(end).collect(),
        pin: shape.pin.map(end),
        pending: shape.pending.map(|pending| PendingChanges {
            until: UnixTime::from_micros(pending.until),
            weights: pending.weights.map(|both| change(both.map(weights))),
            settings: pending
                .settings
                .and_then(|[before, after]| Some(change([settings(&before)?, settings(&after)?]))),
            providers: pending.providers.into_iter().map(provider).collect(),
        }),
    })
}

/// The weights as numbers.
pub(super) fn values(weights: Weights) -> WeightValues {
    [
        weights.cost,
        weights.latency,
        weights.reliability,
        weights.load,
        weights.priority,
    ]
}

/// The weights of these numbers.
pub(super) fn weights([cost, latency, reliability, load, priority]: WeightValues) -> Weights {
    Weights {
        cost,
        latency,
        reliability,
        load,
        priority,
    }
}

fn settings_shape(settings: GlobalSettings) -> SettingsShape {
    SettingsShape {
        strategy: settings.strategy.as_str().to_owned(),
        per_day: settings.budget.per_day.map(Money::pico),
        per_month: settings.budget.per_month.map(Money::pico),
        on_limit: settings.budget.on_limit.as_str().to_owned(),
        failures: settings.breaker.failures,
        max_open_s: settings.breaker.max_open_s,
    }
}

fn settings(shape: &SettingsShape) -> Option<GlobalSettings> {
    Some(GlobalSettings {
        strategy: shape.strategy.parse().ok()?,
        budget: SharedBudget {
            per_day: shape.per_day.map(Money::from_pico),
            per_month: shape.per_month.map(Money::from_pico),
            on_limit: OverBudgetPolicy::parse(&shape.on_limit)?,
        },
        breaker: BreakerSettings {
            failures: shape.failures,
            max_open_s: shape.max_open_s,
        },
    })
}

fn provider_shape(changes: &PendingProviderChanges) -> ProviderShape {
    let override_values = |own: WeightOverride| [own.cost, own.latency, own.reliability];
    ProviderShape {
        name: changes.name.to_string(),
        enabled: changes.enabled.map(pair),
        draining: changes.draining.map(pair),
        priority: changes.priority.map(pair),
        max_concurrent: changes.max_concurrent.map(pair),
        weights: changes.weights.map(|own| pair(own).map(override_values)),
    }
}

fn provider(shape: ProviderShape) -> PendingProviderChanges {
    let own = |[cost, latency, reliability]: OverrideValues| WeightOverride {
        cost,
        latency,
        reliability,
    };
    PendingProviderChanges {
        name: shape.name.into(),
        enabled: shape.enabled.map(change),
        draining: shape.draining.map(change),
        priority: shape.priority.map(change),
        max_concurrent: shape.max_concurrent.map(change),
        weights: shape.weights.map(|both| change(both.map(own))),
    }
}

fn pair<T>(change: PendingChange<T>) -> [T; 2] {
    [change.before, change.after]
}

fn change<T>([before, after]: [T; 2]) -> PendingChange<T> {
    PendingChange { before, after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Strategy;

    #[test]
    fn all_that_is_written_is_read_again() {
        let held = HeldChanges {
            draining: vec!["a".into()],
            drain_ends: vec![("a".into(), UnixTime::from_micros(7))],
            pin: Some(("b".into(), UnixTime::from_micros(7))),
            pending: Some(PendingChanges {
                until: UnixTime::from_micros(9),
                weights: Some(PendingChange {
                    before: Weights::default(),
                    after: Weights {
                        cost: 60.5,
                        ..Weights::default()
                    },
                }),
                settings: Some(PendingChange {
                    before: GlobalSettings::default(),
                    after: GlobalSettings {
                        strategy: Strategy::LeastBusy,
                        budget: SharedBudget {
                            per_day: Some(Money::from_usd(7.5)),
                            per_month: None,
                            on_limit: OverBudgetPolicy::Cheapest,
                        },
                        breaker: BreakerSettings {
                            failures: 9,
                            max_open_s: 90,
                        },
                    },
                }),
                providers: vec![PendingProviderChanges {
                    name: "a".into(),
                    enabled: None,
                    draining: Some(PendingChange {
                        before: false,
                        after: true,
                    }),
                    priority: Some(PendingChange {
                        before: 50,
                        after: 80,
                    }),
                    max_concurrent: Some(PendingChange {
                        before: None,
                        after: Some(3),
                    }),
                    weights: Some(PendingChange {
                        before: WeightOverride::default(),
                        after: WeightOverride {
                            cost: Some(80.0),
                            ..WeightOverride::default()
                        },
                    }),
                }],
            }),
        };
        assert_eq!(read_held(&write_held(&held)), Some(held));
        let empty = HeldChanges::default();
        assert_eq!(read_held(&write_held(&empty)), Some(empty));
        assert_eq!(read_held("{}"), None);
    }
}
