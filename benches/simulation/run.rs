//! One run: the clock, the attempts, and the retry engine that all players share.

use super::luck::Dice;
use super::oracle;
use super::ours::Ours;
use super::peak_ewma::PeakEwma;
use super::player::{AttemptId, End, Known, Player};
use super::scenario::Scenario;
use super::traffic::{Request, requests};
use super::vendor::{Fate, Headers, Vendor};
use aibal_tui::domain::{SettingsDraft, Strategy, Weights};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Attempts for one request, each at another vendor.
const ATTEMPTS: usize = 3;
/// With less time left no further attempt is begun.
const LEAST_TIME: f64 = 0.5;
const TICK: f64 = 0.25;

/// Who balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Oracle,
    PeakEwma,
    Ours(Strategy),
}

/// An attempt at a whole answer gets this part of the time that is left, so that another can follow.
const ATTEMPT_SHARE: f64 = 0.6;

/// Seconds after which an attempt is cut: that brings no first token, or no whole answer.
fn patience(request: &Request, left: f64) -> f64 {
    if request.streamed {
        request.work.first_token_timeout()
    } else {
        left * ATTEMPT_SHARE
    }
}

impl Request {
    fn is_in_time(&self, first_token: f64, per_token: f64, patience: f64) -> bool {
        if self.streamed {
            first_token <= patience
        } else {
            first_token + per_token * self.output <= patience
        }
    }
}

/// What became of one client request.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub request: Request,
    /// Who was chosen first.
    pub first: Option<usize>,
    pub first_failed: bool,
    pub failed: bool,
    /// Seconds until its end.
    pub latency: f64,
    pub usd: f64,
    pub attempts: u32,
    pub refusals: u32,
    /// Attempts with a key that was not accepted.
    pub denials: u32,
    /// Seconds until the first token of a stream.
    pub first_token: Option<f64>,
    /// Whether a second attempt ran beside a late one.
    pub hedged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Happening {
    Arrives(usize),
    FirstToken(AttemptId, f64),
    IsLate(AttemptId),
    Ends(AttemptId, End),
    Appears(usize),
    Changes,
    Ticks,
}

/// A moment in microseconds, and an order among equals.
type When = Reverse<(u64, u64)>;

struct Running {
    request: usize,
    vendor: usize,
    headers: Option<Headers>,
}

/// A change of the settings, and other traffic from then on.
#[derive(Debug, Clone)]
pub struct Change {
    pub at: f64,
    pub draft: SettingsDraft,
    /// Seed of the traffic and the luck after it.
    pub future: u64,
}

/// A run with a change.
pub struct Changed {
    pub outcomes: Vec<Outcome>,
    /// The vendors that each request tried.
    pub tried: Vec<Vec<usize>>,
    /// What was known at the change.
    pub known: Option<Known>,
}

struct World<'s> {
    scenario: &'s Scenario,
    weights: Weights,
    seed: u64,
    change: Option<&'s Change>,
    known: Option<Known>,
    vendors: Vec<Vendor>,
    player: Option<Box<dyn Player>>,
    outcomes: Vec<Outcome>,
    tried: Vec<Vec<usize>>,
    running: BTreeMap<AttemptId, Running>,
    /// The other attempt of each one that runs beside another.
    rivals: BTreeMap<AttemptId, AttemptId>,
    agenda: BinaryHeap<When>,
    happenings: BTreeMap<u64, Happening>,
    next: u64,
}

/// Plays a scenario to its end.
pub fn run(scenario: &Scenario, who: Who, weights: Weights, seed: u64) -> Vec<Outcome> {
    let player: Option<Box<dyn Player>> = match who {
        Who::Oracle => None,
        Who::PeakEwma => Some(Box::new(PeakEwma::new(scenario, seed))),
        Who::Ours(strategy) => Some(Box::new(Ours::new(scenario, strategy, weights, seed))),
    };
    play(scenario, weights, (seed, player), None).outcomes
}

/// Plays a scenario with a change of the settings of our balancer.
pub fn run_changed(scenario: &Scenario, weights: Weights, seed: u64, change: &Change) -> Changed {
    let player = Ours::new(scenario, Strategy::Adaptive, weights, seed).recording();
    play(
        scenario,
        weights,
        (seed, Some(Box::new(player))),
        Some(change),
    )
}

