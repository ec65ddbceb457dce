//! The machine itself: terminal, descriptors, the address to listen on.

use crate::client::{self, Address};
use crate::contract::{DoctorCheck, DoctorResult};
use crate::server::clamp_to_rlimit;
use std::io::{ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Time in which an instance at the address says whether it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(3);
/// The least size that all of the dashboard fits into.
const MIN_SIZE: (u16, u16) = (80, 24);

/// Whether an instance can listen, or listens already.
pub(super) async fn listen(address: SocketAddr) -> DoctorCheck {
    let check = |result, message: String| {
        DoctorCheck::new("listen", result, message).of(address.to_string())
    };
    let Err(error) = TcpListener::bind(address).await else {
        return check(DoctorResult::Ok, "is free".to_owned());
    };
    if error.kind() != ErrorKind::AddrInUse {
        let advice = "choose another address with --listen or [server] listen; ports below 1024 need more rights";
        return check(DoctorResult::Broken, format!("cannot be used: {error}")).advise(advice);
    }
    let ready = client::check_ready(Address::local(None, address));
    match timeout(READY_TIMEOUT, ready).await {
        Ok(Ok(())) => check(
            DoctorResult::Ok,
            "an instance runs there and is ready".to_owned(),
        ),
        Ok(Err(error)) if error.status() == Some(503) => check(
            DoctorResult::Broken,
            format!("an instance runs there, but {error}"),
        )
        .advise("`aibal-tui status` says what it lacks"),
        _ => check(
            DoctorResult::Broken,
            "another program listens there".to_owned(),
        )
        .advise("stop it, or choose another address with --listen or [server] listen"),
    }
}

/// Whether all connections fit into the limit on open files.
pub(super) fn descriptors(wanted: usize) -> DoctorCheck {
    let fitting = clamp_to_rlimit(wanted);
    if fitting == wanted {
        let message = format!("enough for {wanted} connections");
        return DoctorCheck::new("descriptors", DoctorResult::Ok, message);
    }
    let message =
        format!("enough for {fitting} connections, but [server] max_connections is {wanted}");
    DoctorCheck::new("descriptors", DoctorResult::Warning, message)
        .advise("raise the limit on open files (ulimit -n, or LimitNOFILE of the service)")
}

/// Whether the dashboard can be drawn here.
pub(super) fn terminal() -> DoctorCheck {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !std::io::stdout().is_terminal() {
        let message = "stdout is none; `serve` and `status` need none";
        return DoctorCheck::new("terminal", DoctorResult::Skipped, message);
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    let size = crossterm::terminal::size().ok();
    judge(variable("TERM").as_deref(), locale.as_deref(), size)
}

fn judge(term: Option<&str>, locale: Option<&str>, size: Option<(u16, u16)>) -> DoctorCheck {
    let warning = |message: String, advice: &str| {
        DoctorCheck::new("terminal", DoctorResult::Warning, message).advise(advice)
    };
    let term = match term {
        None => {
            return warning(
                "TERM is not set".to_owned(),
                "set it to the terminal's name, for example xterm-256color",
            );
        }
        Some("dumb") => {
            return warning(
                "TERM is dumb, so there is no dashboard".to_owned(),
                "use another terminal, or `aibal-tui status`",
            );
        }
        Some(term) => term,
    };
    let (columns, rows) = size.unwrap_or(MIN_SIZE);
    if columns < MIN_SIZE.0 || rows < MIN_SIZE.1 {
        let message = format!("{columns} columns and {rows} rows");
        return warning(
            message,
            "the dashboard shows more from 80 columns and 24 rows",
        );
    }
    let is_utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    if !is_utf8 {
        let message = format!("{term}, without UTF-8, so the dashboard uses ASCII only");
        return warning(message, "set LANG to a UTF-8 locale, for example C.UTF-8");
    }
    let message = format!("{term}, {columns} columns and {rows} rows, UTF-8");
    DoctorCheck::new("terminal", DoctorResult::Ok, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_judged_by_name_size_and_locale() {
        let large = Some((120, 40));
        let result = |term, locale, size| judge(term, locale, size).result;
        let utf8 = Some("C.UTF-8");

        assert_eq!(result(Some("xterm"), utf8, large), DoctorResult::Ok);
        assert_eq!(result(None, utf8, large), DoctorResult::Warning);
        assert_eq!(result(Some("dumb"), utf8, large), DoctorResult::Warning);
        assert_eq!(
            result(Some("xterm"), Some("C"), large),
            DoctorResult::Warning
        );
        assert_eq!(
            result(Some("xterm"), utf8, Some((60, 20))),
            DoctorResult::Warning
        );
    }

    #[tokio::test]
    async fn a_foreign_program_at_the_address_is_told_from_none() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = taken.accept().await {
                drop(stream);
            }
        });

        assert_eq!(listen(address).await.result, DoctorResult::Broken);

        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        assert_eq!(listen(address).await.result, DoctorResult::Ok);
    }
}
