//! Client requests: kinds of work with their sizes, a day with its swing, and bursts.

use super::luck::Dice;
use super::scenario::Scenario;
use aibal_tui::domain::ModelType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Chat,
    Artifact,
    Reasoning,
    Vision,
    /// A vector; no output tokens.
    Embedding,
    /// A classification: about three output tokens, limited by the request.
    Label,
    /// An answer that calls a tool: about 25 output tokens.
    ToolCall,
}

impl Work {
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Artifact,
        Self::Reasoning,
        Self::Vision,
        Self::Embedding,
        Self::Label,
        Self::ToolCall,
    ];

    /// Mean tokens in and out, and seconds that the client waits.
    pub const fn shape(self) -> (f64, f64, f64) {
        match self {
            Self::Chat => (500.0, 250.0, 30.0),
            Self::Artifact => (1_500.0, 600.0, 60.0),
            Self::Reasoning => (2_500.0, 1_500.0, 120.0),
            Self::Vision => (1_800.0, 300.0, 45.0),
            Self::Embedding => (400.0, 0.0, 20.0),
            Self::Label => (300.0, 3.0, 20.0),
            Self::ToolCall => (800.0, 25.0, 20.0),
        }
    }

    pub const fn kind(self) -> ModelType {
        match self {
            Self::Chat | Self::Label | Self::ToolCall => ModelType::Chat,
            Self::Artifact => ModelType::Artifact,
            Self::Reasoning => ModelType::Reasoning,
            Self::Vision => ModelType::Vision,
            Self::Embedding => ModelType::Embedding,
        }
    }

    /// Seconds that a streamed attempt gets for its first token.
    pub const fn first_token_timeout(self) -> f64 {
        match self {
            Self::Reasoning => 20.0,
            _ => 10.0,
        }
    }

    /// The most output tokens that the request allows, where it states them.
    pub fn max_tokens(self) -> Option<f64> {
        (self == Self::Label).then_some(8.0)
    }

    /// Standard deviation of the logarithm of sizes, and the range of output tokens.
    const fn spread(self) -> (f64, (f64, f64)) {
        match self {
            Self::Chat => (0.6, (10.0, 8_000.0)),
            Self::Embedding => (0.5, (0.0, 0.0)),
            Self::Label => (0.5, (1.0, 7.0)),
            Self::ToolCall => (0.5, (5.0, 200.0)),
            _ => (0.5, (10.0, 8_000.0)),
        }
    }
}

/// One part of the traffic.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    pub work: Work,
    /// Part of all requests, 0..1.
    pub share: f64,
    /// Whether answers come as streams.
    pub streamed: bool,
}

impl Demand {
    pub const fn new(work: Work, share: f64, streamed: bool) -> Self {
        Self {
            work,
            share,
            streamed,
        }
    }
}

/// 60 % chat, 20 % artifacts, 12 % reasoning, 8 % vision, all streamed.
pub const USUAL_MIX: [Demand; 4] = [
    Demand::new(Work::Chat, 0.60, true),
    Demand::new(Work::Artifact, 0.20, true),
    Demand::new(Work::Reasoning, 0.12, true),
    Demand::new(Work::Vision, 0.08, true),
];

/// Prompts of very different lengths, in tokens.
#[derive(Debug, Clone, Copy)]
pub struct PromptLengths {
    pub mean: f64,
    pub sigma: f64,
}

/// Conversations of several turns, each of which sends all that was said before.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// Least and most turns.
    pub turns: (f64, f64),
    /// Mean seconds between two turns.
    pub pause: f64,
    /// Mean tokens that a turn adds to the prompt.
    pub growth: f64,
}

#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub id: u64,
    /// The conversation that it belongs to.
    pub session: Option<u64>,
    pub at: f64,
    pub work: Work,
    pub streamed: bool,
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
            return match scenario.sessions {
                Some(sessions) => turns(&requests, sessions, scenario, seed),
                None => requests,
            };
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
    let Demand { work, streamed, .. } = match scenario.mix.as_slice() {
        [only] => *only,
        mix => drawn(mix, dice.uniform()),
    };
    let (input, output, _) = work.shape();
    let (sigma, (least, most)) = work.spread();
    let mut size =
        |mean: f64, sigma, least, most| dice.lognormal(mean, sigma).clamp(least, most).round();
    let input = match scenario.prompts {
        Some(prompts) => size(prompts.mean, prompts.sigma, 50.0, 120_000.0),
        None => size(input, sigma, 10.0, 8_000.0),
    };
    Request {
        id,
        session: scenario.sessions.map(|_| id),
        at,
        work,
        streamed,
        input,
        output: size(output, sigma, least, most),
    }
}

/// Makes a conversation of each request, its first turn.
fn turns(first: &[Request], sessions: Sessions, scenario: &Scenario, seed: u64) -> Vec<Request> {
    let mut all = Vec::new();
    for begin in first {
        let mut dice = Dice::of(&[seed, 0x5E55, begin.id]);
        let (least, most) = sessions.turns;
        let mut left = least + (most - least) * dice.uniform();
        let mut turn = *begin;
        let mut nth = 0;
        while left >= 1.0 && turn.at < scenario.length {
            all.push(turn);
            nth += 1;
            left -= 1.0;
            let sized = request((begin.id << 8) + nth, 0.0, scenario, seed);
            turn = Request {
                at: turn.at + dice.exponential(1.0 / sessions.pause) + 2.0,
                input: turn.input + dice.lognormal(sessions.growth, 0.6).round(),
                output: sized.output,
                ..turn
            };
        }
    }
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    for (id, request) in (0..).zip(&mut all) {
        request.id = id;
    }
    all
}

fn drawn(mix: &[Demand], luck: f64) -> Demand {
    let mut below = 0.0;
    for demand in mix {
        below += demand.share;
        if luck < below - 1e-9 {
            return *demand;
        }
    }
    mix[mix.len() - 1]
}
