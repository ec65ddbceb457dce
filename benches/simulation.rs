//! The whole table: every scenario, the oracle, the rivals, and how closely the knobs are followed.
//! Run with `cargo bench --bench simulation`; it takes some minutes. `cargo bench --bench
//! simulation -- fast 1` plays the short form that the tests play, and one seed instead of three.

#[path = "simulation/mod.rs"]
mod simulation;

use aibal_tui::domain::{Strategy, Weights};
use simulation::report::{Figures, diversion, figures, oscillation};
use simulation::run::{Outcome, Who, run};
use simulation::scenario::Scenario;
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
const OURS: Who = Who::Ours(Strategy::Adaptive);

fn main() {
    let seeds = std::env::args().find_map(|word| word.parse().ok());
    let seeds: u64 = seeds.unwrap_or(3);
    say(&losses(seeds));
    say(&moves(seeds));
    say(&knobs());
}

/// At its full length, or for `-- fast` in the short form that the tests play.
fn scenario(name: &'static str) -> Scenario {
    let scenario = Scenario::named(name);
    if std::env::args().any(|word| word == "fast") {
        scenario.fast()
    } else {
        scenario
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
fn losses(seeds: u64) -> String {
    let weights = Weights::default();
    let mut text =
        String::from("mean loss x 1000 / client failures per 10,000 / 429s per 1000\n\n");
    let header = PLAYERS.map(|(name, _)| format!(" {name:>16}")).concat();
    let _ = writeln!(text, "{:4}{header}   regret", "");
    for scenario in SCENARIOS.map(scenario) {
        let played = PLAYERS.map(|(_, who)| {
            let one = |seed| figures(&scenario, &run(&scenario, who, weights, seed), &weights);
            mean(&(1..=seeds).map(one).collect::<Vec<_>>())
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

/// How fast traffic leaves trouble and comes back, and how still it stands without.
fn moves(seeds: u64) -> String {
    let played = |name, seed| {
        let scenario = scenario(name);
        let outcomes = run(&scenario, OURS, Weights::default(), seed);
        (scenario, outcomes)
    };
    let mut text = String::from("seconds until 95 % have left, and until 80 % are back\n\n");
    for name in ["S2", "S3", "S4"] {
        let times = (1..=seeds).map(|seed| {
            let (scenario, outcomes) = played(name, seed);
            let shown = |time: Option<f64>| time.map_or("never".to_owned(), |s| format!("{s:.0}"));
            let (away, back) = diversion(&scenario, &outcomes);
            format!("  {} and {}", shown(away), shown(back))
        });
        let _ = writeln!(text, "{name}{}", times.collect::<String>());
    }
    let (scenario, outcomes) = played("S1", 1);
    let swing = oscillation(&scenario, &outcomes);
    let _ = writeln!(text, "\nS1: shares of 30 s move by {swing:.1} points");
    text
}

/// What each objective comes to as its weight goes from 0 to 100 in steps of 5: steps in the wrong
/// direction of more than 1 % of the range, rank correlation, largest step.
fn knobs() -> String {
    let scenario = scenario("K");
    let mut text = String::from("knobs: wrong steps, rank correlation, largest step\n\n");
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
                attained(&scenario, &run(&scenario, OURS, weights, 1), place)
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
    let rank = |value: &f64| values.iter().filter(|other| *other < value).count() as f64;
    let squares: f64 = values
        .iter()
        .enumerate()
        .map(|(place, value)| (place as f64 - rank(value)).powi(2))
        .sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}
