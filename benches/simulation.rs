//! The whole table: every scenario, the oracle, the rivals, all worlds of other traffic, and how
//! closely the knobs are followed.
//!
//! `cargo bench --bench simulation -- [fast] [seeds] [from=SEED] [section…] [world=NAME,…]`
//! - `fast`: the scenarios in the short form that the tests play;
//! - a number: how many seeds, 3 if absent; `from=101` begins with that seed instead of 1;
//! - sections: `losses`, `worlds`, `moves`, `knobs`, `futures`, `hedging`; all of them if absent;
//! - `world=L1,M2u`: only these worlds, or all whose names begin so with `world=H*`.
//!
//! All sections take tens of minutes.

#[path = "simulation/mod.rs"]
mod simulation;

use aibal_tui::domain::{ForecastEffort, Strategy, Weights};
use simulation::futures::{
    NamedDraft, Truth, drafts, error, predict, predicted_shares, truth, watched,
};
use simulation::hedging::{Hedged, hedged};
use simulation::report::{Figures, diversion, figures, oscillation};
use simulation::run::{Outcome, Who, run};
use simulation::scenario::Scenario;
use simulation::worlds::world;
use std::fmt::Write;

/// S11 is no scenario of ours: it was for probes that cost money.
const SCENARIOS: [&str; 11] = [
    "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S12",
];
const PLAYERS: [(&str, Who); 9] = [
    ("oracle", Who::Oracle),
    ("round-robin", Who::Ours(Strategy::RoundRobin)),
    ("least-busy", Who::Ours(Strategy::LeastBusy)),
    ("lowest-latency", Who::Ours(Strategy::LowestLatency)),
    ("lowest-cost", Who::Ours(Strategy::LowestCost)),
    ("p2c-peak-ewma", Who::PeakEwma),
    ("best", Who::Ours(Strategy::Best)),
    ("weighted", Who::Ours(Strategy::Weighted)),
    ("adaptive", OURS),
];
/// The worlds in which every weight is turned: the plain one, and whole answers of several sorts.
const KNOB_WORLDS: [&str; 7] = ["K", "Ku", "E1", "L1", "T1", "M1", "P1u"];
const OURS: Who = Who::Ours(Strategy::Adaptive);

/// Worlds of one sort.
struct Group {
    name: &'static str,
    worlds: &'static [&'static str],
}

/// All groups, in the order of the report.
const GROUPS: [Group; 12] = [
    Group {
        name: "streams",
        worlds: &[
            "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S12",
        ],
    },
    Group {
        name: "whole answers",
        worlds: &[
            "S1u", "S2u", "S3u", "S4u", "S5u", "S6u", "S7u", "S8u", "S9u", "S10u", "S12u",
        ],
    },
    Group {
        name: "short answers",
        worlds: &["E1", "E2", "E3", "L1", "L2", "L3", "T1", "T2", "T3"],
    },
    Group {
        name: "mixed",
        worlds: &["M1", "M2", "M3", "M4", "M5", "M6"],
    },
    Group {
        name: "prompt lengths",
        worlds: &["P1", "P2", "P3"],
    },
    Group {
        name: "prompt lengths, whole",
        worlds: &["P1u", "P2u", "P3u"],
    },
    Group {
        name: "heavy tails",
        worlds: &["H1", "H2", "H3", "H4", "H1u", "H2u", "H3u"],
    },
    Group {
        name: "few requests",
        worlds: &["Q1", "Q2", "Q3", "Q1u", "Q2u"],
    },
    Group {
        name: "flapping",
        worlds: &["F3", "F10", "F30", "F3u", "F10u", "F30u"],
    },
    Group {
        name: "fleets",
        worlds: &["N2", "N8", "N20", "N2u", "N8u", "N20u"],
    },
    Group {
        name: "several keys",
        worlds: &["A1", "A2", "A3", "A4"],
    },
    Group {
        name: "prompt caches",
        worlds: &["C1", "C2", "C3", "C4", "C5"],
    },
];