fn play(
    scenario: &Scenario,
    weights: Weights,
    (seed, player): (u64, Option<Box<dyn Player>>),
    change: Option<&Change>,
) -> Changed {
    let mut requests = requests(scenario, seed);
    if let Some(change) = change {
        requests.retain(|request| request.at < change.at);
        let later = self::requests(scenario, change.future);
        let later = later.into_iter().filter(|request| request.at >= change.at);
        requests.extend(later.map(|request| Request {
            id: request.id + (change.future << 32),
            ..request
        }));
    }
    let outcome = |request: &Request| Outcome {
        request: *request,
        first: None,
        first_failed: false,
        failed: false,
        latency: 0.0,
        usd: 0.0,
        attempts: 0,
        refusals: 0,
        denials: 0,
        first_token: None,
        hedged: false,
    };
    let mut world = World {
        scenario,
        weights,
        seed,
        change,
        known: None,
        vendors: scenario
            .vendors
            .iter()
            .map(|&profile| Vendor::new(profile))
            .collect(),
        player,
        outcomes: requests.iter().map(outcome).collect(),
        tried: vec![Vec::new(); requests.len()],
        running: BTreeMap::new(),
        rivals: BTreeMap::new(),
        agenda: BinaryHeap::new(),
        happenings: BTreeMap::new(),
        next: 0,
    };
    for (place, request) in requests.iter().enumerate() {
        world.plan(request.at, Happening::Arrives(place));
    }
    for vendor in 0..scenario.vendors.len() {
        if scenario.mood(vendor, 0.0).is_absent {
            let (_, _, until) = scenario.trouble();
            world.plan(until, Happening::Appears(vendor));
        }
    }
    world.plan(TICK, Happening::Ticks);
    if let Some(change) = change {
        world.plan(change.at, Happening::Changes);
    }
    while world.step() {}
    Changed {
        outcomes: world.outcomes,
        tried: world.tried,
        known: world.known,
    }
}

