//! The shape of the JSON. Names are short, because there is one for every request.

use super::exclusion::StoredExclusion;
use super::terms::StoredTerms;
use serde::{Deserialize, Serialize};

/// All selections of a decision.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredDecision {
    /// Provider and model of each target.
    pub(super) t: Vec<(String, String)>,
    /// Selections, oldest first.
    pub(super) r: Vec<StoredRound>,
    /// Attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) a: Vec<StoredAttempt>,
    /// Dropped fields of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) d: Vec<String>,
}

/// One selection.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredRound {
    /// Time in microseconds.
    pub(super) at: u64,
    /// Number of the attempt.
    pub(super) n: u32,
    /// Strategy.
    pub(super) s: String,
    /// Temperature, exploration, references of first token and token, guard.
    pub(super) g: [f64; 5],
    /// Weights.
    pub(super) w: [f64; 5],
    /// Revision.
    pub(super) v: u64,
    /// Type of work, and whether streamed.
    pub(super) c: (String, bool),
    /// Index of the class, where it tells more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) i: Option<usize>,
    /// Tokens in and out.
    pub(super) io: (f64, f64),
    /// What else was asked for; none for a further attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) q: Option<StoredTerms>,
    /// Random numbers.
    pub(super) l: (f64, f64),
    /// Place of the selected target in the list of targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) x: Option<usize>,
    /// Place of the reason among all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) y: Option<usize>,
    /// Candidates.
    pub(super) k: Vec<StoredCandidate>,
    /// Number of candidates left out.
    #[serde(default)]
    pub(super) o: usize,
}

/// One attempt.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredAttempt {
    /// Place in the list of targets.
    pub(super) t: usize,
    /// Number.
    pub(super) n: u32,
    /// Position of the key, where the provider has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) k: Option<u16>,
    /// Start and end in microseconds.
    pub(super) at: (u64, u64),
    /// `ok`, `cancelled`, or the code of the failure.
    pub(super) o: String,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) h: Option<u16>,
    /// Message of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) m: Option<String>,
    /// Seconds to the first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) f: Option<f64>,
    /// Tokens in, out, cached, written, written for long, of reasoning; and whether they are exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) u: Option<([u64; 6], bool)>,
    /// Cost in pico-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) c: Option<u64>,
}

/// One candidate.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredCandidate {
    /// Place in the list of targets.
    pub(super) t: usize,
    /// Reason that excludes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) e: Option<StoredExclusion>,
    /// True for the probe of a half-open breaker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) p: bool,
    /// Penalties (4), priority, risks (3), predicted times (2), headroom, temperature, utility, odds.
    pub(super) v: [f64; 14],
    /// Attempts in flight.
    pub(super) f: u32,
    /// Weight override of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) w: Option<[Option<f64>; 3]>,
    /// Price per token in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) c: Option<(f64, f64)>,
    /// Tokens that its prompt cache is expected to hold, and the USD that they save.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) h: Option<(f64, f64)>,
    /// What they take off the penalties of cost, latency and risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) b: Option<[f64; 3]>,
}
