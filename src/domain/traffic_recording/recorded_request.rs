//! One recorded request.

use crate::domain::ids::DecisionId;
use crate::domain::model_type::RequestClass;
use crate::domain::request_terms::RequestTerms;
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// One recorded client request.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRequest {
    /// Time of its first selection.
    pub at: UnixTime,
    /// Its decision.
    pub decision: DecisionId,
    /// Its class.
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub input: f64,
    /// Output tokens: as reported once it succeeded, else as expected.
    pub output: f64,
    /// True if the output tokens were reported.
    pub is_measured: bool,
    /// Everything else that it asked for.
    pub terms: Arc<RequestTerms>,
}