impl World<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times of a run are positive and short"
    )]
    fn plan(&mut self, t: f64, happening: Happening) {
        self.next += 1;
        self.agenda.push(Reverse(((t * 1e6) as u64, self.next)));
        self.happenings.insert(self.next, happening);
    }

    fn step(&mut self) -> bool {
        let Some(Reverse((micros, number))) = self.agenda.pop() else {
            return false;
        };
        let t = micros as f64 / 1e6;
        match self.happenings.remove(&number) {
            Some(Happening::Arrives(request)) => self.attempt(request, t),
            Some(Happening::FirstToken(attempt, seconds)) => self.first_token(attempt, seconds, t),
            Some(Happening::IsLate(attempt)) => self.hedge(attempt, t),
            Some(Happening::Ends(attempt, end)) => self.end(attempt, end, t),
            Some(Happening::Appears(vendor)) => {
                if let Some(player) = &mut self.player {
                    player.appears(vendor, t);
                }
            }
            Some(Happening::Changes) => {
                if let (Some(player), Some(change)) = (&mut self.player, self.change) {
                    self.known = player.change(&change.draft, t);
                }
            }
            Some(Happening::Ticks) => {
                if let Some(player) = &mut self.player {
                    player.tick(t);
                }
                if t < self.scenario.length {
                    self.plan(t + TICK, Happening::Ticks);
                }
            }
            None => {}
        }
        true
    }

    fn choose(&mut self, at: usize, attempt: AttemptId, t: f64) -> Option<usize> {
        let (request, tried) = (self.outcomes[at].request, &self.tried[at]);
        match &mut self.player {
            Some(player) => player.choose(&request, tried, attempt, t),
            None => oracle::choose(
                self.scenario,
                &mut self.vendors,
                &self.weights,
                (&request, tried),
                t,
            ),
        }
    }

    fn attempt(&mut self, at: usize, t: f64) {
        let attempt = AttemptId(self.next);
        let Some(place) = self.choose(at, attempt, t) else {
            return self.give_up(at, t);
        };
        let delay = self.player.as_ref().and_then(|it| it.hedge_delay(attempt));
        if let Some(delay) = delay {
            self.plan(t + delay, Happening::IsLate(attempt));
        }
        self.begin(at, attempt, place, t);
    }

    /// Begins a second attempt beside one that is late.
    fn hedge(&mut self, late: AttemptId, t: f64) {
        let Some(at) = self.running.get(&late).map(|running| running.request) else {
            return;
        };
        let outcome = &self.outcomes[at];
        if outcome.first_token.is_some() || self.tried[at].len() >= ATTEMPTS {
            return;
        }
        let (request, second) = (outcome.request, AttemptId(self.next));
        let Some(player) = &mut self.player else {
            return;
        };
        let Some(place) = player.hedge(&request, &self.tried[at], second, t) else {
            return;
        };
        self.next += 1;
        self.outcomes[at].hedged = true;
        self.rivals.insert(late, second);
        self.rivals.insert(second, late);
        self.begin(at, second, place, t);
    }

    /// The first token of an attempt, which ends the one beside it: that is billed for its prompt.
    fn first_token(&mut self, attempt: AttemptId, seconds: f64, t: f64) {
        let Some(running) = self.running.get(&attempt) else {
            return;
        };
        if let Some(player) = &mut self.player {
            player.first_token(attempt, running.vendor, seconds, running.headers, t);
        }
        let outcome = &mut self.outcomes[running.request];
        outcome.first_token.get_or_insert(t - outcome.request.at);
        let Some(rival) = self.rivals.remove(&attempt) else {
            return;
        };
        let Some(lost) = self.running.remove(&rival) else {
            return;
        };
        let vendor = &mut self.vendors[lost.vendor];
        vendor.in_flight -= 1;
        outcome.usd += vendor.profile.cost(outcome.request.input, 0.0);
        if let Some(player) = &mut self.player {
            player.lose(rival, lost.vendor, t);
        }
    }

    fn begin(&mut self, at: usize, attempt: AttemptId, place: usize, t: f64) {
        let request = self.outcomes[at].request;
        let nth = self.tried[at].len() as u64;
        self.outcomes[at].attempts += 1;
        self.outcomes[at].first.get_or_insert(place);
        self.tried[at].push(place);
        let mood = self.scenario.mood(place, t);
        let key = self.player.as_ref().and_then(|player| player.key(attempt));
        let vendor = &mut self.vendors[place];
        vendor.in_flight += 1;
        let key = key.unwrap_or_else(|| vendor.best_key(&mood, t));
        let mut dice = Dice::of(&[self.seed, request.id, place as u64, nth]);
        let fate = vendor.attempt(&mood, (&request, key), &mut dice, (t, self.scenario.day));
        let running = Running {
            request: at,
            vendor: place,
            headers: vendor
                .headers(key, &mood, t)
                .filter(|_| self.scenario.states_limits),
        };
        self.running.insert(attempt, running);
        self.unfold(attempt, &request, fate, t);
    }

    /// Plans what an attempt's fate comes to.
    fn unfold(&mut self, attempt: AttemptId, request: &Request, fate: Fate, t: f64) {
        let left = request.deadline() - t;
        let patience = patience(request, left);
        let (after, end) = match fate {
            Fate::Answered {
                first_token,
                per_token,
                cached,
            } if request.is_in_time(first_token, per_token, patience) => {
                let total = first_token + per_token * request.output;
                if request.streamed && first_token < left {
                    self.plan(t + first_token, Happening::FirstToken(attempt, first_token));
                }
                let tokens = request.output;
                (
                    total,
                    End::Answered {
                        tokens,
                        first_token,
                        cached,
                    },
                )
            }
            Fate::Answered { .. } | Fate::Silent => (patience, End::Silent),
            Fate::Failed { after } => (after, End::Failed),
            Fate::Refused { after, retry_after } => (after, End::Refused { retry_after }),
            Fate::Denied { after } => (after, End::Denied),
        };
        if after <= left {
            self.plan(t + after, Happening::Ends(attempt, end));
            return;
        }
        let first_token = match end {
            End::Answered { first_token, .. } if request.streamed && first_token < left => {
                Some(first_token)
            }
            _ => None,
        };
        self.plan(
            t + left,
            Happening::Ends(attempt, End::Late { first_token }),
        );
    }

    fn end(&mut self, attempt: AttemptId, end: End, t: f64) {
        let Some(running) = self.running.remove(&attempt) else {
            return;
        };
        self.vendors[running.vendor].in_flight -= 1;
        if let Some(player) = &mut self.player {
            player.end(attempt, running.vendor, end, running.headers, t);
        }
        let at = running.request;
        if let End::Answered { tokens, cached, .. } = end {
            let profile = self.vendors[running.vendor].profile;
            let outcome = &mut self.outcomes[at];
            outcome.usd += profile.cost(outcome.request.input, tokens) - profile.saving(cached);
            outcome.latency = t - outcome.request.at;
            if let Some(player) = &mut self.player {
                player.answered(&outcome.request, tokens);
            }
            return;
        }
        let rival = self.rivals.remove(&attempt);
        let outcome = &mut self.outcomes[at];
        outcome.first_failed = true;
        outcome.refusals += u32::from(matches!(end, End::Refused { .. }));
        outcome.denials += u32::from(end == End::Denied);
        if rival.is_some_and(|rival| self.running.contains_key(&rival)) {
            return;
        }
        let left = outcome.request.deadline() - t;
        let may_go_on = !matches!(end, End::Late { .. })
            && self.tried[at].len() < ATTEMPTS
            && left > LEAST_TIME
            && self
                .player
                .as_mut()
                .is_none_or(|player| player.may_retry(t));
        if may_go_on {
            self.attempt(at, t);
        } else {
            self.give_up(at, t);
        }
    }

    fn give_up(&mut self, at: usize, t: f64) {
        let outcome = &mut self.outcomes[at];
        outcome.failed = true;
        outcome.first_failed = true;
        outcome.latency = t - outcome.request.at;
    }
}
