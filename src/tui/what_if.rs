//! The instance's forecast of a draft.

use super::draft::Draft;
use crate::contract::{WeightsDraft, WhatIfReport, WhatIfRequest, Window};
use std::time::Duration;

/// The forecast of a draft, with the request that it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfResult {
    pub request: WhatIfRequest,
    pub report: WhatIfReport,
    /// Arrival, since the start of the dashboard.
    pub at: Duration,
}

impl WhatIfResult {
    /// Returns whether it answers this draft, not an older one.
    pub fn is_about(&self, draft: &Draft) -> bool {
        let asked = what_if_request(draft, self.request.window);
        self.answers(&asked)
    }

    /// Returns whether it answers this request, by however many runs.
    pub fn answers(&self, request: &WhatIfRequest) -> bool {
        let asked = WhatIfRequest {
            quick: request.quick,
            ..self.request.clone()
        };
        asked == *request
    }
}

/// The request for the forecast of a draft, by all runs.
pub fn what_if_request(draft: &Draft, window: Window) -> WhatIfRequest {
    let [cost, latency, reliability, load, priority] =
        draft.points().map(|point| Some(f64::from(point)));
    let mut request = WhatIfRequest {
        weights: WeightsDraft {
            cost,
            latency,
            reliability,
            load,
            priority,
        },
        window,
        providers: draft.provider_drafts(),
        ..WhatIfRequest::default()
    };
    if let Some(settings) = draft.settings() {
        settings.suppose(&mut request);
    }
    request
}
