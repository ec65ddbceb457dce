//! What goes wrong, and when.

use super::traffic::{Demand, PromptLengths, Sessions, USUAL_MIX, Work};
use super::vendor::{GOOGLE, OPENAI, Profile, VENDORS, XAI};
use aibal_tui::domain::HedgePolicy;

/// A vendor at one moment of the script.
#[derive(Debug, Clone, Copy)]
pub struct Mood {
    /// Latency is multiplied by this.
    pub slow: f64,
    /// Rate limits are multiplied by this.
    pub limits: f64,
    /// Error rate instead of its usual one.
    pub errors: Option<f64>,
    /// Fails at once.
    pub is_down: bool,
    /// Never answers.
    pub hangs: bool,
    /// Not there yet.
    pub is_absent: bool,
    /// A key that it does not accept.
    pub denied_key: Option<usize>,
    /// Some answers take much longer: their part of all, and how many times as long.
    pub tail: Option<(f64, f64)>,
}

const WELL: Mood = Mood {
    slow: 1.0,
    limits: 1.0,
    errors: None,
    is_down: false,
    hangs: false,
    is_absent: false,
    denied_key: None,
    tail: None,
};

#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    Slow(f64),
    /// Grows from none to that factor.
    Ramp(f64),
    Down,
    /// Down for so many seconds, then up for so many; never made shorter.
    Flapping(f64, f64),
    Hang,
    Limits(f64),
    Errors(f64),
    Absent,
    /// One of its keys is not accepted.
    DeniedKey(usize),
}

#[derive(Debug, Clone, Copy)]
struct Strike {
    vendor: usize,
    from: f64,
    until: f64,
    trouble: Trouble,
}

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    /// Seconds.
    pub length: f64,
    /// Requests per second.
    pub rate: f64,
    /// Rate in a burst; 1 for none.
    pub burst: f64,
    /// Length of a day; 0 for none.
    pub day: f64,
    pub mix: Vec<Demand>,
    /// Lengths of prompts, where they are not those of the work.
    pub prompts: Option<PromptLengths>,
    /// Conversations, where requests belong to some.
    pub sessions: Option<Sessions>,
    /// Whether our balancer considers the prompt caches of vendors.
    pub has_affinity: bool,
    /// Some answers take much longer: their part of all, and how many times as long.
    pub tail: Option<(f64, f64)>,
    /// When our balancer runs a second attempt beside a late one.
    pub hedge: Option<HedgePolicy>,
    pub vendors: Vec<Profile>,
    /// Whether vendors state their rate limits.
    pub states_limits: bool,
    strikes: Vec<Strike>,
}

impl Scenario {
    /// `S1` steady, `S2` brownout, `S3` outage, `S4` outage that hangs, `S5` flapping, `S6` storm of
    /// limits, `S7` slow decline, `S8` the cheapest is flaky, `S9` newcomer, `S10` all degraded,
    /// `S12` little traffic; `K` is the plain world for turning knobs.
    pub fn named(name: &'static str) -> Self {
        let mut scenario = Self {
            name,
            length: 3_600.0,
            rate: 12.0,
            burst: 2.0,
            day: 3_600.0,
            mix: USUAL_MIX.to_vec(),
            prompts: None,
            sessions: None,
            has_affinity: true,
            tail: None,
            hedge: None,
            vendors: VENDORS.to_vec(),
            states_limits: true,
            strikes: Vec::new(),
        };
        match name {
            "S2" => scenario.strike(GOOGLE, 1_200.0, 1_800.0, Trouble::Slow(5.0)),
            "S3" => scenario.strike(GOOGLE, 1_200.0, 1_800.0, Trouble::Down),
            "S4" => scenario.strike(GOOGLE, 1_200.0, 1_800.0, Trouble::Hang),
            "S5" => scenario.strike(GOOGLE, 900.0, 2_700.0, Trouble::Flapping(20.0, 40.0)),
            "S6" => scenario.storm(),
            "S7" => scenario.strike(GOOGLE, 900.0, 2_700.0, Trouble::Ramp(6.0)),
            "S8" => scenario.flaky(),
            "S9" => scenario.newcomer(),
            "S10" => scenario.all_degraded(),
            "S12" => scenario.quiet(),
            "K" => scenario.plain(),
            _ => {}
        }
        scenario
    }