/// The arguments of the command line.
struct Arguments {
    fast: bool,
    seeds: Vec<u64>,
    sections: Vec<String>,
    worlds: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
        let seeds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(3);
        let first = value("from=")
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(1);
        let sections = ["losses", "worlds", "moves", "knobs", "futures", "hedging"];
        let named = |word: &&String| sections.contains(&word.as_str());
        Self {
            fast: words.iter().any(|word| word == "fast"),
            seeds: (first..first + seeds).collect(),
            sections: words.iter().filter(named).cloned().collect(),
            worlds: value("world=")
                .map(|names| names.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }

    fn plays(&self, world: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(begin) => world.starts_with(begin),
            None => world == wanted,
        };
        self.worlds.is_empty() || self.worlds.iter().any(fits)
    }

    /// At its full length, or in the short form of the tests.
    fn scenario(&self, name: &'static str) -> Scenario {
        let scenario = world(name);
        if self.fast && name.starts_with(['S', 'K']) {
            scenario.fast()
        } else {
            scenario
        }
    }
}

fn main() {
    let arguments = Arguments::read();
    if arguments.wants("losses") {
        say(&losses(&arguments));
    }
    if arguments.wants("worlds") {
        worlds(&arguments);
    }
    if arguments.wants("moves") {
        say(&moves(&arguments));
    }
    if arguments.wants("futures") {
        futures(&arguments);
    }
    if arguments.wants("hedging") {
        hedging(&arguments);
    }
    if arguments.wants("knobs") {
        for name in KNOB_WORLDS.into_iter().filter(|name| arguments.plays(name)) {
            say(&knobs(&arguments, name));
        }
    }
}

#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
fn say(text: &str) {
    println!("{text}");
}

fn mean(runs: &[Figures]) -> Figures {
    let n = runs.len() as f64;
    let sum = |of: fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / n;
    Figures {
        loss: sum(|run| run.loss),
        failures: sum(|run| run.failures),
        refusals: sum(|run| run.refusals),
    }
}

/// Loss, failures and 429s of everybody everywhere at 30/40/30.
fn losses(arguments: &Arguments) -> String {
    let weights = Weights::default();
    let mut text =
        String::from("mean loss x 1000 / client failures per 10,000 / 429s per 1000\n\n");
    let header = PLAYERS.map(|(name, _)| format!(" {name:>16}")).concat();
    let _ = writeln!(text, "{:4}{header}   regret", "");
    for name in SCENARIOS.into_iter().filter(|name| arguments.plays(name)) {
        let scenario = arguments.scenario(name);
        let played = PLAYERS.map(|(_, who)| {
            let one = |seed| figures(&scenario, &run(&scenario, who, weights, seed), &weights);
            mean(&arguments.seeds.iter().copied().map(one).collect::<Vec<_>>())
        });
        let cells = played.map(|figures| {
            let Figures {
                loss,
                failures,
                refusals,
            } = figures;
            format!(" {:>16}", format!("{loss:.0}/{failures:.1}/{refusals:.1}"))
        });
        let regret = 100.0 * (played[PLAYERS.len() - 1].loss / played[0].loss - 1.0);
        let _ = writeln!(
            text,
            "{:4}{} {regret:>+7.1}%",
            scenario.name,
            cells.concat()
        );
    }
    text
}

/// A strategy can be better than the oracle, which does not price the load that it adds; in the
/// mean of a group a world counts with no less than this, in percent.
const MIN_REGRET: f64 = -1.0;

/// Loss of the oracle and of `adaptive`, and the regret of each world and group.
fn worlds(arguments: &Arguments) {
    let weights = Weights::default();
    say("worlds: oracle, adaptive, regret; client failures per 10,000\n");
    for group in GROUPS {
        let mut regrets = Vec::new();
        for name in group.worlds.iter().filter(|name| arguments.plays(name)) {
            let scenario = arguments.scenario(name);
            let played = [Who::Oracle, OURS].map(|who| {
                let one =
                    |&seed: &u64| figures(&scenario, &run(&scenario, who, weights, seed), &weights);
                mean(&arguments.seeds.iter().map(one).collect::<Vec<_>>())
            });
            let regret = 100.0 * (played[1].loss / played[0].loss - 1.0);
            regrets.push(regret.max(MIN_REGRET));
            say(&format!(
                "  {name:5} {:>7.1} {:>7.1} {regret:>+7.1} %  {:>6.1}",
                played[0].loss, played[1].loss, played[1].failures
            ));
        }
        if !regrets.is_empty() {
            let mean = regrets.iter().sum::<f64>() / regrets.len() as f64;
            say(&format!("{:24} mean {mean:>+6.2} %", group.name));
        }
    }
    say("");
}

