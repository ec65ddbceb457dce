//! Validation of provider patches.

use crate::domain::command::{CommandError, ProviderPatch};

impl ProviderPatch {
    /// Validates the values.
    ///
    /// # Errors
    /// Returns the first field out of range.
    pub fn validate(&self) -> Result<(), CommandError> {
        checked_patch(self).map(|_| ())
    }

    /// Returns true if it names a setting that can be reverted.
    pub fn has_setting(&self) -> bool {
        self.enabled.is_some()
            || self.draining.is_some()
            || self.priority.is_some()
            || self.max_concurrent.is_some()
            || self.weights.is_some()
    }
}

/// Validated values of a patch.
pub(super) struct ValidatedPatch {
    pub priority: Option<u8>,
    pub max_concurrent: Option<u32>,
}

pub(super) fn checked_patch(patch: &ProviderPatch) -> Result<ValidatedPatch, CommandError> {
    let priority = match patch.priority {
        Some(value) => Some(whole_percent("priority", value)?),
        None => None,
    };
    let max_concurrent = match patch.max_concurrent {
        Some(limit) => Some(u32::try_from(limit).ok().filter(|&limit| limit > 0).ok_or(
            CommandError::Field {
                field: "maxConcurrent",
                value: limit as f64,
                expected: "a whole number from 1 up",
            },
        )?),
        None => None,
    };
    if let Some(weights) = &patch.weights {
        for (field, value) in weights.named() {
            if let Some(value) = value.filter(|value| !(0.0..=100.0).contains(value)) {
                return Err(CommandError::Field {
                    field,
                    value,
                    expected: "a number from 0 to 100",
                });
            }
        }
        if !weights.is_empty() && weights.named().iter().all(|(_, value)| *value == Some(0.0)) {
            return Err(CommandError::Field {
                field: "weights",
                value: 0.0,
                expected: "more than 0 in one objective",
            });
        }
    }
    Ok(ValidatedPatch {
        priority,
        max_concurrent,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number in 0..=100"
)]
fn whole_percent(field: &'static str, value: f64) -> Result<u8, CommandError> {
    if (0.0..=100.0).contains(&value) && value.fract() == 0.0 {
        Ok(value as u8)
    } else {
        Err(CommandError::Field {
            field,
            value,
            expected: "a whole number from 0 to 100",
        })
    }
}
