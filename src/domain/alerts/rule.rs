//! The rules, and how severe a breach is.

use std::str::FromStr;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertRule {
    /// No provider in service can be used.
    NoProvider,
    /// One provider cannot be used.
    ProviderUnavailable,
    /// The breaker of a provider opens again and again.
    BreakerFlapping,
    /// Too many attempts at a provider fail.
    ErrorRate,
    /// A provider answers too slowly.
    Latency,
    /// The probes of a provider fail.
    ProbeFailing,
    /// A part of a budget is spent.
    BudgetSpent,
    /// A budget will not last its period.
    BudgetBurn,
    /// A bounded queue dropped data.
    DataLost,
    /// Sent on request, to test the delivery.
    Test,
}

impl AlertRule {
    /// All rules.
    pub const ALL: [Self; 10] = [
        Self::NoProvider,
        Self::ProviderUnavailable,
        Self::BreakerFlapping,
        Self::ErrorRate,
        Self::Latency,
        Self::ProbeFailing,
        Self::BudgetSpent,
        Self::BudgetBurn,
        Self::DataLost,
        Self::Test,
    ];

    /// The rules about one provider, the one that explains the others first: a provider has at most
    /// one of these alerts at a time.
    pub const OF_PROVIDER: [Self; 5] = [
        Self::ProviderUnavailable,
        Self::BreakerFlapping,
        Self::ErrorRate,
        Self::Latency,
        Self::ProbeFailing,
    ];

    /// Returns the name in the API and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoProvider => "no_provider",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::BreakerFlapping => "breaker_flapping",
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
            Self::ProbeFailing => "probe_failing",
            Self::BudgetSpent => "budget",
            Self::BudgetBurn => "budget_burn",
            Self::DataLost => "data_lost",
            Self::Test => "test",
        }
    }

    /// Returns what to do, in one or two sentences.
    pub const fn help(self) -> &'static str {
        match self {
            Self::NoProvider => {
                "Requests fail until a provider is usable again. Check the network of this machine \
                 and the keys first, then the vendors' status pages; `aibal-tui status` says why \
                 each provider is not used."
            }
            Self::ProviderUnavailable => {
                "Other providers take its requests. Look at the reason in `aibal-tui status` and at \
                 the vendor's status page; disable the provider if the outage lasts."
            }
            Self::BreakerFlapping => {
                "The provider recovers and fails again. Drain it or lower its max_concurrent until \
                 it is stable, and look at its failures by code."
            }
            Self::ErrorRate => {
                "Look at its failures by code: rate limits ask for a lower requests_per_minute, \
                 timeouts for a higher timeout_ms, server errors for less weight until they end."
            }
            Self::Latency => {
                "Give latency more weight, lower the provider's max_concurrent, or raise latency_ms \
                 if its models are slow by nature."
            }
            Self::ProbeFailing => {
                "The provider may be about to fail, or its list of models needs another key or \
                 base_url. `POST /api/providers/{name}/probe` shows the answer."
            }
            Self::BudgetSpent => {
                "At 100 % requests are refused, or served by the cheapest target, as [budget] \
                 on_limit says. `aibal-tui status` shows who spends; raise the limit or wait for \
                 the next period."
            }
            Self::BudgetBurn => {
                "At this rate the budget ends before its period. Find what spends, give cost more \
                 weight, or raise the limit."
            }
            Self::DataLost => {
                "Statistics, history or deliveries have gaps; requests are not affected. Look in \
                 the log for a slow or full disk, a database or webhook that does not answer, or a \
                 machine at its limit."
            }
            Self::Test => "Nothing to do: the delivery of alerts was tested.",
        }
    }
}

impl FromStr for AlertRule {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|rule| rule.as_str() == word);
        known.ok_or(())
    }
}

/// How soon an operator should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertSeverity {
    /// Nothing is broken.
    Info,
    /// Soon.
    Warning,
    /// Something does not work, and something else replaces it.
    Error,
    /// Clients are affected.
    Critical,
}

impl AlertSeverity {
    const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Returns the word in the API and for pagers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for AlertSeverity {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.ok_or(())
    }
}