/// Worlds in which forecasts are tested, with their requests per second.
const FORECAST_WORLDS: [(&str, f64); 3] = [("S1", 8.0), ("S1", 30.0), ("M6", 12.0)];

/// Errors of forecasts against the mean of three futures: shares in points, cost and p95 in percent,
/// and how many shares of single futures lie within their ranges.
fn futures(arguments: &Arguments) {
    for (name, rate) in FORECAST_WORLDS {
        if !arguments.plays(name) {
            continue;
        }
        let scenario = watched(world(name), rate);
        // Unchanged and moved: number, errors of shares, of the cost, of the open loop.
        let mut sums = [(0.0, 0.0, 0.0, 0.0); 2];
        for &seed in &arguments.seeds {
            let largest = 2;
            for NamedDraft {
                name: draft_name,
                draft,
            } in drafts(largest)
            {
                let played: Vec<_> = (1..=3)
                    .map(|future| simulation::futures::future(&scenario, seed, &draft, future))
                    .collect();
                let truths: Vec<Truth> = played.iter().map(|it| truth(&scenario, it)).collect();
                let real = simulation::futures::mean(&truths);
                let known = played[0].known.as_ref().expect("our balancer played");
                let predicted = predict(&known.data, &draft, ForecastEffort::Full);
                let shares = predicted_shares(&predicted, scenario.vendors.len());
                let held = truths
                    .iter()
                    .flat_map(|truth| truth.shares.iter().zip(&shares));
                let held = held
                    .filter(|(real, (_, low, high))| (low..=high).contains(real))
                    .count();
                let percent = |a: f64, b: f64| 100.0 * (a / b - 1.0);
                let usd = predicted.then.usd_per_1k.unwrap_or_default().value;
                let sum = &mut sums[usize::from(draft_name != "unchanged")];
                sum.0 += 1.0;
                sum.1 += error(&shares, &real);
                sum.2 += percent(usd, real.usd_per_1k).abs();
                let open: Vec<_> = known.open_loop.iter().map(|it| (*it, 0.0, 0.0)).collect();
                sum.3 += error(&open, &real);
                let p95 = predicted.then.p95_ms.unwrap_or_default().value / 1e3;
                let chance = truths.iter().map(|it| error(&shares, it)).sum::<f64>() / 3.0;
                say(&format!(
                    "{name} {rate:>4} {seed} {draft_name:10} {:>5.2} single {chance:>5.2} $ {:>+5.1} % p95 {:>+5.1} % held {held}/{} self {:.1}",
                    error(&shares, &real),
                    percent(usd, real.usd_per_1k),
                    percent(p95, real.p95),
                    3 * shares.len(),
                    predicted.self_test_points,
                ));
            }
        }
        for (kind, (n, points, cost, open)) in ["unchanged", "moved"].iter().zip(sums) {
            let (points, cost, open) = (points / n, cost / n, open / n);
            say(&format!(
                "{name} {rate} {kind}: mean {points:.2} points, $ {cost:.1} %; open loop {open:.2}"
            ));
        }
    }
}

/// Worlds in which hedging is judged: outliers of several sorts, and none.
const HEDGING_WORLDS: [&str; 8] = ["H1", "H2", "H3", "H4", "S1", "M2", "S2", "S10"];

/// First tokens and cost without hedging, and with it.
fn hedging(arguments: &Arguments) {
    say("hedging off, p99, p95: first token p50, p95, p99 in seconds; $ per 1000; hedges\n");
    let played = HEDGING_WORLDS.into_iter();
    for name in played.filter(|name| arguments.plays(name)) {
        let scenario = arguments.scenario(name);
        for &seed in &arguments.seeds {
            let runs = hedged(&scenario, seed);
            let off = runs[0];
            for Hedged {
                first_token: [p50, p95, p99],
                usd_per_1k,
                hedges,
            } in runs
            {
                let times = p99 / off.first_token[2];
                let more = 100.0 * (usd_per_1k / off.usd_per_1k - 1.0);
                let hedges = 100.0 * hedges;
                say(&format!(
                    "{name:4} {seed} {p50:>6.2} {p95:>6.2} {p99:>6.2} (x {times:.2})  $ {usd_per_1k:>8.4} ({more:>+5.1} %)  {hedges:>5.1} %"
                ));
            }
        }
    }
}

