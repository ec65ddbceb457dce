//! One attempt at one target: a place taken, a stopwatch, and a report that goes out exactly once,
//! whatever happens, because it goes out on drop.

use crate::clock;
use crate::domain::{
    AttemptEnd, BudgetReservation, BudgetScope, FirstToken, Lease, MeasuredUsage, Money,
    Observation, Outcome, Price, RoutingTable, TargetSelection, UnixTime, UpstreamLimits,
    attempt_cost,
};
use crate::engine::EngineHandle;
use crate::protocols::UpstreamError;
use std::time::Duration;

/// Lives as long as the attempt does. Dropped before [`Attempt::finish`] it reports a client that
/// left.
#[derive(Debug)]
pub(super) struct Attempt {
    handle: EngineHandle,
    lease: Lease,
    booking: BudgetReservation,
    price: Option<Price>,
    /// Place in the catalogue.
    pub target: usize,
    pub started: UnixTime,
    streamed: bool,
    /// Members of the request that the provider's protocol has no words for.
    pub lost: u32,
    /// Whether the client's own limit ends it, before the target's would.
    hurried: bool,
    /// How long it may say nothing before a client that leaves has left it for that.
    patience: Duration,
    /// Seconds for which it said nothing, where that is longer.
    overdue: Option<f64>,
    /// Whether its answer's head is here.
    is_answered: bool,
    limits: UpstreamLimits,
    first_token: Option<f64>,
    usage: Option<MeasuredUsage>,
    outcome: Outcome,
}

impl Attempt {
    /// Reserves the money and takes the place; nothing where somebody else was quicker.
    pub fn begin(
        handle: &EngineHandle,
        table: &RoutingTable,
        choice: &TargetSelection,
        streamed: bool,
        payer: &BudgetScope,
    ) -> Option<Self> {
        let candidate = &table.candidates[choice.target];
        let started = clock::now();
        let expected = Money::from_usd(choice.expected_usd.unwrap_or_default());
        let must_fit = !choice.is_over_budget;
        let booking = payer.reserve(choice.most.cost, expected, must_fit, started)?;
        let lease = choice.acquire_lease(table, started)?;
        if let Some(cost) = choice.most.cost.filter(|_| !must_fit) {
            payer.count_rejected(cost, started);
        }
        Some(Self {
            handle: handle.clone(),
            lease,
            booking,
            price: candidate.price,
            target: choice.target,
            started,
            streamed,
            lost: 0,
            hurried: false,
            patience: Duration::MAX,
            overdue: None,
            is_answered: false,
            limits: UpstreamLimits::default(),
            first_token: None,
            usage: None,
            outcome: Outcome::Cancelled,
        })
    }

    /// A client that leaves has left it for its slowness once it said nothing for so long.
    #[must_use]
    pub fn with_silence_limit(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Nothing more came for so long, and now the client has left.
    pub fn on_client_disconnect(&mut self, waited: Duration) {
        self.overdue = Some(waited.as_secs_f64()).filter(|_| waited > self.patience);
    }

    /// Whether the first content came.
    pub fn has_first_token(&self) -> bool {
        self.first_token.is_some()
    }

    /// The first content is here.
    pub fn first_token(&mut self) {
        if self.first_token.is_some() {
            return;
        }
        let now = clock::now();
        let seconds = now.seconds_since(self.started);
        self.first_token = Some(seconds);
        self.lease.first_token(now);
        if self.streamed {
            self.handle.observe(Observation::FirstToken(FirstToken {
                target: self.target,
                ticket: self.lease.attempt_start(),
                seconds,
                trial: self.lease.is_half_open_probe(),
                limits: std::mem::take(&mut self.limits),
            }));
        }
    }

    /// An answer's headers are here, with what they say of our limits.
    pub fn on_headers(&mut self, limits: UpstreamLimits) {
        self.is_answered = true;
        if !limits.is_empty() {
            self.limits = limits;
        }
    }

    /// It may take only as long as the client gave the whole request.
    pub fn mark_client_deadline(&mut self) {
        self.hurried = true;
    }

    /// Its answer was to be held back and was too much for that.
    pub fn release_hold(&self) {
        self.handle.count_unbuffered();
    }

    /// Ends it, and says what it cost.
    pub fn finish(mut self, outcome: Outcome, usage: Option<MeasuredUsage>) -> AttemptUsage {
        self.outcome = outcome;
        self.usage = usage;
        let cost = self.cost();
        AttemptUsage { usage, cost }
    }

    fn cost(&self) -> Option<Money> {
        attempt_cost(self.usage, self.price.as_ref())
    }
}

/// What an attempt used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AttemptUsage {
    pub usage: Option<MeasuredUsage>,
    pub cost: Option<Money>,
}

impl AttemptUsage {
    /// Nobody was asked, or everybody refused.
    pub const ZERO: Self = Self {
        usage: Some(MeasuredUsage::ZERO),
        cost: Some(Money::ZERO),
    };

    /// Both together; what is unknown of one is unknown of the sum.
    pub fn plus(self, other: Self) -> Self {
        let usage = self.usage.zip(other.usage);
        let cost = self.cost.zip(other.cost);
        Self {
            usage: usage.map(|(one, other)| one.plus(other)),
            cost: cost.map(|(one, other)| one + other),
        }
    }
}

/// A failed attempt, reported already.
pub(super) struct AttemptFailure {
    pub upset: UpstreamError,
    pub spent: AttemptUsage,
    /// Whether it broke after its first content.
    pub had_content: bool,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let ended = clock::now();
        if self.outcome == Outcome::Cancelled && !self.is_answered {
            self.on_client_disconnect(ended.since(self.started));
        }
        let cost = self.cost();
        self.booking.settle(cost);
        let used = self.usage.map(|used| used.usage.input + used.usage.output);
        self.lease.settle(used, ended);
        self.handle.observe(Observation::Attempt(AttemptEnd {
            target: self.target,
            started: self.started,
            ended,
            outcome: self.outcome,
            first_token: self.first_token,
            usage: self.usage,
            cost,
            streamed: self.streamed,
            trial: self.lease.is_half_open_probe(),
            dropped_fields: self.lost,
            ticket: self.lease.attempt_start(),
            limits: std::mem::take(&mut self.limits),
            client_deadline_hit: self.hurried,
            abandoned_after: self.overdue,
        }));
    }
}
