//! The manual page: what clap knows of commands and flags, and what it does not know.

use super::arguments::Arguments;
use crate::config::provider_variables;
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::fmt::Write as _;
use std::io;

/// A row of a list: its title, and a sentence or two.
type Row = (&'static str, &'static str);

/// Exit codes of all commands.
const EXIT_STATUS: &[Row] = &[
    ("0", "Done. status: all is well. serve: ended by SIGTERM."),
    (
        "1",
        "Failed while running. status: degraded, or not ready with --ready. audit verify, store check: damaged. doctor: warnings.",
    ),
    (
        "2",
        "A mistake in arguments or configuration, no usable provider, or a port in use. status: no target can be used, or no answer. doctor: something does not work.",
    ),
    ("130", "Ended by SIGINT, after the drain."),
    ("131", "Ended by SIGQUIT, at once."),
];

/// What the program does at a signal.
const SIGNALS: &[Row] = &[
    (
        "SIGTERM",
        "Says not ready for [server] pre_stop_seconds, drains for up to [server] drain_seconds, ends. A second signal ends at once.",
    ),
    ("SIGINT", "The same without the first part."),
    (
        "SIGHUP",
        "Without a dashboard: reads the configuration again and opens the log file anew. With one: closes the dashboard and goes on serving.",
    ),
    ("SIGQUIT", "Ends at once."),
];

/// Variables besides those of the providers' keys.
const ENVIRONMENT: &[Row] = &[
    (
        "AIBAL_URL",
        "Address of the instance for attach, status, reload and the other commands that ask one: a URL or the path of a socket. Without it, [server] listen of the configuration.",
    ),
    ("AIBAL_TOKEN", "Token that these commands send."),
    (
        "AIBAL_PASSPHRASE_FILE, AIBAL_PASSPHRASE",
        "Path of a file with the passphrase of the key store, or the passphrase; without them it is asked for at the terminal.",
    ),
    (
        "AIBAL_NEW_PASSPHRASE_FILE, AIBAL_NEW_PASSPHRASE",
        "The same for the passphrase that keys rewrap sets.",
    ),
    (
        "AIBAL__SECTION__KEY",
        "Any setting of the configuration, for example AIBAL__SERVER__LISTEN.",
    ),
    (
        "AI_GATEWAY_API_KEY",
        "The token that clients of the model APIs must send; docs/getting-started.md has two values with a meaning of their own.",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "Proxies for calls of providers; never used for loopback addresses.",
    ),
    (
        "SSL_CERT_FILE",
        "Certificates to trust instead of the system's.",
    ),
    (
        "RUST_LOG",
        "Log level or filter, unless --log-level is given.",
    ),
    (
        "DEBUG",
        "load-balancer:* logs every candidate of every selection.",
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Collector of spans; other variables of OpenTelemetry's specification apply too.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR",
        "Folders of configuration, store and socket.",
    ),
    (
        "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
        "Set by systemd: where start, reload, stop and signs of life are told.",
    ),
    ("NO_COLOR", "Any value: no colours on the screen."),
];

/// Files that are read or written.
const FILES: &[Row] = &[
    (
        "$XDG_CONFIG_HOME/aibal-tui/config.toml",
        "Configuration, usually ~/.config/aibal-tui/config.toml; --config FILE replaces it and the next.",
    ),
    (
        "prices.toml",
        "Prices that outrank the built-in ones, beside the configuration; prices import writes it.",
    ),
    (
        "./aibal.toml",
        "Configuration of the working directory, which outranks it.",
    ),
    ("./.env", "Variables of the working directory."),
    (
        "$XDG_STATE_HOME/aibal-tui/",
        "The store, usually in ~/.local/state/aibal-tui/; [store] url names another. Also views.json: what attached dashboards showed last.",
    ),
    (
        "$XDG_RUNTIME_DIR/aibal-tui/PORT.sock",
        "Socket of a running instance; who may open it is an operator.",
    ),
    (
        "/etc/aibal-tui/config.toml, /etc/aibal-tui/keys/",
        "Configuration and keys of the packaged service.",
    ),
];

/// Writes the manual page in roff.
///
/// # Errors
///
/// The writer's own.
pub fn write_manual(out: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(Arguments::command());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    let mut page = Roff::new();
    page.control("SH", ["COMMANDS"]);
    let mut root = Arguments::command();
    root.build();
    for command in root.get_subcommands() {
        commands(&mut page, command, root.get_name());
    }
    list(&mut page, "EXIT STATUS", EXIT_STATUS);
    list(&mut page, "SIGNALS", SIGNALS);
    list(&mut page, "ENVIRONMENT", ENVIRONMENT);
    row(
        &mut page,
        &provider_variables().join(", "),
        "Keys and addresses of providers; each adds its provider.",
    );
    list(&mut page, "FILES", FILES);
    page.to_writer(out)?;
    man.render_version_section(out)
}

/// One command with its flags, then those below it.
fn commands(page: &mut Roff, command: &Command, above: &str) {
    let name = format!("{above} {}", command.get_name());
    // Clap writes a page of its own about its help command.
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        for below in command.get_subcommands() {
            commands(page, below, &name);
        }
        return;
    }
    let own = |argument: &&Arg| !argument.is_global_set() && argument.get_id() != "help";
    let arguments: Vec<&Arg> = command.get_arguments().filter(own).collect();
    let mut heading = name;
    for argument in arguments.iter().filter(|argument| argument.is_positional()) {
        let _always_fits = write!(heading, " {argument}");
    }
    page.control("SS", [heading.as_str()]);
    let about = command.get_about().map(ToString::to_string);
    page.text([roman(about.unwrap_or_default())]);
    for argument in arguments {
        let help = argument.get_help().map(ToString::to_string);
        row(page, &argument.to_string(), &help.unwrap_or_default());
    }
}

fn list(page: &mut Roff, title: &str, rows: &[Row]) {
    page.control("SH", [title]);
    for (name, text) in rows {
        row(page, name, text);
    }
}

fn row(page: &mut Roff, name: &str, text: &str) {
    let title: Inline = if name.starts_with(['$', '.', '/']) {
        italic(name)
    } else {
        bold(name)
    };
    page.control("TP", []);
    page.text([title]);
    page.text([roman(text)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manual() -> String {
        let mut out = Vec::new();
        write_manual(&mut out).unwrap();
        // Roff escapes the minus sign.
        String::from_utf8(out).unwrap().replace("\\-", "-")
    }

    #[test]
    fn every_command_is_there_with_its_flags() {
        fn each(command: &Command, manual: &str) {
            for below in command.get_subcommands() {
                each(below, manual);
            }
            let ends_here = !command.has_subcommands() && command.get_name() != "help";
            for flag in command.get_arguments().filter(|_| ends_here) {
                let Some(long) = flag.get_long().filter(|_| !flag.is_hide_set()) else {
                    continue;
                };
                assert!(manual.contains(&format!("--{long}")), "{long}");
            }
        }
        let manual = manual();
        each(&Arguments::command(), &manual);
        for heading in ["aibal-tui status [URL]", "aibal-tui alerts acknowledge"] {
            assert!(manual.contains(heading), "{heading}: {manual}");
        }
    }

    #[test]
    fn codes_signals_variables_and_files_are_there() {
        let manual = manual();
        for part in [
            ".SH \"EXIT STATUS\"",
            "131",
            "SIGHUP",
            "AIBAL_TOKEN",
            "OPENAI_API_KEY",
            "OLLAMA_HOST",
            "PORT.sock",
        ] {
            assert!(manual.contains(part), "{part}: {manual}");
        }
    }
}
