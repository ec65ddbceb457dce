//! Keys that a command prints. It runs when the key is needed first, after a time, and when a provider
//! rejects the key; calls at the same time share one run.

use super::UpstreamError;
use super::sensitive_header::sensitive;
use crate::domain::Failure;
use crate::secrets::{Program, ProgramError};
use http::HeaderValue;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Longest run of a command.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// After a run that changed nothing the command rests for this time, so that many rejected requests do
/// not start it again and again.
const REST: Duration = Duration::from_secs(1);

/// The headers of a key, marked as sensitive.
#[derive(Clone)]
pub(super) struct KeyHeaders {
    /// The key alone.
    pub bare: HeaderValue,
    /// The key as a bearer token.
    pub bearer: HeaderValue,
}

impl KeyHeaders {
    /// `None` where the key holds a byte that no header can.
    pub fn new(key: &str) -> Option<Self> {
        let bearer = zeroize::Zeroizing::new(format!("Bearer {key}"));
        Some(Self {
            bare: sensitive(key)?,
            bearer: sensitive(&bearer)?,
        })
    }
}

/// Gives out the key that a command prints. Cheap to clone; all clones share it.
#[derive(Clone)]
pub(super) struct CommandKey(Arc<Shared>);

struct Shared {
    program: Program,
    refresh: Duration,
    /// Held during a run.
    running: Mutex<()>,
    state: std::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    key: Option<KeyHeaders>,
    /// The key before, which responses on their way may quote.
    earlier: Option<HeaderValue>,
    /// When the key is due to be read again.
    due: Option<Instant>,
    /// End of the last run that gave no other key.
    rested: Option<Instant>,
    /// Why the last run failed, while there is no key.
    problem: Option<Arc<CommandKeyError>>,
}

/// Why a command gave no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandKeyError {
    #[error("{0}")]
    Program(#[source] ProgramError),
    #[error("the command {0} printed a line break or another character that no header can hold")]
    NotAHeader(String),
    #[error("the command {0} was not run: no thread is left")]
    NoThread(String),
}

impl CommandKey {
    /// Nothing runs before the first key is needed.
    pub fn new(program: Program, refresh: Duration) -> Self {
        Self(Arc::new(Shared {
            program,
            refresh,
            running: Mutex::new(()),
            state: std::sync::Mutex::default(),
        }))
    }

    /// Returns the key. A key that is due is read again in the background; one that a provider has
    /// `refused` is read again first, unless that was done since.
    pub async fn key(&self, refused: Option<&HeaderValue>) -> Result<KeyHeaders, UpstreamError> {
        if let Some(key) = self.current(refused) {
            if self.take_due() {
                let source = self.clone();
                tokio::spawn(async move { source.read_in_background().await });
            }
            return Ok(key);
        }
        let _running = self.0.running.lock().await;
        // Another caller may have run it meanwhile.
        if let Some(key) = self.current(refused) {
            return Ok(key);
        }
        if self.is_resting() {
            let state = self.state();
            return match (&state.key, &state.problem) {
                (Some(key), _) => Ok(key.clone()),
                (None, Some(problem)) => Err(failed(Arc::clone(problem))),
                (None, None) => Err(failed(Arc::new(CommandKeyError::NoThread(
                    self.0.program.name().to_owned(),
                )))),
            };
        }
        match self.read().await {
            Ok(key) => Ok(key),
            Err(problem) => Err(failed(problem)),
        }
    }

    /// The present key and the one before it.
    pub fn known_keys(&self) -> Vec<HeaderValue> {
        let state = self.state();
        let key = state.key.iter().map(|key| key.bare.clone());
        key.chain(state.earlier.clone()).collect()
    }

