//! One attempt at one target: a place taken, a stopwatch, and a report that goes out exactly once,
//! whatever happens, because it goes out on drop.

use crate::clock;
use crate::domain::{
    AttemptEnd, Choice, Lease, Metered, Moment, Money, Observation, Outcome, Price, RoutingTable,
    spent,
};
use crate::engine::Handle;

/// Lives as long as the attempt does. Dropped before [`Attempt::finish`] it reports a client that
/// left.
#[derive(Debug)]
pub(super) struct Attempt {
    handle: Handle,
    lease: Lease,
    price: Option<Price>,
    /// Place in the catalogue.
    pub target: usize,
    pub started: Moment,
    streamed: bool,
    /// Members of the request that the provider's protocol has no words for.
    pub lost: u32,
    first_token: Option<f64>,
    usage: Option<Metered>,
    outcome: Outcome,
}

impl Attempt {
    /// Takes the place; nothing where somebody else was quicker.
    pub fn begin(
        handle: &Handle,
        table: &RoutingTable,
        choice: &Choice,
        streamed: bool,
    ) -> Option<Self> {
        let candidate = &table.candidates[choice.target];
        let lease = Lease::take(
            &candidate.gauge,
            &candidate.provider_gauge,
            candidate.max_concurrent,
            choice.trial,
        )?;
        Some(Self {
            handle: handle.clone(),
            lease,
            price: candidate.price,
            target: choice.target,
            started: clock::now(),
            streamed,
            lost: 0,
            first_token: None,
            usage: None,
            outcome: Outcome::Cancelled,
        })
    }

    /// The first content is here.
    pub fn first_token(&mut self) {
        let now = clock::now();
        self.first_token
            .get_or_insert(now.seconds_since(self.started));
    }

    /// Ends it, and says what it cost.
    pub fn finish(mut self, outcome: Outcome, usage: Option<Metered>) -> Spent {
        self.outcome = outcome;
        self.usage = usage;
        let cost = self.cost();
        Spent { usage, cost }
    }

    fn cost(&self) -> Option<Money> {
        spent(self.usage, self.price.as_ref())
    }
}

/// What an attempt used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub usage: Option<Metered>,
    pub cost: Option<Money>,
}

impl Spent {
    /// Nobody was asked, or everybody refused.
    pub const NOTHING: Self = Self {
        usage: Some(Metered::NOTHING),
        cost: Some(Money::ZERO),
    };
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.handle.observe(Observation::Attempt(AttemptEnd {
            target: self.target,
            started: self.started,
            ended: clock::now(),
            outcome: self.outcome,
            first_token: self.first_token,
            usage: self.usage,
            cost: self.cost(),
            streamed: self.streamed,
            trial: self.lease.is_trial(),
            lost: self.lost,
        }));
    }
}
