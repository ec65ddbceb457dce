//! The task that holds the active configuration. It writes changes back to their files, and reloads
//! on request and when a file changes.

use super::config_watcher::ConfigWatcher;
use super::instance::Instance;
use super::lifecycle_log;
use super::model_lists::{ListChange, ModelLists};
use super::persist;
use super::reload::{ActiveConfig, ReloadError, ReloadTrigger};
use super::reloadable_state::{ReloadRequest, ReloadableState};
use super::service_notifier::ServiceNotifier;
use crate::client::ApiError;
use crate::config::{self, Loaded, Sources};
use crate::contract::ReloadReport;
use crate::domain::Effect;
use crate::probe::ModelListUpdate;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The actor of reloads that no client requested, in the list of revisions.
const SYSTEM_ACTOR: &str = "aibal-tui";

/// What caused a reload that no client requested: its actor in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Signal,
    File,
    ModelList,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
            Self::ModelList => "provider",
        }
    }
}

#[derive(Debug)]
struct ConfigTask {
    state: ReloadableState,
    sources: Sources,
    no_save: bool,
    active: ActiveConfig,
    notifier: ServiceNotifier,
    /// What the service manager shows while nothing is wrong.
    serving: String,
    /// Why the last change stays in memory, where it could not be written.
    unsaved: Option<String>,
    /// Warnings that were already emitted; each is emitted once.
    emitted_warnings: BTreeSet<String>,
    model_lists: ModelLists,
}

/// Starts the task. It ends with the engine.
pub(super) fn spawn(instance: &mut Instance, sources: Sources, loaded: Loaded, no_save: bool) {
    let queues = (instance.persist_queue.take(), instance.save_queries.take());
    let (Some(mut persist_queue), Some(mut save_queries)) = queues else {
        return;
    };
    let lists = instance.reloadable.take().zip(instance.listed.take());
    let Some(((state, mut requests), mut listed)) = lists else {
        return;
    };
    let mut watcher = ConfigWatcher::new(files(&sources, &loaded));
    let mut task = ConfigTask {
        state,
        sources,
        no_save,
        unsaved: None,
        emitted_warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
        active: ActiveConfig::new(loaded, instance.notifier.clone()),
        notifier: instance.notifier.clone(),
        serving: lifecycle_log::serving(instance.address),
        model_lists: ModelLists::default(),
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                // Changes before the questions where they are saved.
                biased;
                effect = persist_queue.recv() => match effect {
                    Some(effect) => task.persist(&effect).await,
                    None => return,
                },
                Some(query) = save_queries.recv() => {
                    while let Ok(effect) = persist_queue.try_recv() {
                        task.persist(&effect).await;
                    }
                    let _client_may_have_left = query.send(task.saved());
                }
                Some(request) = requests.recv() => task.handle_request(request).await,
                Some(list) = listed.recv() => task.on_listed(list).await,
                () = watcher.changed() => task.reload_files().await,
            }
            watcher.set_files(files(&task.sources, &task.active.loaded));
        }
    });
}

/// All files that the configuration is read from, whether they exist or not.
fn files(sources: &Sources, loaded: &Loaded) -> Vec<PathBuf> {
    let mut files = sources.files();
    files.push(sources.dot_env());
    files.extend(loaded.key_files.iter().cloned());
    files
}

impl ConfigTask {
    /// Where the last change is saved, or why it is not.
    fn saved(&self) -> String {
        let saved = || persist::saved_to(&self.active.loaded, self.no_save);
        self.unsaved.clone().unwrap_or_else(saved)
    }

