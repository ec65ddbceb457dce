//! Limits per minute of the client's token and group: requests count when they are read, tokens at
//! the end of the response.

use super::error::GatewayError;
use super::request::ParsedRequest;
use super::request_recorder::RequestRecorder;
use crate::clock;
use crate::domain::{RateScope, RejectionReason};

/// Counts a request in the limits of its client.
///
/// # Errors
///
/// The limit that it exceeds; it counts in none then.
pub(super) fn acquire(
    rates: Option<&RateScope>,
    request: &ParsedRequest,
    recorder: &mut RequestRecorder,
) -> Result<(), GatewayError> {
    let Some(scope) = rates else {
        return Ok(());
    };
    match scope.acquire(request.bounded_tokens(), clock::now()) {
        Ok(permit) => {
            recorder.set_rate_permit(permit);
            Ok(())
        }
        Err(exceeded) => {
            recorder.rate_windows = Some(exceeded.windows);
            recorder.on_rejected(RejectionReason::ClientLimit);
            Err(GatewayError::ClientLimit(Box::new(exceeded)))
        }
    }
}
