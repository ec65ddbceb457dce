//! Model servers on the user's own machine: which of them answer.

use super::free_call::{FreeCallError, free_call};
use crate::config::{self, LOCAL_SERVERS, Loaded, LocalServer, SettingErrors, Sources};
use crate::foreign::ConnectionFault;
use crate::protocols::{Endpoint, by_kind};
use std::time::Duration;

/// Time in which a server on this machine answers.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// The search for the Ollama of this machine by an instance without any provider.
#[derive(Debug, Default)]
pub(super) struct OllamaSearch(Option<Result<usize, FreeCallError>>);

impl OllamaSearch {
    /// What an operator must know where it is used without being configured.
    pub fn used(&self) -> Option<String> {
        let models = self.0.as_ref()?.as_ref().ok()?;
        let LocalServer {
            product, base_url, ..
        } = LOCAL_SERVERS[0];
        Some(format!(
            "no provider is configured; {product} at {base_url} is used, which has {models} models; \
             `aibal-tui config init` makes that a configuration"
        ))
    }

    /// Why it is not used; `None` without a search.
    pub fn missing(&self) -> Option<String> {
        let error = self.0.as_ref()?.as_ref().err()?;
        let LocalServer {
            product, base_url, ..
        } = LOCAL_SERVERS[0];
        Some(format!("no {product} answers at {base_url}: {error}"))
    }
}

/// Reads the configuration. Without any provider, and with Ollama on this machine, that is used.
///
/// # Errors
///
/// The errors of the configuration.
pub(super) async fn load(
    mut sources: Sources,
) -> Result<(Sources, Loaded, OllamaSearch), SettingErrors> {
    let loaded = config::load(&sources)?;
    if !loaded.settings.providers.is_empty() {
        return Ok((sources, loaded, OllamaSearch::default()));
    }
    let models = models(&LOCAL_SERVERS[0]).await;
    let search = OllamaSearch(Some(models.map(|models| models.len())));
    if search.used().is_none() {
        return Ok((sources, loaded, search));
    }
    sources.use_local_ollama();
    let loaded = config::load(&sources)?;
    Ok((sources, loaded, search))
}

/// The models of a server on this machine.
///
/// # Errors
///
/// Nothing answers, or what answers lists no models.
pub(super) async fn models(server: &LocalServer) -> Result<Vec<String>, FreeCallError> {
    let protocol = by_kind(server.kind);
    let endpoint = protocol.and_then(|api| Endpoint::new(server.base_url, None, server.kind, api));
    let endpoint = endpoint.ok_or(FreeCallError::Connection(ConnectionFault::Other))?;
    let answer = free_call(&endpoint, ANSWER_TIMEOUT).await?;
    answer.models.ok_or(FreeCallError::NoList)
}
