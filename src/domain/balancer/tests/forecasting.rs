use super::{at, fleet};
use crate::domain::{
    BalancerState, BucketCounts, BudgetConfig, GlobalLimits, Money, ProviderIdx, TargetIdx,
};

const HOUR: u64 = 3_600;
/// Five weeks, after which a day begins.
const HOURS: u64 = 5 * 168;

/// A load of ten times as much from 8 to 20 o'clock, as a restored history: one record an hour.
fn with_history(mut fleet: BalancerState) -> BalancerState {
    for hour in 0..HOURS {
        let busy = if (8..20).contains(&(hour % 24)) {
            10
        } else {
            1
        };
        let now = at(hour * HOUR);
        let counts = |column: &mut BucketCounts| {
            column.succeeded += 60 * busy;
            column.latency_sum_ms += 1_200_000.0 * busy as f64;
            column.cost += Money::from_usd(busy as f64);
        };
        fleet.requests.record(now, counts);
        let target = &mut fleet.targets[TargetIdx::from(0)];
        target.history.record(now, counts);
        let provider = &mut fleet.providers[ProviderIdx::from(0)];
        provider.uptime.record(now, |uptime| uptime.watched_us += 1);
    }
    fleet
}

#[test]
fn load_and_cost_are_forecast_and_compared_with_the_limits() {
    let limits = GlobalLimits {
        max_in_flight: Some(4),
        budget: BudgetConfig {
            per_day: Some(Money::from_usd(100.0)),
            ..BudgetConfig::default()
        },
        ..GlobalLimits::default()
    };
    let mut fleet = with_history(fleet().with_limits(&limits));
    let start = HOURS * HOUR;
    for second in 0..5 {
        fleet.tick(at(start + second));
    }
    let now = at(start + 5);

    let report = fleet.forecast(24, now);

    let values = report.total.in_flight.expect("a forecast").values;
    assert_eq!(values.len(), 24);
    for (hour, value) in values.iter().enumerate() {
        let expected = if (8..20).contains(&hour) { 10.0 } else { 1.0 } / 3.0;
        assert!((value - expected).abs() < 0.4, "{hour}: {value}");
    }
    let (name, provider) = &report.providers[0];
    assert_eq!(&**name, "a");
    assert!(provider.usd.is_some() && provider.requests.is_some());
    assert_eq!(report.providers[1].1.requests, None, "it had no traffic");
    let need = report.need.expect("a limit");
    assert_eq!(need.limit, "max_in_flight");
    assert!(need.factor > 1.0);
    let hours = need.at.seconds_since(report.from) / HOUR as f64;
    assert!((8.0..20.0).contains(&hours), "{hours}");
    assert!(fleet.expected_in_flight(now) < 1.0);

    // The budget is projected at once, without an hour of measurements.
    let day = fleet.snapshot(60, now).budget.day;
    assert!(day.projection.expect("a projection").spent > Money::from_usd(10.0));

    // Without a renewal, later hours remain.
    let later = at(start + 5 * HOUR);
    let report = fleet.forecast(48, later);
    assert_eq!(report.total.requests.expect("a forecast").values.len(), 43);
}

#[test]
fn without_a_forecast_the_load_of_the_last_hour_is_expected() {
    let mut fleet = fleet();
    for minute in 0..60 {
        fleet.requests.record(at(minute * 60), |column| {
            column.succeeded += 60;
            column.latency_sum_ms += 120_000.0;
        });
    }
    fleet.tick(at(HOUR));

    let expected = fleet.expected_in_flight(at(HOUR));

    assert!((1.8..2.2).contains(&expected), "{expected}");
    assert_eq!(fleet.forecast(24, at(HOUR)).need, None);
}
