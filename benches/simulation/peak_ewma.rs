//! The rival that most proxies ship: two vendors by chance, and of these the one with the lower
//! cost; the cost is the peak of recent whole-request times, fading, times what is in flight.

use super::luck::Dice;
use super::player::{AttemptId, End, Player};
use super::scenario::Scenario;
use super::traffic::Request;
use super::vendor::{Headers, Profile};
use std::collections::BTreeMap;

/// Memory in seconds, and what is assumed before the first answer, as in Finagle and tower.
const MEMORY: f64 = 10.0;
const UNKNOWN: f64 = 1.0;
/// A failure counts as an answer that took so long, so that a fast one draws no traffic.
const PENALTY: f64 = 10.0;

#[derive(Debug, Clone, Copy)]
struct Side {
    cost: f64,
    at: f64,
    in_flight: u32,
    blocked_until: f64,
    is_absent: bool,
}

pub struct PeakEwma {
    vendors: Vec<Profile>,
    sides: Vec<Side>,
    started: BTreeMap<AttemptId, f64>,
    dice: Dice,
}

impl PeakEwma {
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let side = |vendor: usize| Side {
            cost: UNKNOWN,
            at: 0.0,
            in_flight: 0,
            blocked_until: 0.0,
            is_absent: scenario.mood(vendor, 0.0).is_absent,
        };
        Self {
            sides: (0..scenario.vendors.len()).map(side).collect(),
            vendors: scenario.vendors.clone(),
            started: BTreeMap::new(),
            dice: Dice::of(&[seed, 0x92C]),
        }
    }
}

impl Player for PeakEwma {
    fn choose(
        &mut self,
        request: &Request,
        earlier: &[usize],
        attempt: AttemptId,
        t: f64,
    ) -> Option<usize> {
        let fits = |&vendor: &usize| {
            let (profile, side) = (&self.vendors[vendor], &self.sides[vendor]);
            profile.serves(request.work)
                && !earlier.contains(&vendor)
                && !side.is_absent
                && side.in_flight < profile.max_concurrent
        };
        let mut able: Vec<usize> = (0..self.sides.len()).filter(fits).collect();
        if able
            .iter()
            .any(|&vendor| self.sides[vendor].blocked_until <= t)
        {
            able.retain(|&vendor| self.sides[vendor].blocked_until <= t);
        }
        let mut any = || {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a short list"
            )]
            let place = (self.dice.uniform() * able.len() as f64) as usize;
            able.get(place).copied()
        };
        let (a, b) = (any()?, any()?);
        let price = |vendor: usize| {
            let side = &self.sides[vendor];
            let faded = side.cost * (-(t - side.at) / MEMORY).exp();
            faded.max(1e-3) * f64::from(side.in_flight + 1)
        };
        let chosen = if price(a) <= price(b) { a } else { b };
        self.sides[chosen].in_flight += 1;
        self.started.insert(attempt, t);
        Some(chosen)
    }

    fn first_token(&mut self, _: AttemptId, _: usize, _: f64, _: Option<Headers>, _: f64) {}

    fn end(&mut self, attempt: AttemptId, vendor: usize, end: End, _: Option<Headers>, t: f64) {
        let took = t - self.started.remove(&attempt).unwrap_or(t);
        let side = &mut self.sides[vendor];
        side.in_flight -= 1;
        let seen = match end {
            End::Answered { .. } => took,
            _ => took.max(PENALTY),
        };
        if let End::Refused { retry_after } = end {
            side.blocked_until = side.blocked_until.max(t + retry_after);
        }
        let fade = (-(t - side.at) / MEMORY).exp();
        side.cost = if seen > side.cost {
            seen
        } else {
            side.cost * fade + seen * (1.0 - fade)
        };
        side.at = t;
    }

    fn appears(&mut self, vendor: usize, _: f64) {
        self.sides[vendor].is_absent = false;
    }
}
