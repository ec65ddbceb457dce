//! What the program tells the service manager that started it, as `sd_notify(3)` defines it: one datagram
//! for each message, to the socket that `NOTIFY_SOCKET` names.

use crate::clock;
use crate::foreign::EscapeControls;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest time that a message waits for a manager whose queue is full.
const SEND_TIMEOUT: Duration = Duration::from_millis(500);
/// Time that a stop may take beyond the configured ones: the store is written, spans are sent.
const STOP_RESERVE: Duration = Duration::from_secs(15);

/// The service manager; without one nothing is sent. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceNotifier(Option<Arc<NotifySocket>>);

#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
    /// A process that sends no sign of life for so long is killed.
    watchdog: Option<Duration>,
    /// The latest line of `systemctl status`.
    status: Mutex<String>,
}

/// A reload that runs; the manager hears of its end when this is dropped.
#[derive(Debug)]
pub(super) struct Reloading(ServiceNotifier);

impl ServiceNotifier {
    /// The manager that the environment names. What it names wrongly is logged and left out.
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let Some(name) = variable("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let watchdog = watchdog(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        let socket = Self::open(&name, watchdog);
        socket.unwrap_or_else(|error| {
            let name = name.to_string_lossy();
            tracing::warn!(
                "NOTIFY_SOCKET is {name:?}: {error}; the service manager is told nothing"
            );
            Self::default()
        })
    }

    fn open(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = address(name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self(Some(Arc::new(NotifySocket {
            socket,
            address,
            watchdog,
            status: Mutex::default(),
        }))))
    }

    /// Half of the time after which a process without a sign of life is killed; `None` where the manager
    /// does not watch this process.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog.map(|time| time / 2)
    }

    /// The instance serves.
    pub fn ready(&self, status: &str) {
        self.send("READY=1");
        self.status(status);
    }

    /// A reload begins.
    pub fn reloading(&self) -> Reloading {
        let now = clock::monotonic_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
        Reloading(self.clone())
    }

    /// The instance stops, which may take the given time and a little more.
    pub fn stopping(&self, time: Duration, status: &str) {
        let micros = time.saturating_add(STOP_RESERVE).as_micros();
        self.send(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}"));
        self.status(status);
    }

    /// All parts of the instance answer.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Says in one line what the instance does, where that has changed.
    pub fn status(&self, text: &str) {
        let Some(socket) = &self.0 else {
            return;
        };
        let text = EscapeControls::line(text).to_string();
        let mut status = socket.status.lock().unwrap_or_else(PoisonError::into_inner);
        if *status != text {
            self.send(&format!("STATUS={text}"));
            *status = text;
        }
    }

    fn send(&self, message: &str) {
        let Some(socket) = &self.0 else {
            return;
        };
        let sent = socket
            .socket
            .send_to_addr(message.as_bytes(), &socket.address);
        if let Err(error) = sent {
            let what = message.lines().next().unwrap_or_default();
            tracing::warn!("the service manager did not take {what}: {error}");
        }
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        self.0.send("READY=1");
    }
}

/// A path, or `@` and an abstract name, which only Linux has.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "it must be a path that begins with /, or an abstract name that begins with @",
        )),
    }
}

/// The time of the watchdog, unless the variables are meant for another process.
fn watchdog(micros: Option<&OsStr>, process: Option<&OsStr>, own: u32) -> Option<Duration> {
    let number = |text: &OsStr| text.to_str()?.parse::<u64>().ok();
    if process.is_some_and(|process| number(process) != Some(own.into())) {
        return None;
    }
    let micros = number(micros?).filter(|&micros| micros > 0)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn notifier(folder: &TempDir) -> (ServiceNotifier, impl Fn() -> String) {
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notifier = ServiceNotifier::open(path.as_os_str(), None).unwrap();
        let received = move || {
            let mut buffer = [0; 512];
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        (notifier, received)
    }

    #[test]
    fn a_status_is_one_line_and_is_sent_when_it_changes() {
        let folder = TempDir::new().unwrap();
        let (notifier, received) = notifier(&folder);

        notifier.ready("serving");
        notifier.status("serving");
        notifier.status("failed:\nWATCHDOG=1");

        assert_eq!(received(), "READY=1");
        assert_eq!(received(), "STATUS=serving");
        let third = received();
        assert!(third.starts_with("STATUS=failed:"), "{third}");
        assert_eq!(third.lines().count(), 1, "{third}");
    }

    #[test]
    fn a_reload_says_when_it_began_and_that_it_ended() {
        let folder = TempDir::new().unwrap();
        let (notifier, received) = notifier(&folder);
        let before = clock::monotonic_micros();

        drop(notifier.reloading());

        let began = received();
        let micros = began.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let micros: u64 = micros.parse().unwrap();
        assert!((before..=clock::monotonic_micros()).contains(&micros));
        assert_eq!(received(), "READY=1");
    }

    #[test]
    fn a_stop_asks_for_the_time_that_it_may_take() {
        let folder = TempDir::new().unwrap();
        let (notifier, received) = notifier(&folder);

        notifier.stopping(Duration::from_secs(30), "stopping");

        assert_eq!(received(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000");
    }

    #[test]
    fn only_paths_and_abstract_names_are_sockets() {
        let abstract_name = address(OsStr::new("@aibal-test"));
        assert_eq!(abstract_name.is_ok(), cfg!(target_os = "linux"));
        assert!(address(OsStr::new("/run/systemd/notify")).is_ok());
        let error = address(OsStr::new("vsock:2:1234")).unwrap_err();
        assert!(error.to_string().contains("begins with /"), "{error}");
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let at = |micros: &str, process: Option<&str>| {
            watchdog(Some(OsStr::new(micros)), process.map(OsStr::new), 7)
        };
        assert_eq!(at("3000000", None), Some(Duration::from_secs(3)));
        assert_eq!(at("3000000", Some("7")), Some(Duration::from_secs(3)));
        assert_eq!(at("3000000", Some("8")), None);
        assert_eq!(at("0", None), None);
        assert_eq!(at("soon", None), None);
        assert_eq!(watchdog(None, None, 7), None);
    }
}
