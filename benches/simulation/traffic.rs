//! What clients ask: four kinds of work, a day with its swing, and bursts.

use super::luck::Dice;
use super::scenario::Scenario;
use aibal_tui::domain::ModelType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Chat,
    Artifact,
    Reasoning,
    Vision,
}

impl Work {
    pub const ALL: [Self; 4] = [Self::Chat, Self::Artifact, Self::Reasoning, Self::Vision];

    /// Mean tokens in and out, and seconds that the client waits.
    pub const fn shape(self) -> (f64, f64, f64) {
        match self {
            Self::Chat => (500.0, 250.0, 30.0),
            Self::Artifact => (1_500.0, 600.0, 60.0),
            Self::Reasoning => (2_500.0, 1_500.0, 120.0),
            Self::Vision => (1_800.0, 300.0, 45.0),
        }
    }

    pub const fn kind(self) -> ModelType {
        match self {
            Self::Chat => ModelType::Chat,
            Self::Artifact => ModelType::Artifact,
            Self::Reasoning => ModelType::Reasoning,
            Self::Vision => ModelType::Vision,
        }
    }

    /// Seconds that an attempt gets for its first token.
    pub const fn first_token_timeout(self) -> f64 {
        match self {
            Self::Reasoning => 20.0,
            _ => 10.0,
        }
    }

    fn drawn(luck: f64) -> Self {
        match luck {
            luck if luck < 0.60 => Self::Chat,
            luck if luck < 0.80 => Self::Artifact,
            luck if luck < 0.92 => Self::Reasoning,
            _ => Self::Vision,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub id: u64,
    pub at: f64,
    pub work: Work,
    pub input: f64,
    pub output: f64,
}

impl Request {
    /// When its client gives up.
    pub fn deadline(&self) -> f64 {
        self.at + self.work.shape().2
    }
}

/// Every request of a run, in order.
pub fn requests(scenario: &Scenario, seed: u64) -> Vec<Request> {
    let mut dice = Dice::of(&[seed, 0xA11]);
    let (mut t, mut requests) = (0.0, Vec::new());
    let (mut burst, mut is_burst) = (dice.exponential(1.0 / 160.0), false);
    // Thinning: draw at the highest rate, keep in proportion.
    let highest = scenario.rate * 1.3 * scenario.burst;
    loop {
        t += dice.exponential(highest);
        if t >= scenario.length {
            return requests;
        }
        while scenario.burst > 1.0 && t >= burst {
            is_burst = !is_burst;
            let mean = if is_burst { 20.0 } else { 160.0 };
            burst += dice.exponential(1.0 / mean);
        }
        let swing = if scenario.day > 0.0 {
            1.0 + 0.3 * (std::f64::consts::TAU * t / scenario.day).sin()
        } else {
            1.0
        };
        let rate = scenario.rate * swing * if is_burst { scenario.burst } else { 1.0 };
        if dice.uniform() * highest < rate {
            let id = requests.len() as u64;
            requests.push(request(id, t, scenario, seed));
        }
    }
}

fn request(id: u64, at: f64, scenario: &Scenario, seed: u64) -> Request {
    let mut dice = Dice::of(&[seed, 0xB0D7, id]);
    let work = if scenario.is_chat_only {
        Work::Chat
    } else {
        Work::drawn(dice.uniform())
    };
    let (input, output, _) = work.shape();
    let sigma = if work == Work::Chat { 0.6 } else { 0.5 };
    let mut size = |mean| dice.lognormal(mean, sigma).clamp(10.0, 8_000.0).round();
    Request {
        id,
        at,
        work,
        input: size(input),
        output: size(output),
    }
}
