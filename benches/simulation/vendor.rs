//! What a vendor does with an attempt: latency with its spread, its day and its load, errors, rate
//! limits, and whatever the script has in store.

use super::keys::{KeyPool, KeyQuota};
use super::luck::Dice;
use super::scenario::Mood;
use super::traffic::{Request, Work};
use std::collections::BTreeMap;

/// Seconds after which a refusal or a fast failure is there.
const FAST: f64 = 0.1;
/// Buckets hold so many seconds' worth of their rate.
pub const BUCKET_SECONDS: f64 = 15.0;
/// Half of a day's swing of latency.
const DRIFT: f64 = 0.2;
/// Latency grows by `1 + K (in flight / KNEE)²`.
const KNEE: f64 = 150.0;
const K: f64 = 0.5;
/// A local model works on so many at once; beyond that they share.
const SLOTS: f64 = 6.0;
/// Shortest prompt that is cached, in tokens.
const MIN_CACHED: f64 = 1_024.0;
const FIRST_TOKEN_SIGMA: f64 = 0.5;
const PER_TOKEN_SIGMA: f64 = 0.25;

/// A vendor as its brochure describes it.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub name: &'static str,
    /// USD per million tokens.
    pub price: (f64, f64),
    /// USD per million tokens that are read from the prompt cache, and the seconds for which it holds
    /// a prompt; none without a cache.
    pub cache: Option<(f64, f64)>,
    /// Mean seconds.
    pub first_token: f64,
    pub per_token: f64,
    /// Further seconds to the first token for every thousand tokens of the prompt.
    pub per_prompt: f64,
    /// Per minute; none for a local model.
    pub limits: Option<(f64, f64)>,
    /// Its keys, where it has several.
    pub keys: Option<KeyPool>,
    pub errors: f64,
    /// Part of the day by which its drift is behind.
    pub phase: f64,
    pub max_concurrent: u32,
    pub is_local: bool,
    /// Chat and what is like it, artifacts, reasoning, vision; embeddings are served by all.
    pub serves: [bool; 4],
}

pub const fn cloud(
    name: &'static str,
    price: (f64, f64),
    speed: (f64, f64),
    phase: f64,
) -> Profile {
    Profile {
        name,
        price,
        cache: None,
        first_token: speed.0,
        per_token: speed.1,
        per_prompt: 0.0,
        limits: None,
        keys: None,
        errors: 0.0,
        phase,
        max_concurrent: 300,
        is_local: false,
        serves: [true; 4],
    }
}

/// Fast is dear, cheap is slow.
pub const VENDORS: [Profile; 5] = [
    Profile {
        limits: Some((3_000.0, 6e6)),
        errors: 0.004,
        ..cloud("openai", (1.25, 10.0), (0.5, 0.008), 0.0)
    },
    Profile {
        limits: Some((2_000.0, 4e6)),
        errors: 0.001,
        ..cloud("anthropic", (3.0, 15.0), (0.6, 0.009), 0.25)
    },
    Profile {
        limits: Some((1_500.0, 3e6)),
        errors: 0.006,
        ..cloud("google", (0.5, 3.0), (0.7, 0.013), 0.5)
    },
    Profile {
        limits: Some((900.0, 2e6)),
        errors: 0.015,
        serves: [true, true, true, false],
        ..cloud("xai", (0.2, 0.5), (1.0, 0.020), 0.75)
    },
    Profile {
        errors: 0.001,
        max_concurrent: 12,
        is_local: true,
        serves: [true, true, false, false],
        ..cloud("ollama", (0.0, 0.0), (0.3, 0.022), 0.0)
    },
];

pub const OPENAI: usize = 0;
pub const GOOGLE: usize = 2;
pub const XAI: usize = 3;

/// A vendor at work.
#[derive(Debug, Clone)]
pub struct Vendor {
    pub profile: Profile,
    pub in_flight: u32,
    /// Of each key, or of all together.
    quotas: Vec<KeyQuota>,
    /// Tokens that the prompt cache holds of each session, and until when.
    cached: BTreeMap<u64, (f64, f64)>,
}

/// What becomes of an attempt, in seconds from its start.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Answered {
        first_token: f64,
        per_token: f64,
        /// Tokens of the prompt that were read from the cache.
        cached: f64,
    },
    Failed {
        after: f64,
    },
    Refused {
        after: f64,
        retry_after: f64,
    },
    /// The key is not accepted.
    Denied {
        after: f64,
    },
    Silent,
}

/// Headers of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Headers {
    /// Limit and what remains, requests and tokens; both refill in [`BUCKET_SECONDS`].
    pub requests: (f64, f64),
    pub tokens: (f64, f64),
}

impl Vendor {
    pub fn new(profile: Profile) -> Self {
        let quotas = profile.keys.map_or(1, KeyPool::quotas);
        Self {
            profile,
            in_flight: 0,
            quotas: vec![KeyQuota::full(profile.limits); quotas],
            cached: BTreeMap::new(),
        }
    }

    /// Tokens of a prompt that its cache holds at `t`.
    fn cached(&self, request: &Request, t: f64) -> f64 {
        let held = request
            .session
            .and_then(|session| self.cached.get(&session));
        match held {
            Some((tokens, until)) if *until > t && *tokens >= MIN_CACHED => {
                tokens.min(request.input)
            }
            _ => 0.0,
        }
    }

