//! What the store writes, one type for each table.

use super::explanation::Explanation;
use crate::domain::{BucketCounts, UnixTime, Uptime};
use std::mem::size_of;
use std::sync::Arc;

/// Usual size of an explanation in memory, whose decision is shared with the log of decisions.
const EXPLANATION_BYTES: usize = 1_500;

/// One thing to write.
#[derive(Debug, Clone)]
pub enum Record {
    /// One attempt, at its end.
    Attempt(Box<AttemptRow>),
    /// One client request, at its end.
    Request(Box<RequestRow>),
    /// The sums of one period so far.
    RollUp(Box<RollUpRow>),
    /// An event.
    Event(EventRow),
    /// A change, or a refused attempt at one.
    Audit(Box<AuditRow>),
    /// A revision of weights and providers.
    Revision(Box<RevisionRow>),
    /// An alert, as it is now.
    Alert(Box<AlertRow>),
    /// Something that only its owner reads again.
    State {
        /// Its name.
        name: &'static str,
        /// Its content, as its owner wrote it.
        json: String,
        /// Time of the content.
        at: UnixTime,
    },
    /// What one process has spent of one budget.
    Ledger(LedgerRow),
}

impl Record {
    /// The table's name, for counts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Attempt(_) => "attempts",
            Self::Request(_) => "requests",
            Self::RollUp(_) => "roll_ups",
            Self::Event(_) => "events",
            Self::Audit(_) => "audit",
            Self::Revision(_) => "revisions",
            Self::Alert(_) => "alerts",
            Self::State { .. } => "state",
            Self::Ledger(_) => "ledger",
        }
    }

    /// About the memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Attempt(_) => size_of::<AttemptRow>() + 100,
                Self::Request(_) => size_of::<RequestRow>() + EXPLANATION_BYTES,
                Self::RollUp(_) => size_of::<RollUpRow>() + 400,
                Self::Event(event) => event.text.len(),
                Self::Audit(row) => {
                    row.before.len() + row.after.len() + row.reason.len() + row.subject.len() + 400
                }
                Self::Revision(row) => row.json.len() + 200,
                Self::Alert(row) => row.json.len() + 200,
                Self::State { json, .. } => json.len(),
                Self::Ledger(_) => 100,
            }
    }
}

/// One attempt at one target.
#[derive(Debug, Clone, Default)]
pub struct AttemptRow {
    /// From [`super::Store::next_sequence`].
    pub sequence: u64,
    /// End.
    pub at: UnixTime,
    /// Decision that it belongs to.
    pub decision: String,
    /// Number of the attempt, 1 for the first; 0 if unknown.
    pub attempt: u32,
    /// Provider.
    pub provider: Arc<str>,
    /// Model id at the provider.
    pub model: Arc<str>,
    /// Name of the client's token; empty without one.
    pub client: Arc<str>,
    /// Tag that the client sent; empty without one.
    pub tag: Arc<str>,
    /// Model that the client asked for.
    pub model_asked: Arc<str>,
    /// `ok`, `error` or `cancelled`.
    pub outcome: &'static str,
    /// Code of the failure; empty without one.
    pub failure: &'static str,
    /// HTTP status; 0 without an answer.
    pub status: u16,
    /// What the provider said about the failure, shortened.
    pub message: String,
    /// Duration in microseconds.
    pub latency_us: u64,
    /// Microseconds to the first content of a stream.
    pub first_token_us: Option<u64>,
    /// Input, output and cached tokens, if known.
    pub tokens: Option<[u64; 3]>,
    /// Cost in pico-dollars, if known.
    pub cost_pico: Option<u64>,
    /// `exact`, `estimated` or `unknown`.
    pub cost_basis: &'static str,
    /// Request fields dropped in translation.
    pub dropped_fields: u32,
    /// What else the balancer learns from it.
    pub learning: LearningColumns,
}

/// What only the balancer reads of an attempt, to learn from it again after a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LearningColumns {
    /// True for a stream.
    pub streamed: bool,
    /// `ln(1 + attempts at the target)` at its start, without this one.
    pub load: f64,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    /// Index of the class of the request.
    pub class: u64,
    /// True for the probe request of a half-open circuit breaker.
    pub trial: bool,
    /// True if the client's own deadline ended it.
    pub client_deadline: bool,
    /// Microseconds without content when the client left, if that says something of the target.
    pub silent_us: Option<u64>,
}

