//! What was predicted of a change that was applied here, to be compared with what comes true.

use super::draft::Draft;
use super::preview::{PreviewBasis, preview};
use super::what_if::WhatIfResult;
use crate::contract::{Status, WhatIfTotalsReport};
use std::time::Duration;

/// Time for which it is shown beside the present shares.
const SHOWN_FOR: Duration = Duration::from_mins(2);

/// The forecast of a draft that is in force now.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedForecast {
    /// Its revision, if the instance stated it.
    pub revision: Option<u64>,
    /// When it was applied, since the start of the dashboard.
    pub at: Duration,
    /// Names of the providers, with their predicted shares and ranges.
    pub shares: Vec<(String, f64, Option<[f64; 2]>)>,
    /// Figures of all requests.
    pub total: WhatIfTotalsReport,
}

impl AppliedForecast {
    /// The forecast of `draft`, which was applied at `at`; `None` without runs of recorded requests.
    pub fn new(
        (status, draft): (&Status, &Draft),
        known: &WhatIfResult,
        (revision, at): (Option<u64>, Duration),
    ) -> Option<Self> {
        let preview = preview(status, draft, Some(known));
        if preview.basis != PreviewBasis::ClosedLoop {
            return None;
        }
        let names = status.providers.iter();
        let names = names.map(|it| it.performance.provider.clone());
        Some(Self {
            revision,
            at,
            shares: names
                .zip(&preview.then)
                .map(|(name, then)| (name, then.share, then.range))
                .collect(),
            total: known.report.total.then,
        })
    }

    /// Time for which it is still shown; `None` after that.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        (self.at + SHOWN_FOR).checked_sub(now)
    }
}
