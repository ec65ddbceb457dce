//! Watches the files of the configuration for changes of their content.
//!
//! Folders are watched rather than files, so that a file that is replaced or created later is seen
//! too.
//!
//! `notify-debouncer-full` was considered and not used: it merges events, while this watcher must
//! compare contents anyway (an event without a change is not a reload, and polling has no events).
//! It would add a thread that wakes several times per debounce interval, also while nothing changes.

use crate::config;
use aws_lc_rs::digest::{SHA256, digest};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Contents that stay equal for this time count as complete.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// A file that changes all the time is read after this many comparisons.
const MAX_COMPARISONS: u32 = 50;
/// Interval between comparisons where files cannot be watched.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Hashes of the contents, because the files may hold keys; `None` where a file cannot be read.
type FileHashes = Vec<Option<[u8; 32]>>;

/// Paths whose events require a comparison.
#[derive(Debug, Default)]
struct WatchedPaths {
    files: BTreeSet<PathBuf>,
    /// Folders of symbolic links and of their targets: any event in them can redirect a link.
    link_folders: BTreeSet<PathBuf>,
}

/// Reports when a file of the configuration has another content.
#[derive(Debug)]
pub(super) struct ConfigWatcher {
    files: Vec<PathBuf>,
    paths: Arc<Mutex<WatchedPaths>>,
    /// `None` where files cannot be watched; they are polled instead.
    watcher: Option<RecommendedWatcher>,
    watched_folders: BTreeSet<PathBuf>,
    hints: mpsc::Receiver<()>,
    /// A hint came that no comparison has followed yet.
    is_due: bool,
    seen: Option<FileHashes>,
}

impl ConfigWatcher {
    /// Watches these files, whether they exist or not. The first comparison is due at once: a file
    /// may have changed since it was read.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let (hint, hints) = mpsc::channel(1);
        let paths = Arc::<Mutex<WatchedPaths>>::default();
        let callback_paths = Arc::clone(&paths);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let paths = callback_paths
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // A lost event may have been relevant.
            if event.map_or(true, |event| paths.concerns(&event)) {
                let _one_hint_is_enough = hint.try_send(());
            }
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(
                "configuration files are polled every {} s, because they cannot be watched: {error}",
                POLL_INTERVAL.as_secs()
            );
        });
        let mut watch = Self {
            files,
            paths,
            watcher: watcher.ok(),
            watched_folders: BTreeSet::new(),
            hints,
            is_due: true,
            seen: None,
        };
        watch.watch_folders();
        watch
    }

    /// Replaces the files to watch.
    pub fn set_files(&mut self, files: Vec<PathBuf>) {
        if files != self.files {
            self.files = files;
            self.seen = None;
            self.is_due = true;
            self.watch_folders();
        }
    }

    /// Resolves when the content of a file differs from the last comparison. Cancel-safe.
    pub async fn changed(&mut self) {
        loop {
            while !self.is_due {
                match &self.watcher {
                    Some(_) if self.hints.recv().await.is_some() => {}
                    _ => tokio::time::sleep(POLL_INTERVAL).await,
                }
                self.is_due = true;
            }
            self.watch_folders();
            let hashes = self.settled_hashes().await;
            self.is_due = false;
            if self.seen.as_ref() != Some(&hashes) {
                self.seen = Some(hashes);
                return;
            }
        }
    }

    /// Waits until the contents stay equal, for a file that is written in several steps.
    async fn settled_hashes(&self) -> FileHashes {
        let mut hashes = self.hashes().await;
        for _ in 0..MAX_COMPARISONS {
            tokio::time::sleep(DEBOUNCE).await;
            let now = self.hashes().await;
            if now == hashes {
                break;
            }
            hashes = now;
        }
        hashes
    }

    async fn hashes(&self) -> FileHashes {
        let files = self.files.clone();
        let read = move || files.iter().map(|path| content_hash(path)).collect();
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// Watches the folder of each file, or its nearest existing ancestor, and for a symbolic link
    /// also the folder of its target. A folder that was created again is watched again.
    fn watch_folders(&mut self) {
        let mut paths = WatchedPaths::default();
        let mut folders = BTreeSet::new();
        for file in &self.files {
            paths.files.insert(file.clone());
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
            let target = file.canonicalize().ok();
            let link_folders = [file.parent(), target.as_deref().and_then(Path::parent)];
            for folder in link_folders.into_iter().flatten() {
                paths.link_folders.insert(folder.to_owned());
                folders.insert(folder.to_owned());
            }
        }
        *self.paths.lock().unwrap_or_else(PoisonError::into_inner) = paths;
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in self.watched_folders.difference(&folders) {
            let _may_be_deleted = watcher.unwatch(folder);
        }
        for folder in &folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!("{} cannot be watched: {error}", folder.display());
            }
        }
        self.watched_folders = folders;
    }
}

impl WatchedPaths {
    fn concerns(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        // Our own reads are access events too.
        if matches!(event.kind, EventKind::Access(_)) {
            return false;
        }
        let is_watched = |path: &PathBuf| {
            path.parent()
                .is_some_and(|folder| self.link_folders.contains(folder))
                || self.files.iter().any(|file| file.starts_with(path))
        };
        event.paths.iter().any(is_watched)
    }
}

/// SHA-256 of the content; `None` where the file cannot be read.
fn content_hash(path: &Path) -> Option<[u8; 32]> {
    let content = config::read_bytes(path).ok()?;
    digest(&SHA256, &content).as_ref().try_into().ok()
}
