//! The one task that holds the configuration in force: it writes changes back to where they belong,
//! and reads everything again when somebody asks for it or a file is another than it was.

use super::config_watcher::ConfigWatcher;
use super::instance::Instance;
use super::persist;
use super::reload::{ActiveConfig, ReloadTrigger};
use super::reloadable_state::{ReloadRequest, ReloadableState};
use crate::client::ApiError;
use crate::config::{self, Loaded, Sources};
use crate::domain::Effect;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Who the record names where nobody asked.
const SYSTEM_ACTOR: &str = "aibal-tui";

#[derive(Debug)]
struct ConfigTask {
    controls: ReloadableState,
    sources: Sources,
    no_save: bool,
    holding: ActiveConfig,
    /// Warnings that were told.
    warned: BTreeSet<String>,
}

/// Starts the task. It ends with the engine.
pub(super) fn spawn(instance: &mut Instance, sources: Sources, loaded: Loaded, no_save: bool) {
    let taken = instance.keepsakes.take().zip(instance.reloading.take());
    let Some((mut keepsakes, (controls, mut wishes))) = taken else {
        return;
    };
    let mut watch = ConfigWatcher::over(files(&sources, &loaded));
    let mut upkeep = ConfigTask {
        controls,
        sources,
        no_save,
        warned: loaded.warnings.iter().map(ToString::to_string).collect(),
        holding: ActiveConfig::new(loaded),
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                effect = keepsakes.recv() => match effect {
                    Some(effect) => upkeep.keep(&effect).await,
                    None => return,
                },
                Some(wish) = wishes.recv() => upkeep.grant(wish).await,
                () = watch.changed() => upkeep.follow_files().await,
            }
            watch.look_at(files(&upkeep.sources, &upkeep.holding.loaded));
        }
    });
}

/// Every file that the configuration came from, or could come from.
fn files(sources: &Sources, loaded: &Loaded) -> Vec<PathBuf> {
    let mut files = sources.files();
    files.push(sources.dot_env());
    files.extend(loaded.key_files().map(|path| sources.cwd.join(path)));
    files
}

impl ConfigTask {
    async fn keep(&mut self, effect: &Effect) {
        if self.no_save {
            return;
        }
        let handle = &self.controls.handle;
        let Some(edit) = persist::edit(effect, handle).await else {
            return;
        };
        let (loaded, sources) = (self.holding.loaded.clone(), self.sources.clone());
        let written = tokio::task::spawn_blocking(move || {
            let report = config::write_back(&loaded, std::slice::from_ref(&edit))?;
            let loaded = loaded.after_writing(&edit, &report, &sources);
            Ok::<_, config::WriteError>((report, loaded))
        });
        match written.await {
            Ok(Ok((report, loaded))) => {
                for held in report.held {
                    tracing::info!("{held}");
                }
                self.holding.loaded = loaded;
            }
            Ok(Err(error)) => {
                handle.emit_info(format!("a change stays in memory: could not {error}"), true);
            }
            Err(error) => tracing::error!("a change was not written: {error}"),
        }
    }

    async fn grant(&mut self, wish: ReloadRequest) {
        let occasion = ReloadTrigger {
            who: wish.who,
            reason: wish.reason,
            is_asked: true,
        };
        match wish.reply {
            Some(reply) => {
                let answer = self.reload(occasion).await;
                let _who_asked_may_have_left = reply.send(answer.map_err(|it| ApiError::from(&it)));
            }
            None => self.reload_unasked(occasion).await,
        }
    }

    async fn follow_files(&mut self) {
        let occasion = ReloadTrigger {
            who: SYSTEM_ACTOR.to_owned(),
            reason: Some("a file of the configuration changed".to_owned()),
            is_asked: false,
        };
        self.reload_unasked(occasion).await;
    }

    /// Nobody waits for the answer, so what is wrong goes to the events, and with them to the log.
    async fn reload_unasked(&mut self, occasion: ReloadTrigger) {
        if let Err(refusal) = self.reload(occasion).await {
            for line in refusal.lines().iter().skip(1) {
                tracing::warn!("{line}");
            }
            self.controls.handle.emit_info(refusal.sentence(), true);
        }
    }

    async fn reload(
        &mut self,
        occasion: ReloadTrigger,
    ) -> Result<crate::contract::ReloadReport, super::reload::ReloadError> {
        let from = (&self.sources, self.no_save);
        let report = self.holding.reload(&self.controls, from, occasion).await?;
        for warning in &report.warnings {
            if self.warned.insert(warning.clone()) {
                self.controls.handle.emit_info(warning.clone(), false);
            }
        }
        Ok(report)
    }
}

/// Asks for a reload that nobody waits for, for example at a signal.
pub(super) fn ask(instance: &Instance, reason: &str) {
    let wish = ReloadRequest {
        who: SYSTEM_ACTOR.to_owned(),
        reason: Some(reason.to_owned()),
        reply: None,
    };
    if instance.reloads.try_send(wish).is_err() {
        tracing::warn!("there is no configuration that could be read again now ({reason})");
    }
}
