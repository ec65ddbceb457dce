//! What the checks of all providers share.

use super::secret_reader::SecretReader;
use super::source::Sources;
use super::variables::EnvVars;
use super::vendors::GatewayKeyMode;

/// The inputs that all providers share.
#[derive(Clone, Copy)]
pub(super) struct ProviderContext<'a> {
    pub env_vars: &'a EnvVars,
    pub mode: &'a GatewayKeyMode,
    pub sources: &'a Sources,
    pub secrets: &'a SecretReader<'a>,
}
