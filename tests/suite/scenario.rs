//! An instance and its vendors under a clock of their own, and what the dashboard says of them at
//! given moments. Nothing waits and nothing listens: hours pass in a second.

use aibal_tui::contract::{Dropped, InstanceInfo, Status, Window};
use aibal_tui::domain::{
    AttemptEnd, AttemptStart, BalancerState, CandidateSet, Capabilities, Catalogue, DecisionId,
    Failure, MeasuredUsage, ModelType, ModelTypes, Observation, Outcome, Price, Provider,
    RandomDraw, RequestEnd, RequestOutcome, RequestProfile, SplitMix64, Strategy, Target, TargetId,
    UnixTime, UpstreamLimits, Usage, Weights, select_target,
};
use aibal_tui::tui::{TestDashboard, Theme};
use std::time::Duration;

/// 2026-11-24 03:00:00 UTC.
const START: u64 = 1_795_489_200;
const NAMES: [&str; 5] = ["aurora", "borealis", "cumulus", "google", "local"];
/// Client requests in a second, and attempts for each.
const RATE: u64 = 4;
const ATTEMPTS: u32 = 3;

/// What happens to the vendors, by the second.
type Scenario = fn(vendor: usize, second: u64) -> Outcome;

struct World {
    fleet: BalancerState,
    scenario: Scenario,
    chance: SplitMix64,
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

impl World {
    fn new(scenario: Scenario) -> Self {
        let (weights, now) = (Weights::default(), UnixTime::from_seconds(START));
        Self {
            fleet: BalancerState::new(catalogue(), Strategy::Adaptive, weights, 7, now),
            scenario,
            chance: SplitMix64::new(7),
            second: 0,
            requests: 0,
            dashboard: TestDashboard::new(Theme::default()),
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(START + self.second)
    }

    /// Up to this second after the start.
    fn until(&mut self, second: u64) {
        while self.second < second {
            self.second += 1;
            self.fleet.tick(self.now());
            for _ in 0..RATE {
                self.request();
            }
            let status = self.status();
            self.dashboard.handle(status);
        }
    }

    fn status(&self) -> Status {
        let picture = self.fleet.snapshot(Window::Quarter.seconds(), self.now());
        let instance = InstanceInfo {
            version: "0.0.0".to_owned(),
            environment: "test".to_owned(),
        };
        Status::new(&picture, Window::Quarter, &instance, Dropped::default())
    }

    /// One request, answered within its second by the first that does not fail.
    fn request(&mut self) {
        self.requests += 1;
        let (now, mut tried) = (self.now(), Vec::new());
        let mut end = RequestEnd {
            decision: DecisionId(self.requests),
            request_id: format!("r{}", self.requests),
            started: now,
            ended: now.plus(Duration::from_millis(900)),
            outcome: RequestOutcome::Error(Failure::Server),
            target: None,
            score: None,
            reason: String::new(),
            attempts: 0,
            usage: None,
            cost: None,
        };
        while end.attempts < ATTEMPTS {
            let table = self.fleet.routing_table(now);
            let ask = RequestProfile {
                tried: &tried,
                ..RequestProfile::usual(ModelType::Chat)
            };
            let luck = RandomDraw::of(&mut self.chance);
            let Ok(choice) = select_target(&table, &ask, now, luck, &mut CandidateSet::default())
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
            let attempt = answered(choice.target.get(), choice.trial, outcome, now);
            drop(lease);
            self.fleet.observe(&Observation::Attempt(attempt), now);
            if succeeded {
                end.outcome = RequestOutcome::Ok;
                break;
            }
            tried.push(choice.target);
        }
        self.fleet.observe(&Observation::Request(end), now);
    }

    #[track_caller]
    fn says(&self, (width, height): (u16, u16), expected: &[&str]) {
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

fn answered(target: usize, trial: bool, outcome: Outcome, now: UnixTime) -> AttemptEnd {
    let usage = (outcome == Outcome::Success).then_some(Usage {
        input: 200,
        output: 100,
        ..Usage::default()
    });
    AttemptEnd {
        target: target.into(),
        started: now,
        ended: now.plus(Duration::from_millis(900)),
        first_token: usage.map(|_| 0.3),
        outcome,
        usage: usage.map(MeasuredUsage::exact),
        cost: None,
        streamed: false,
        trial,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }
}

/// Everybody is well but the second, from the fifth minute to the tenth.
fn outage(vendor: usize, second: u64) -> Outcome {
    if vendor == 1 && (300..600).contains(&second) {
        Outcome::Failed(Failure::Server)
    } else {
        Outcome::Success
    }
}

#[test]
fn the_first_glance_says_who_is_in_trouble_and_since_when() {
    let mut world = World::new(outage);
    world.until(299);
    world.says((80, 24), &["no provider in trouble", "100% of"]);

    world.until(435);
    // The breaker has been half-open and open again meanwhile: that is still the same trouble.
    world.says((80, 24), &["!!1", "borealis 2m", "100% of"]);
    world.says((40, 10), &["borealis", "+4 not in trouble"]);
    world.dashboard.press("a").unwrap();
    let began = "03:05:0";
    world.says((120, 40), &["ALERTS: 1 in trouble", began, "borealis"]);
    world.dashboard.press("Enter").unwrap();
    world.says((120, 40), &["borealis", "server", "── MODELS"]);

    world.until(590);
    world.says((80, 24), &["borealis 4m"]);
    world.until(720);
    world.says((80, 24), &["no provider in trouble"]);
    world.dashboard.press("H").unwrap();
    world.says((120, 40), &["CLOSED"]);
}

#[test]
fn where_everybody_fails_the_callers_are_said_to_be_hurt() {
    let mut world = World::new(|_, second| {
        if second >= 120 {
            Outcome::Failed(Failure::Server)
        } else {
            Outcome::Success
        }
    });
    world.until(119);
    world.says((80, 24), &[" OK 100%"]);
    world.until(240);
    let screen = world.dashboard.screen(80, 24);
    let service = screen.lines().nth(1).unwrap();
    assert!(!service.contains("100%"), "{screen}");
    assert!(
        service.starts_with(" DEGRADED") || service.starts_with(" DOWN"),
        "{screen}"
    );
    world.until(900);
    world.says((80, 24), &["!!"]);
}

#[test]
fn hours_of_news_leave_nothing_behind() {
    let mut world = World::new(|vendor, second| {
        // Somebody is always in trouble, in turn.
        if second / 60 % 5 == vendor as u64 {
            Outcome::Failed(Failure::Server)
        } else {
            Outcome::Success
        }
    });
    world.until(1_200);
    world
        .dashboard
        .press("w > > Tab > H d H v H Enter H")
        .unwrap();
    let early = world.dashboard.kept();
    let screen = world.dashboard.screen(120, 40);
    world.until(4 * 3_600);
    assert!(
        world.dashboard.kept() <= early.max(100 + NAMES.len()),
        "{early}"
    );
    let later = world.dashboard.screen(120, 40);
    assert_eq!(screen.lines().count(), later.lines().count());
    assert!(later.contains("07:00:00Z"), "{later}");
}
