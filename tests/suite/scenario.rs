//! A balancer and simulated vendors with simulated time, and the dashboard at given times. No task
//! and no socket: hours pass in a second.

use aibal_tui::contract::{Dropped, InstanceInfo, Status, Window};
use aibal_tui::domain::{
    AttemptEnd, AttemptStart, BalancerState, CandidateSet, Capabilities, Catalogue, DecisionId,
    Failure, MeasuredUsage, ModelType, ModelTypes, Observation, Outcome, Price, Provider,
    RandomDraw, RequestEnd, RequestOutcome, RequestProfile, SplitMix64, Strategy, Target, TargetId,
    UnixTime, UpstreamLimits, Usage, Weights, select_target,
};
use aibal_tui::tui::{TestDashboard, Theme};
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-24 03:00:00 UTC.
const START: u64 = 1_795_489_200;
const NAMES: [&str; 5] = ["aurora", "borealis", "cumulus", "google", "local"];
/// Client requests per second, and the most attempts for each.
const RATE: u64 = 4;
const ATTEMPTS: u32 = 3;

/// The outcome of an attempt at a vendor in a second.
type Scenario = fn(vendor: usize, second: u64) -> Outcome;

struct Simulation {
    balancer: BalancerState,
    scenario: Scenario,
    generator: SplitMix64,
    second: u64,
    requests: u64,
    dashboard: TestDashboard,
}

fn catalogue() -> Catalogue {
    let provider = |name: &&str| Provider::new(name, "openai-compatible");
    let target = |(at, name): (usize, &&str)| Target {
        id: TargetId::new(name, "m"),
        provider: at.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: Some(Price::flat(1.0, 2.0)),
        max_concurrent: None,
    };
    Catalogue {
        providers: NAMES.iter().map(provider).collect(),
        targets: NAMES.iter().enumerate().map(target).collect(),
        ..Catalogue::default()
    }
}

