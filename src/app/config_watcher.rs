//! The files of the configuration, watched. Folders are watched rather than files, so that a file
//! that is replaced by another of its name, or comes to be later, is seen too; and what counts is
//! the content, not the event.

use aws_lc_rs::digest::{SHA256, digest};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Whoever writes a file in several steps is let finish.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// A file that never rests is read at last all the same.
const MAX_DEBOUNCE_LOOKS: u32 = 50;
/// Where nothing tells of changes, files are looked at that often.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Hashes of all files; keys may be in them.
type FileHashes = Vec<Option<[u8; 32]>>;

/// What an event must touch to matter.
#[derive(Debug, Default)]
struct WatchedPaths {
    files: BTreeSet<PathBuf>,
    /// Everything in them matters: a link may be led elsewhere by a link beside it.
    folders: BTreeSet<PathBuf>,
}

/// The watch.
#[derive(Debug)]
pub(super) struct ConfigWatcher {
    files: Vec<PathBuf>,
    scope: Arc<Mutex<WatchedPaths>>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    hints: mpsc::Receiver<()>,
    /// Something happened that was not looked at yet.
    is_due: bool,
    seen: Option<FileHashes>,
}

impl ConfigWatcher {
    /// Over these files, whether they are there or not. The first look is due at once: something
    /// may have changed since they were read.
    pub fn over(files: Vec<PathBuf>) -> Self {
        let (hint, hints) = mpsc::channel(1);
        let scope = Arc::<Mutex<WatchedPaths>>::default();
        let of = Arc::clone(&scope);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let scope = of.lock().unwrap_or_else(PoisonError::into_inner);
            // A lost event may have been any.
            if event.map_or(true, |event| scope.is_touched(&event)) {
                let _one_hint_is_enough = hint.try_send(());
            }
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(
                "files are looked at every {} s, for they cannot be watched: {error}",
                POLL_INTERVAL.as_secs()
            );
        });
        let mut watch = Self {
            files,
            scope,
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
            hints,
            is_due: true,
            seen: None,
        };
        watch.arm();
        watch
    }

    /// From now on over these files.
    pub fn look_at(&mut self, files: Vec<PathBuf>) {
        if files != self.files {
            self.files = files;
            self.seen = None;
            self.is_due = true;
            self.arm();
        }
    }

    /// Resolves when a file has another content than at the last time. May be dropped and asked
    /// again at any time.
    pub async fn changed(&mut self) {
        loop {
            while !self.is_due {
                match &self.watcher {
                    Some(_) if self.hints.recv().await.is_some() => {}
                    _ => tokio::time::sleep(POLL_INTERVAL).await,
                }
                self.is_due = true;
            }
            self.arm();
            let contents = self.settled().await;
            self.is_due = false;
            if self.seen.as_ref() != Some(&contents) {
                self.seen = Some(contents);
                return;
            }
        }
    }

    async fn settled(&self) -> FileHashes {
        let mut contents = self.contents().await;
        for _ in 0..MAX_DEBOUNCE_LOOKS {
            tokio::time::sleep(DEBOUNCE).await;
            let now = self.contents().await;
            if now == contents {
                break;
            }
            contents = now;
        }
        contents
    }

    async fn contents(&self) -> FileHashes {
        let files = self.files.clone();
        let read = move || files.iter().map(|path| fingerprint(path)).collect();
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// Watches the folder of each file, or the next one above that is there, and where the file is
    /// a link, the folder that it leads to. A folder that was made anew is watched anew.
    fn arm(&mut self) {
        let mut scope = WatchedPaths::default();
        let mut folders = BTreeSet::new();
        for file in &self.files {
            scope.files.insert(file.clone());
            folders.extend(
                file.ancestors()
                    .skip(1)
                    .find(|folder| folder.is_dir())
                    .map(Path::to_owned),
            );
            let is_link = file.symlink_metadata().is_ok_and(|it| it.is_symlink());
            if !is_link {
                continue;
            }
            let real = file.canonicalize().ok();
            let beside = [file.parent(), real.as_deref().and_then(Path::parent)];
            for folder in beside.into_iter().flatten() {
                scope.folders.insert(folder.to_owned());
                folders.insert(folder.to_owned());
            }
        }
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner) = scope;
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in self.watched.difference(&folders) {
            let _gone_already = watcher.unwatch(folder);
        }
        for folder in &folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!("{} cannot be watched: {error}", folder.display());
            }
        }
        self.watched = folders;
    }
}

impl WatchedPaths {
    fn is_touched(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        // Our own reading is an access as well.
        if matches!(event.kind, EventKind::Access(_)) {
            return false;
        }
        let is_meant = |path: &PathBuf| {
            path.parent()
                .is_some_and(|folder| self.folders.contains(folder))
                || self.files.iter().any(|file| file.starts_with(path))
        };
        event.paths.iter().any(is_meant)
    }
}

/// A hash of the content; nothing where there is none to read.
fn fingerprint(path: &Path) -> Option<[u8; 32]> {
    let content = std::fs::read(path).ok()?;
    digest(&SHA256, &content).as_ref().try_into().ok()
}
