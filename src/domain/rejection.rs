//! Requests that are rejected before any target is called.

/// What was missing for a request that was refused before anybody was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// A target that may serve.
    NoTarget,
    /// Money of a budget. That is the operator's wish, and counts in no rate.
    BudgetExceeded,
    /// Room: more requests ran than the gateway takes at once.
    Overloaded,
}

impl RejectionReason {
    pub const ALL: [Self; 3] = [Self::NoTarget, Self::BudgetExceeded, Self::Overloaded];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoTarget => "no target may serve",
            Self::BudgetExceeded => "no budget has room for it",
            Self::Overloaded => "too many requests at once",
        }
    }
}

/// How many requests were refused for want of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectionCounts {
    pub target: u64,
    pub budget: u64,
    pub room: u64,
}

impl RejectionCounts {
    pub fn add(&mut self, want: RejectionReason, count: u64) {
        match want {
            RejectionReason::NoTarget => self.target += count,
            RejectionReason::BudgetExceeded => self.budget += count,
            RejectionReason::Overloaded => self.room += count,
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.target += other.target;
        self.budget += other.budget;
        self.room += other.room;
    }
}