/// How fast traffic leaves trouble and comes back, and how still it stands without.
fn moves(arguments: &Arguments) -> String {
    let played = |name, seed| {
        let scenario = arguments.scenario(name);
        let outcomes = run(&scenario, OURS, Weights::default(), seed);
        (scenario, outcomes)
    };
    let mut text = String::from("seconds until 95 % have left, and until 80 % are back\n\n");
    for name in ["S2", "S3", "S4"] {
        let times = arguments.seeds.iter().map(|&seed| {
            let (scenario, outcomes) = played(name, seed);
            let shown = |time: Option<f64>| time.map_or("never".to_owned(), |s| format!("{s:.0}"));
            let (away, back) = diversion(&scenario, &outcomes);
            format!("  {} and {}", shown(away), shown(back))
        });
        let _ = writeln!(text, "{name}{}", times.collect::<String>());
    }
    let (scenario, outcomes) = played("S1", arguments.seeds[0]);
    let swing = oscillation(&scenario, &outcomes);
    let _ = writeln!(text, "\nS1: shares of 30 s move by {swing:.1} points");
    text
}

/// What each objective comes to as its weight goes from 0 to 100 in steps of 5: steps in the wrong
/// direction of more than 1 % of the range, rank correlation, largest step.
fn knobs(arguments: &Arguments, name: &'static str) -> String {
    let scenario = arguments.scenario(name);
    let mut text = format!("knobs in {name}: wrong steps, rank correlation, largest step\n\n");
    for (place, name) in ["cost", "latency", "reliability"].into_iter().enumerate() {
        let bads: Vec<f64> = (0..=20)
            .map(|step| {
                let points = f64::from(step) * 5.0;
                let rest = (100.0 - points) / 2.0;
                let of = |at| if at == place { points } else { rest };
                let weights = Weights {
                    cost: of(0),
                    latency: of(1),
                    reliability: of(2),
                    ..Weights::default()
                };
                attained(
                    &scenario,
                    &run(&scenario, OURS, weights, arguments.seeds[0]),
                    place,
                )
            })
            .collect();
        let highest = bads.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = bads.iter().copied().fold(f64::INFINITY, f64::min);
        let range = (highest - lowest).max(1e-12);
        let steps: Vec<f64> = bads
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) / range)
            .collect();
        let wrong = steps.iter().filter(|step| **step > 0.01).count();
        let largest = steps.iter().map(|step| step.abs()).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "{name:12} {wrong:>2} {:>6.2} {:>5.0} %   from {:.4} to {:.4}",
            rank_correlation(&bads),
            largest * 100.0,
            bads[0],
            bads[20]
        );
    }
    text
}

/// USD for a thousand requests, latency over its reference, or error rate.
fn attained(scenario: &Scenario, outcomes: &[Outcome], objective: usize) -> f64 {
    let bad = |outcome: &Outcome| match objective {
        0 => outcome.usd * 1e3,
        1 => outcome.latency / (2.0 + 0.030 * outcome.request.output),
        // The failure rate of the selected vendor, for failures are too few to count.
        _ => outcome
            .first
            .map_or(1.0, |first| scenario.vendors[first].errors),
    };
    outcomes.iter().map(bad).sum::<f64>() / outcomes.len() as f64
}

/// Spearman's, of values against their places.
fn rank_correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    // Equal values share the mean of their ranks.
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + (equal - 1.0) / 2.0
    };
    let middle = (n - 1.0) / 2.0;
    let (mut product, mut places, mut ranks) = (0.0, 0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let (place, rank) = (place as f64 - middle, rank(value) - middle);
        product += place * rank;
        places += place * place;
        ranks += rank * rank;
    }
    product / (places * ranks).sqrt().max(1e-12)
}