    /// The same with every answer in one piece.
    #[must_use]
    pub fn whole(mut self, name: &'static str) -> Self {
        self.name = name;
        for demand in &mut self.mix {
            demand.streamed = false;
        }
        self
    }

    /// The same in a sixth of the time, the quiet one in a twelfth.
    #[must_use]
    pub fn fast(mut self) -> Self {
        let part = self.length / 600.0;
        for time in [&mut self.length, &mut self.day] {
            *time /= part;
        }
        for strike in &mut self.strikes {
            strike.from /= part;
            strike.until /= part;
        }
        self
    }

    /// Beginning and end of the first trouble.
    pub fn trouble(&self) -> (usize, f64, f64) {
        let first = self.strikes[0];
        (first.vendor, first.from, first.until)
    }

    pub fn mood(&self, vendor: usize, t: f64) -> Mood {
        let mut mood = Mood {
            tail: self.tail,
            ..WELL
        };
        let hits =
            |strike: &&Strike| strike.vendor == vendor && (strike.from..strike.until).contains(&t);
        for strike in self.strikes.iter().filter(hits) {
            match strike.trouble {
                Trouble::Slow(factor) => mood.slow *= factor,
                Trouble::Ramp(most) => {
                    let part = (t - strike.from) / (strike.until - strike.from);
                    mood.slow *= 1.0 + (most - 1.0) * part;
                }
                Trouble::Down => mood.is_down = true,
                Trouble::Flapping(down, up) => {
                    mood.is_down |= (t - strike.from) % (down + up) < down;
                }
                Trouble::Hang => mood.hangs = true,
                Trouble::Limits(part) => mood.limits *= part,
                Trouble::Errors(rate) => mood.errors = Some(rate),
                Trouble::Absent => mood.is_absent = true,
                Trouble::DeniedKey(key) => mood.denied_key = Some(key),
            }
        }
        mood
    }

    pub fn strike(&mut self, vendor: usize, from: f64, until: f64, trouble: Trouble) {
        self.strikes.push(Strike {
            vendor,
            from,
            until,
            trouble,
        });
    }

    fn storm(&mut self) {
        (self.rate, self.burst) = (18.0, 2.5);
        self.strike(GOOGLE, 900.0, 2_400.0, Trouble::Limits(0.25));
        self.strike(XAI, 900.0, 2_400.0, Trouble::Limits(0.35));
        self.strike(OPENAI, 1_500.0, 2_100.0, Trouble::Limits(0.2));
    }

    fn flaky(&mut self) {
        let xai = &mut self.vendors[XAI];
        (xai.first_token, xai.per_token) = (0.7, 0.011);
        (xai.limits, xai.errors) = (Some((3_000.0, 6e6)), 0.12);
        for burst in 0..6 {
            let from = 300.0 + 600.0 * f64::from(burst);
            self.strike(XAI, from, from + 60.0, Trouble::Errors(0.5));
        }
    }

    fn newcomer(&mut self) {
        let google = &mut self.vendors[GOOGLE];
        google.price = (0.3, 1.2);
        (google.first_token, google.per_token) = (0.5, 0.009);
        self.strike(GOOGLE, 0.0, 1_200.0, Trouble::Absent);
        self.strike(GOOGLE, 1_200.0, 1_260.0, Trouble::Slow(3.0));
    }

    fn all_degraded(&mut self) {
        for (vendor, errors) in [0.15, 0.20, 0.25, 0.30, 0.35].into_iter().enumerate() {
            self.strike(vendor, 1_200.0, 1_800.0, Trouble::Slow(3.0));
            self.strike(vendor, 1_200.0, 1_800.0, Trouble::Errors(errors));
            self.strike(vendor, 1_200.0, 1_800.0, Trouble::Limits(0.5));
        }
    }

    fn quiet(&mut self) {
        (self.length, self.rate) = (7_200.0, 0.5);
        self.strike(GOOGLE, 1_800.0, 2_700.0, Trouble::Slow(5.0));
        self.strike(GOOGLE, 4_500.0, 5_100.0, Trouble::Down);
        self.strike(XAI, 6_000.0, 6_600.0, Trouble::Hang);
    }

    fn plain(&mut self) {
        (self.burst, self.day) = (1.0, 0.0);
        self.mix = vec![Demand::new(Work::Chat, 1.0, true)];
        self.vendors.pop();
    }
}
