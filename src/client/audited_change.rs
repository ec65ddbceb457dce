//! What the audit log says of a change.

/// What a change is about.
pub(super) struct AuditedChange<'a> {
    /// Such as `weights.set`.
    pub(super) action: &'static str,
    /// Such as the name of a provider.
    pub(super) subject: &'a str,
    /// Why, as the actor said.
    pub(super) reason: Option<String>,
    /// What was asked for.
    pub(super) asked: String,
}