    async fn persist(&mut self, effect: &Effect) {
        if self.no_save {
            return;
        }
        let handle = &self.state.handle;
        let Some(edit) = persist::edit(effect, handle).await else {
            return;
        };
        let (loaded, sources) = (self.active.loaded.clone(), self.sources.clone());
        let written = tokio::task::spawn_blocking(move || {
            let report = config::write_back(&loaded, std::slice::from_ref(&edit))?;
            let loaded = loaded.after_writing(&edit, &report, &sources);
            Ok::<_, config::WriteError>((report, loaded))
        });
        match written.await {
            Ok(Ok((report, loaded))) => {
                // Of weights it is known before, see `persist::saved_to`.
                let is_settings = matches!(effect, Effect::PersistSettings(_));
                let unsaved = report.unpersisted.first().filter(|_| is_settings);
                self.unsaved = unsaved.map(|value| format!("in memory: {}", value.because));
                for value in report.unpersisted {
                    tracing::info!("{value}");
                }
                self.active.loaded = loaded;
            }
            Ok(Err(error)) => {
                self.unsaved = Some(format!("in memory: could not {error}"));
                handle.emit_info(format!("a change stays in memory: could not {error}"), true);
            }
            Err(error) => {
                self.unsaved = Some("in memory: writing the file failed".to_owned());
                tracing::error!("a change was not written: {error}");
            }
        }
    }

    async fn handle_request(&mut self, request: ReloadRequest) {
        let trigger = ReloadTrigger {
            who: request.who,
            reason: request.reason,
            is_manual: true,
        };
        match request.reply {
            Some(reply) => {
                let result = self.reload(trigger).await;
                let result = result.map_err(|error| ApiError::from(&error));
                let _client_may_have_left = reply.send(result);
            }
            None => self.reload_unattended(Cause::Signal, trigger).await,
        }
    }

    async fn reload_files(&mut self) {
        let trigger = ReloadTrigger {
            who: SYSTEM_ACTOR.to_owned(),
            reason: Some("a file of the configuration changed".to_owned()),
            is_manual: false,
        };
        self.reload_unattended(Cause::File, trigger).await;
    }

    /// Reloads where a provider lists other models than the catalogue has.
    async fn on_listed(&mut self, (provider, names): ModelListUpdate) {
        let catalogue = self.state.catalogue();
        let settings = &self.active.loaded.settings;
        match self
            .model_lists
            .compare(settings, &catalogue, (provider, &names))
        {
            ListChange::None => {}
            ListChange::TooMany(warning) => {
                if self.emitted_warnings.insert(warning.clone()) {
                    self.state.handle.emit_info(warning, true);
                }
            }
            ListChange::Other(name) => {
                let trigger = ReloadTrigger {
                    who: SYSTEM_ACTOR.to_owned(),
                    reason: Some(format!("{name} lists other models")),
                    is_manual: true,
                };
                self.reload_unattended(Cause::ModelList, trigger).await;
            }
        }
    }

    /// No client waits for the result, so errors become an event and log lines.
    async fn reload_unattended(&mut self, cause: Cause, trigger: ReloadTrigger) {
        let revision = self.state.handle.routing_table().revision;
        let reason = trigger.reason.clone().unwrap_or_default();
        let result = self.reload(trigger).await;
        let has_news = result
            .as_ref()
            .map_or(true, |report| !report.changed.is_empty());
        if has_news || cause == Cause::Signal {
            let local = self.state.local.acting_as(cause.as_str(), "local");
            let result = result.as_ref().map_err(|error| error.lines().join("\n"));
            local.audit_reload(&reason, revision, &result);
        }
        if let Err(error) = result {
            for line in error.lines().iter().skip(1) {
                tracing::warn!("{line}");
            }
            self.state.handle.emit_info(error.to_string(), true);
        }
    }

    async fn reload(&mut self, trigger: ReloadTrigger) -> Result<ReloadReport, ReloadError> {
        let from = (&self.sources, self.no_save);
        let result = self.active.reload(&self.state, from, trigger).await;
        let status = match &result {
            Ok(_) => self.serving.clone(),
            Err(error) => format!("{}; the last reload failed: {error}", self.serving),
        };
        self.notifier.status(&status);
        let report = result?;
        for warning in &report.warnings {
            if self.emitted_warnings.insert(warning.clone()) {
                self.state.handle.emit_info(warning.clone(), false);
            }
        }
        Ok(report)
    }
}

/// Requests a reload that no client waits for, for example at a signal.
pub(super) fn request_reload(instance: &Instance, reason: &str) {
    let request = ReloadRequest {
        who: SYSTEM_ACTOR.to_owned(),
        reason: Some(reason.to_owned()),
        reply: None,
    };
    if instance.reloads.try_send(request).is_err() {
        tracing::warn!(
            "the configuration was not reloaded ({reason}): there is none, or too many reloads wait"
        );
    }
}
