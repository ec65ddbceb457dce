//! Requests that are rejected before any target is called.

/// Reason for a request that was rejected before any target was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// No target is eligible.
    NoTarget,
    /// A budget is used up. Intended by the operator, so it counts in no rate.
    BudgetExceeded,
    /// A limit per minute of the client's token or group is used up. Intended by the operator too.
    ClientLimit,
    /// More requests are running than `max_in_flight` allows.
    Overloaded,
}

impl RejectionReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [
        Self::NoTarget,
        Self::BudgetExceeded,
        Self::ClientLimit,
        Self::Overloaded,
    ];

    /// Returns the code in stored rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTarget => "no_target",
            Self::BudgetExceeded => "budget_exceeded",
            Self::ClientLimit => "client_limit",
            Self::Overloaded => "overloaded",
        }
    }

    /// Returns true if the operator set the limit for the client: it counts in no rate.
    pub const fn is_intended(self) -> bool {
        matches!(self, Self::BudgetExceeded | Self::ClientLimit)
    }

    /// Returns the reason as text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoTarget => "no target is eligible",
            Self::BudgetExceeded => "a budget is used up",
            Self::ClientLimit => "a limit of the client is used up",
            Self::Overloaded => "too many concurrent requests",
        }
    }
}

/// Rejected requests by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectionCounts {
    /// Rejections because no target was eligible.
    pub target: u64,
    /// Rejections because a budget, or a limit of the client, was used up.
    pub budget: u64,
    /// Rejections because of `max_in_flight`.
    pub room: u64,
}

impl RejectionCounts {
    /// Adds `count` rejections.
    pub fn add(&mut self, reason: RejectionReason, count: u64) {
        match reason {
            RejectionReason::NoTarget => self.target += count,
            RejectionReason::BudgetExceeded | RejectionReason::ClientLimit => self.budget += count,
            RejectionReason::Overloaded => self.room += count,
        }
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: Self) {
        self.target += other.target;
        self.budget += other.budget;
        self.room += other.room;
    }
}