impl Simulation {
    fn new(scenario: Scenario) -> Self {
        let (weights, now) = (Weights::default(), UnixTime::from_seconds(START));
        Self {
            balancer: BalancerState::new(catalogue(), Strategy::Adaptive, weights, 7, now),
            scenario,
            generator: SplitMix64::new(1),
            second: 0,
            requests: 0,
            dashboard: TestDashboard::new(Theme::default()),
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(START + self.second)
    }

    /// Runs until this second after the start.
    fn until(&mut self, second: u64) {
        while self.second < second {
            self.second += 1;
            self.balancer.tick(self.now());
            for _ in 0..RATE {
                self.request();
            }
            let status = self.status();
            self.dashboard.handle(status);
        }
    }

    fn status(&self) -> Status {
        let snapshot = self
            .balancer
            .snapshot(Window::Quarter.seconds(), self.now());
        let instance = InstanceInfo {
            version: "0.0.0".to_owned(),
            environment: "test".to_owned(),
        };
        Status::new(&snapshot, Window::Quarter, &instance, Dropped::default())
    }

    /// One request with failover, completed within its second.
    fn request(&mut self) {
        self.requests += 1;
        let (now, mut tried) = (self.now(), Vec::new());
        let mut end = RequestEnd {
            decision: DecisionId(self.requests),
            identity: Arc::default(),
            request_id: format!("r{}", self.requests),
            started: now,
            ended: now.plus(Duration::from_millis(900)),
            outcome: RequestOutcome::Error(Failure::Server),
            target: None,
            score: None,
            reason: String::new(),
            attempts: 0,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            usage: None,
            cost: None,
            status: None,
            message: None,
            dropped_fields: Vec::new(),
        };
        while end.attempts < ATTEMPTS {
            let table = self.balancer.routing_table(now);
            let profile = RequestProfile {
                tried: &tried,
                ..RequestProfile::usual(ModelType::Chat)
            };
            let random = RandomDraw::of(&mut self.generator);
            let Ok(choice) =
                select_target(&table, &profile, now, random, &mut CandidateSet::default())
            else {
                break;
            };
            let Some(lease) = choice.acquire_lease(&table, now) else {
                break;
            };
            let outcome = (self.scenario)(choice.target.get(), self.second);
            end.attempts += 1;
            end.target = Some(choice.target);
            let succeeded = outcome == Outcome::Success;
            let attempt = attempt_end(choice.target.get(), choice.trial, outcome, now);
            drop(lease);
            self.balancer.observe(&Observation::Attempt(attempt), now);
            if succeeded {
                end.outcome = RequestOutcome::Ok;
                break;
            }
            tried.push(choice.target);
        }
        self.balancer.observe(&Observation::Request(end), now);
    }

    #[track_caller]
    fn assert_shows(&self, (width, height): (u16, u16), expected: &[&str]) {
        let screen = self.dashboard.screen(width, height);
        for text in expected {
            assert!(
                screen.contains(text),
                "{text:?} is missing {} s after the start:\n{screen}",
                self.second
            );
        }
    }
}

fn attempt_end(target: usize, trial: bool, outcome: Outcome, now: UnixTime) -> AttemptEnd {
    let usage = (outcome == Outcome::Success).then_some(Usage {
        input: 200,
        output: 100,
        ..Usage::default()
    });
    AttemptEnd {
        decision: DecisionId(0),
        identity: Arc::default(),
        target: target.into(),
        started: now,
        ended: now.plus(Duration::from_millis(900)),
        first_token: usage.map(|_| 0.3),
        outcome,
        usage: usage.map(MeasuredUsage::exact),
        cost: None,
        streamed: false,
        trial,
        number: 1,
        status: None,
        message: None,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }
}

/// The second vendor fails from the fifth minute to the tenth; the others succeed.
fn outage(vendor: usize, second: u64) -> Outcome {
    if vendor == 1 && (300..600).contains(&second) {
        Outcome::Failed(Failure::Server)
    } else {
        Outcome::Success
    }
}

#[test]
fn the_first_lines_name_the_failing_provider_and_since_when() {
    let mut simulation = Simulation::new(outage);
    simulation.until(299);
    simulation.assert_shows((80, 24), &["no provider in trouble", "100% of"]);

    simulation.until(435);
    // The breaker was half-open and open again meanwhile; that is still the same outage.
    simulation.assert_shows((80, 24), &["!!1", "borealis 2m", "100% of"]);
    simulation.assert_shows((40, 10), &["borealis", "+4 not in trouble"]);
    simulation.dashboard.press("a").unwrap();
    let began = "03:05:0";
    simulation.assert_shows((120, 40), &["ALERTS: 1 in trouble", began, "borealis"]);
    simulation.dashboard.press("Enter").unwrap();
    simulation.assert_shows((120, 40), &["borealis", "server", "── MODELS"]);

    simulation.until(590);
    simulation.assert_shows((80, 24), &["borealis 4m"]);
    simulation.until(720);
    simulation.assert_shows((80, 24), &["no provider in trouble"]);
    simulation.dashboard.press("H").unwrap();
    simulation.assert_shows((120, 40), &["OK borealis"]);
}

#[test]
fn where_all_providers_fail_the_service_is_degraded_or_down() {
    let mut simulation = Simulation::new(|_, second| {
        if second >= 120 {
            Outcome::Failed(Failure::Server)
        } else {
            Outcome::Success
        }
    });
    simulation.until(119);
    simulation.assert_shows((80, 24), &[" OK 100%"]);
    simulation.until(240);
    let screen = simulation.dashboard.screen(80, 24);
    let service = screen.lines().nth(1).unwrap();
    assert!(!service.contains("100%"), "{screen}");
    assert!(
        service.starts_with(" CALLERS DEGRADED") || service.starts_with(" CALLERS DOWN"),
        "{screen}"
    );
    simulation.until(900);
    simulation.assert_shows((80, 24), &["!!"]);
}

#[test]
fn the_dashboard_does_not_grow_over_hours_of_events() {
    let mut simulation = Simulation::new(|vendor, second| {
        // One vendor after the other fails, for a minute each.
        if second / 60 % 5 == vendor as u64 {
            Outcome::Failed(Failure::Server)
        } else {
            Outcome::Success
        }
    });
    simulation.until(1_200);
    simulation
        .dashboard
        .press("w > > Tab > H d H v H Enter H")
        .unwrap();
    let early = simulation.dashboard.stored_rows();
    let screen = simulation.dashboard.screen(120, 40);
    simulation.until(4 * 3_600);
    assert!(
        simulation.dashboard.stored_rows() <= early.max(100 + NAMES.len()),
        "{early}"
    );
    let later = simulation.dashboard.screen(120, 40);
    assert_eq!(screen.lines().count(), later.lines().count());
    assert!(later.contains("07:00:00Z"), "{later}");
}