    /// Lets the next call read the key again in the background.
    pub fn refresh(&self) {
        let mut state = self.state();
        if state.key.is_some() {
            state.due = Some(Instant::now());
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key, unless it is the refused one.
    fn current(&self, refused: Option<&HeaderValue>) -> Option<KeyHeaders> {
        let state = self.state();
        let key = state.key.as_ref();
        key.filter(|key| Some(&key.bare) != refused).cloned()
    }

    /// True for the first caller after the key is due.
    fn take_due(&self) -> bool {
        let mut state = self.state();
        let is_due = state.due.is_some_and(|due| due <= Instant::now());
        if is_due {
            state.due = None;
        }
        is_due
    }

    fn is_resting(&self) -> bool {
        let rested = self.state().rested;
        rested.is_some_and(|ended| ended.elapsed() < REST)
    }

    async fn read_in_background(&self) {
        let _running = self.0.running.lock().await;
        if let Err(problem) = self.read().await {
            tracing::warn!("{problem}; the key that it printed before stays in use");
        }
    }

    /// Runs the command once. After a failure a key that is known stays.
    async fn read(&self) -> Result<KeyHeaders, Arc<CommandKeyError>> {
        let program = self.0.program.clone();
        let name = program.name().to_owned();
        let run = tokio::task::spawn_blocking(move || program.run(TIME_LIMIT)).await;
        let key = match run {
            Ok(Ok(secret)) => {
                KeyHeaders::new(secret.expose()).ok_or(CommandKeyError::NotAHeader(name))
            }
            Ok(Err(error)) => Err(CommandKeyError::Program(error)),
            Err(_) => Err(CommandKeyError::NoThread(name)),
        };
        let now = Instant::now();
        let mut state = self.state();
        state.due = Some(now + self.0.refresh);
        match key {
            Ok(key) => {
                let known = state.key.replace(key.clone()).map(|known| known.bare);
                let is_same = known.as_ref() == Some(&key.bare);
                state.rested = is_same.then_some(now);
                if !is_same {
                    state.earlier = known;
                }
                state.problem = None;
                Ok(key)
            }
            Err(problem) => {
                let problem = Arc::new(problem);
                state.rested = Some(now);
                state.problem = Some(Arc::clone(&problem));
                Err(problem)
            }
        }
    }
}

/// Nothing was sent to the provider. Its server is not at fault, but neither is its key refused.
fn failed(problem: Arc<CommandKeyError>) -> UpstreamError {
    UpstreamError::caused_by(Failure::Server, problem)
}

impl fmt::Debug for CommandKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CommandKey").field(&self.0.program).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::KeyIdx;
    use crate::protocols::{Endpoint, EndpointKey, by_kind};
    use futures_util::future::join_all;
    use std::path::{Path, PathBuf};

    const HOUR: Duration = Duration::from_hours(1);

    /// A command that prints the content of a file and adds a line to another file for each run.
    struct Vault {
        folder: tempfile::TempDir,
    }

    impl Vault {
        fn new(key: &str) -> Self {
            let vault = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            vault.set(key);
            vault
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn set(&self, key: &str) {
            std::fs::write(self.path("key"), key).unwrap();
        }

        fn runs(&self) -> usize {
            let runs = std::fs::read_to_string(self.path("runs")).unwrap_or_default();
            runs.lines().count()
        }

        fn source(&self, refresh: Duration) -> CommandKey {
            let quoted = |path: &Path| path.display().to_string();
            let (key, runs) = (quoted(&self.path("key")), quoted(&self.path("runs")));
            let line = format!("sh -c 'echo run >> {runs}; cat {key}'");
            CommandKey::new(Program::parse(&line).unwrap(), refresh)
        }
    }

    async fn key(source: &CommandKey, refused: Option<&str>) -> String {
        let refused = refused.map(|key| sensitive(key).unwrap());
        let key = source.key(refused.as_ref()).await;
        let key = key.unwrap_or_else(|error| panic!("{}", error.message));
        assert!(key.bare.is_sensitive() && key.bearer.is_sensitive());
        key.bare.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn many_requests_share_one_run() {
        let vault = Vault::new("sk-1");
        let source = vault.source(HOUR);

        for key in join_all((0..50).map(|_| key(&source, None))).await {
            assert_eq!(key, "sk-1");
        }
        assert_eq!(vault.runs(), 1);
    }

    #[tokio::test]
    async fn a_rejected_key_is_read_again_once_for_all_that_used_it() {
        let vault = Vault::new("sk-1");
        let source = vault.source(HOUR);
        assert_eq!(key(&source, None).await, "sk-1");
        vault.set("sk-2");

        for key in join_all((0..50).map(|_| key(&source, Some("sk-1")))).await {
            assert_eq!(key, "sk-2");
        }

        assert_eq!(vault.runs(), 2);
        let known: Vec<_> = source.known_keys();
        assert_eq!(known, ["sk-2", "sk-1"]);
        // The command prints the same key again, and rests then.
        for _ in 0..3 {
            assert_eq!(key(&source, Some("sk-2")).await, "sk-2");
        }
        assert!(vault.runs() < 6, "{} runs", vault.runs());
    }

    #[tokio::test]
    async fn a_key_that_is_due_is_read_in_the_background() {
        let vault = Vault::new("sk-1");
        let source = vault.source(HOUR);
        assert_eq!(key(&source, None).await, "sk-1");
        vault.set("sk-2");
        assert_eq!(key(&source, None).await, "sk-1");

        source.refresh();
        while key(&source, None).await == "sk-1" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(key(&source, None).await, "sk-2");
        assert_eq!(vault.runs(), 2);

        tokio::time::pause();
        tokio::time::advance(HOUR + Duration::from_secs(1)).await;
        tokio::time::resume();
        vault.set("sk-3");
        while key(&source, None).await == "sk-2" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(vault.runs(), 3);
    }

    #[tokio::test]
    async fn a_command_that_fails_names_itself_and_a_known_key_stays() {
        let vault = Vault::new("sk-1");
        let missing = CommandKey::new(Program::parse("false get").unwrap(), HOUR);
        let source = vault.source(HOUR);
        assert_eq!(key(&source, None).await, "sk-1");
        std::fs::remove_file(vault.path("key")).unwrap();

        for _ in 0..2 {
            let Err(error) = missing.key(None).await else {
                panic!("a key");
            };
            assert_eq!(error.message, "the command false ended with exit code 1");
        }
        source.refresh();
        while vault.runs() < 2 {
            assert_eq!(key(&source, None).await, "sk-1");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(key(&source, None).await, "sk-1");
    }

    #[tokio::test]
    async fn each_key_of_an_endpoint_may_come_from_a_command() {
        let vault = Vault::new("sk-printed");
        let program = vault.source(HOUR).0.program.clone();
        let endpoint = Endpoint::new("http://h/v1", None, "openai", by_kind("openai").unwrap());
        let keys = [
            EndpointKey::Fixed("sk-fixed"),
            EndpointKey::Command(&program, HOUR),
        ];
        let endpoint = endpoint.unwrap().with_keys(&keys).unwrap();
        assert_eq!(endpoint.key_count(), 2);

        let second = endpoint.with_key(KeyIdx::all(2).last());
        assert_eq!(second.bearer(), None);
        let ready = second.with_credentials(None).await.unwrap();

        assert_eq!(ready.bearer().unwrap(), "Bearer sk-printed");
        let secrets: Vec<String> = endpoint.secrets().map(|key| key.to_string()).collect();
        assert_eq!(secrets, ["sk-fixed", "sk-printed"]);
        assert!(ready.has_credential_of(&ready) && !ready.has_credential_of(&endpoint));
    }
}