/// One client request.
#[derive(Debug, Clone, Default)]
pub struct RequestRow {
    /// From [`super::Store::next_sequence`].
    pub sequence: u64,
    /// Start.
    pub started: UnixTime,
    /// End.
    pub at: UnixTime,
    /// Decision, 16 hexadecimal digits.
    pub decision: String,
    /// The `x-request-id`.
    pub request_id: String,
    /// Provider that answered or was tried last; empty without one.
    pub provider: Arc<str>,
    /// Model id at the provider.
    pub model: Arc<str>,
    /// Name of the client's token; empty without one.
    pub client: Arc<str>,
    /// Tag that the client sent; empty without one.
    pub tag: Arc<str>,
    /// Model that the client asked for.
    pub model_asked: Arc<str>,
    /// `ok`, `error`, `cancelled` or `refused`.
    pub outcome: &'static str,
    /// Code of the failure or of the rejection; empty without one.
    pub failure: &'static str,
    /// HTTP status of the response; 0 if the client left before.
    pub status: u16,
    /// Message of a failure, shortened.
    pub message: String,
    /// Score of the first choice, 0..1.
    pub score: Option<f64>,
    /// Reason of the selection, as text.
    pub reason: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Duration in microseconds.
    pub latency_us: u64,
    /// Input, output and cached tokens of all attempts, if known.
    pub tokens: Option<[u64; 3]>,
    /// Cost of all attempts in pico-dollars, if known.
    pub cost_pico: Option<u64>,
    /// `exact`, `estimated` or `unknown`.
    pub cost_basis: &'static str,
    /// The selections with their candidates.
    pub explanation: Explanation,
}

/// What the sums of a roll-up cover.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollUpKey {
    /// Width in seconds: 15, 60 or 3600.
    pub width_s: u64,
    /// Start in seconds since the epoch.
    pub start_s: u64,
    /// `requests`, `provider`, `target` or `client`.
    pub scope: &'static str,
    /// Provider; empty for all.
    pub provider: Arc<str>,
    /// Model; empty for all.
    pub model: Arc<str>,
    /// Name of the client's token; empty for all, or without one.
    pub client: Arc<str>,
    /// Tag; empty for all, or without one.
    pub tag: Arc<str>,
}

/// Sums of one period, absolute.
#[derive(Debug, Clone, Default)]
pub struct RollUpRow {
    /// What they cover.
    pub key: RollUpKey,
    /// Attempts, or client requests.
    pub counts: BucketCounts,
    /// Monitored and usable time of a provider.
    pub uptime: Uptime,
}

/// An event.
#[derive(Debug, Clone, Default)]
pub struct EventRow {
    /// From [`super::Store::next_sequence`].
    pub sequence: u64,
    /// Time.
    pub at: UnixTime,
    /// Number of the event in its process.
    pub number: u64,
    /// Subject.
    pub kind: &'static str,
    /// True for a problem.
    pub bad: bool,
    /// Provider; empty without one.
    pub provider: Arc<str>,
    /// One sentence.
    pub text: String,
}

/// A change, or a refused attempt at one.
#[derive(Debug, Clone, Default)]
pub struct AuditRow {
    /// From [`super::Store::next_sequence`].
    pub sequence: u64,
    /// Time.
    pub at: UnixTime,
    /// Who.
    pub actor: String,
    /// From where: an address, or `local`.
    pub origin: String,
    /// What was done, as a code.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `ok` or `refused`.
    pub outcome: String,
    /// Why, as the actor said.
    pub reason: String,
    /// Before, as JSON.
    pub before: String,
    /// After, as JSON.
    pub after: String,
    /// Hash of the row before it in the chain of this instance.
    pub previous: String,
    /// Hash of this row.
    pub hash: String,
}

/// A revision of weights and providers.
#[derive(Debug, Clone, Default)]
pub struct RevisionRow {
    /// Number, one more than its base.
    pub number: u64,
    /// Time.
    pub at: UnixTime,
    /// Who.
    pub who: String,
    /// Why, as the author said.
    pub reason: String,
    /// What changed, as text.
    pub what: String,
    /// Before and after.
    pub json: String,
}

/// An alert.
#[derive(Debug, Clone, Default)]
pub struct AlertRow {
    /// Its id, the same on every instance.
    pub id: String,
    /// Rule that raised it.
    pub rule: String,
    /// `firing`, `resolved`, `acknowledged` or `muted`.
    pub state: String,
    /// Time of the first sign.
    pub since: UnixTime,
    /// Time of the last change.
    pub at: UnixTime,
    /// Everything else.
    pub json: String,
}

/// What one process has spent of one budget over one period, absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// Start of the process; rows of other epochs never change any more.
    pub epoch: u64,
    /// Name of the budget.
    pub budget: String,
    /// `day` or `month` with its number, as `day:20695`.
    pub period: String,
    /// Spent so far, in pico-dollars; only grows.
    pub spent_pico: u64,
    /// Set aside and not yet spent; counts as spent once the process is gone.
    pub leased_pico: u64,
    /// Time of the row.
    pub at: UnixTime,
}
