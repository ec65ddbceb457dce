//! Where the next request for a route would go.

use super::ids::TargetId;
use std::sync::Arc;

/// A route, and where the next request for it would go.
#[derive(Debug, Clone)]
pub struct RouteSnapshot {
    /// Name for clients.
    pub model: Arc<str>,
    /// Its targets in the configured order, each with the probability that the next usual request
    /// goes there, 0..1.
    pub targets: Vec<(TargetId, f64)>,
}