    /// Mean seconds to a first token and per token at `t` for a prompt of so many tokens, with so
    /// many in flight, its own request included.
    pub fn pace(
        &self,
        mood: &Mood,
        (t, day): (f64, f64),
        prompt: f64,
        in_flight: u32,
    ) -> (f64, f64) {
        let profile = &self.profile;
        let busy = f64::from(in_flight);
        let load = if profile.is_local {
            (busy / SLOTS).max(1.0)
        } else {
            1.0 + K * (busy / KNEE).powi(2)
        };
        let drift = if profile.is_local || day == 0.0 {
            1.0
        } else {
            1.0 + DRIFT * (std::f64::consts::TAU * (t / day + profile.phase)).sin()
        };
        let factor = load * drift * mood.slow;
        let first_token = profile.first_token + profile.per_prompt * prompt / 1e3;
        (first_token * factor, profile.per_token * factor)
    }

    /// Whether the rate limits of one of its keys have room for a request now.
    pub fn has_room(&mut self, mood: &Mood, tokens: f64, t: f64) -> bool {
        let key = self.best_key(mood, t);
        self.key_has_room(key, mood, tokens, t)
    }

    /// The key with most requests left.
    pub fn best_key(&mut self, mood: &Mood, t: f64) -> usize {
        let rates = self.rates(mood);
        let left = |quota: &mut KeyQuota| quota.refilled(rates, t).0;
        let left: Vec<f64> = self.quotas.iter_mut().map(left).collect();
        let keys = 0..self.profile.keys.map_or(1, |pool| pool.keys);
        let usable = keys.filter(|key| mood.denied_key != Some(*key));
        let left = |key: &usize| left[*key % left.len()];
        let best = usable.max_by(|a, b| left(a).total_cmp(&left(b)));
        best.unwrap_or_default()
    }

    fn key_has_room(&mut self, key: usize, mood: &Mood, tokens: f64, t: f64) -> bool {
        let rates = self.rates(mood);
        let (left_requests, left_tokens) = self.quota(key).refilled(rates, t);
        rates.is_none() || (left_requests >= 1.0 && left_tokens >= tokens)
    }

    fn quota(&mut self, key: usize) -> &mut KeyQuota {
        let place = key % self.quotas.len();
        &mut self.quotas[place]
    }

    /// Takes an attempt with one of its keys up.
    pub fn attempt(
        &mut self,
        mood: &Mood,
        (request, key): (&Request, usize),
        dice: &mut Dice,
        (t, day): (f64, f64),
    ) -> Fate {
        let cached = self.cached(request, t);
        let uncached = request.input - cached;
        let (first_token, per_token) = self.pace(mood, (t, day), uncached, self.in_flight);
        let first_token = dice.lognormal(first_token, FIRST_TOKEN_SIGMA);
        let per_token = dice.lognormal(per_token, PER_TOKEN_SIGMA);
        let luck = dice.uniform();
        let times = match mood.tail {
            Some((part, times)) if dice.uniform() < part => times,
            _ => 1.0,
        };
        let (first_token, per_token) = (first_token * times, per_token * times);
        if mood.is_down {
            return Fate::Failed { after: FAST };
        }
        if mood.hangs {
            return Fate::Silent;
        }
        if mood.denied_key == Some(key) {
            return Fate::Denied { after: FAST };
        }
        let tokens = request.input + request.output;
        if !self.key_has_room(key, mood, tokens, t) {
            let rates = self.rates(mood);
            let retry_after = self.quota(key).wait(rates, tokens);
            return Fate::Refused {
                after: FAST,
                retry_after,
            };
        }
        self.quota(key).take(tokens);
        if luck < self.errors(mood) {
            return Fate::Failed { after: first_token };
        }
        if let (Some(session), Some((_, seconds))) = (request.session, self.profile.cache) {
            self.cached.insert(session, (request.input, t + seconds));
        }
        Fate::Answered {
            first_token,
            per_token,
            cached,
        }
    }

    pub fn errors(&self, mood: &Mood) -> f64 {
        mood.errors.unwrap_or(self.profile.errors)
    }

    /// What it says of the limits of a key, had it answered now.
    pub fn headers(&mut self, key: usize, mood: &Mood, t: f64) -> Option<Headers> {
        let rates = self.rates(mood);
        let (requests, tokens) = rates?;
        let left = self.quota(key).refilled(rates, t);
        Some(Headers {
            requests: (requests * BUCKET_SECONDS, left.0.max(0.0)),
            tokens: (tokens * BUCKET_SECONDS, left.1.max(0.0)),
        })
    }

    /// Requests and tokens per second and key.
    fn rates(&self, mood: &Mood) -> Option<(f64, f64)> {
        let (requests, tokens) = self.profile.limits?;
        Some((requests / 60.0 * mood.limits, tokens / 60.0 * mood.limits))
    }
}

impl Profile {
    pub fn serves(&self, work: Work) -> bool {
        match work {
            Work::Chat | Work::Label | Work::ToolCall => self.serves[0],
            Work::Artifact => self.serves[1],
            Work::Reasoning => self.serves[2],
            Work::Vision => self.serves[3],
            Work::Embedding => true,
        }
    }

    /// USD.
    pub fn cost(&self, input: f64, output: f64) -> f64 {
        (self.price.0 * input + self.price.1 * output) / 1e6
    }

    /// USD that cached tokens cost less.
    pub fn saving(&self, cached: f64) -> f64 {
        let price = self.cache.map_or(self.price.0, |(price, _)| price);
        (self.price.0 - price) * cached / 1e6
    }
}
