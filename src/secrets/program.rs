//! Programs that print a secret, such as `vault`, `aws`, `gcloud` or `pass`.

use super::secret::Secret;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Bytes that a program may print; keys are shorter.
const MAX_OUTPUT: usize = 64 * 1024;
/// Bytes of its messages that are read.
const MAX_MESSAGES: usize = 16 * 1024;
/// Characters of its last message that an error quotes.
const MAX_QUOTED: usize = 200;
/// Time between two looks at whether it has ended.
const POLL: Duration = Duration::from_millis(5);
/// A word of at least so many characters, letters and digits mixed, may be a secret.
const SECRET_WORD: usize = 16;
/// Variables of ours that other programs must not see.
const OWN_VARIABLES: [&str; 3] = ["AIBAL_PASSPHRASE", "AIBAL_NEW_PASSPHRASE", "AIBAL_TOKEN"];

/// A program with its arguments. Arguments may be secrets and are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    arguments: Vec<Secret>,
}

/// Why a program gave no secret.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("the command {program} cannot be started: {source}")]
    NotStarted { program: String, source: io::Error },
    #[error("the command {program} did not end within {} s and was killed", limit.as_secs())]
    Late { program: String, limit: Duration },
    #[error("the command {program} {}{}", ended(*.status), quoted(.message))]
    Failed {
        program: String,
        status: ExitStatus,
        /// Its last message, without what may be secret.
        message: String,
    },
    #[error("the command {program} printed more than 64 KiB; it must print only the key")]
    TooLong { program: String },
    #[error("the command {program} printed nothing; it must print the key")]
    Empty { program: String },
    #[error("the command {program} printed something that is not UTF-8")]
    NotText { program: String },
}

impl Program {
    /// Splits a command line into words as a shell does: at white space outside of quotes. There is no
    /// shell behind it, so variables, pipes and wildcards are nothing special.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let words = shlex::split(line).ok_or("has a quote or a backslash without its end")?;
        let mut words = words.into_iter();
        let name = words.next().filter(|name| !name.is_empty());
        Ok(Self {
            name: name.ok_or("names no program")?,
            arguments: words.map(|word| Secret::verbatim(&word)).collect(),
        })
    }

    /// The program's name without its folder.
    pub fn name(&self) -> &str {
        let name = Path::new(&self.name).file_name();
        name.and_then(|name| name.to_str()).unwrap_or(&self.name)
    }

    /// Runs the program and returns what it prints, without surrounding white space. Blocks up to
    /// `limit`; after that the program and those that it has started are killed.
    pub fn run(&self, limit: Duration) -> Result<Secret, ProgramError> {
        let until = now() + limit;
        let program = self.name().to_owned();
        let mut command = Command::new(&self.name);
        command
            .args(self.arguments.iter().map(Secret::expose))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(source) => return Err(ProgramError::NotStarted { program, source }),
        };
        let printed = collect(child.stdout.take(), MAX_OUTPUT);
        let messages = collect(child.stderr.take(), MAX_MESSAGES);
        let late = |child: &mut Child| {
            kill(child);
            Err(ProgramError::Late {
                program: program.clone(),
                limit,
            })
        };
        let Some(status) = wait(&mut child, until) else {
            return late(&mut child);
        };
        // A process that outlives the program may hold its output open.
        let Some(printed) = take(&printed, until) else {
            return late(&mut child);
        };
        if printed.len() > MAX_OUTPUT {
            return Err(ProgramError::TooLong { program });
        }
        if !status.success() {
            let messages = take(&messages, until).unwrap_or_default();
            let message = last_message(&messages, &printed);
            return Err(ProgramError::Failed {
                program,
                status,
                message,
            });
        }
        let Ok(text) = std::str::from_utf8(&printed) else {
            return Err(ProgramError::NotText { program });
        };
        Secret::new(text).ok_or(ProgramError::Empty { program })
    }
}

/// Without arguments.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({})", self.name())
    }
}

/// Reads up to one byte more than `limit` on a thread of its own, so that no full pipe stops the program.
fn collect(
    source: Option<impl Read + Send + 'static>,
    limit: usize,
) -> Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // With its final capacity, because growing would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
        if let Some(mut source) = source {
            let mut source = source.by_ref().take(limit as u64 + 1);
            let _what_came_counts = source.read_to_end(&mut bytes);
        }
        let _receiver_may_be_late = sender.send(bytes);
    });
    receiver
}

/// The bytes, once the other end is closed.
fn take(source: &Receiver<Zeroizing<Vec<u8>>>, until: Instant) -> Option<Zeroizing<Vec<u8>>> {
    match source.recv_timeout(until.saturating_duration_since(now())) {
        Ok(bytes) => Some(bytes),
        Err(RecvTimeoutError::Disconnected) => Some(Zeroizing::default()),
        Err(RecvTimeoutError::Timeout) => None,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for, which no paused clock moves"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller is a thread that may block"
)]
fn pause() {
    std::thread::sleep(POLL);
}

fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if now() < until => pause(),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Kills the program with all that it has started.
fn kill(child: &mut Child) {
    let group = i32::try_from(child.id()).ok();
    if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
        let _has_ended = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _has_ended = child.wait();
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "was killed by a signal".to_owned(),
    }
}

fn quoted(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

/// The last line that is not empty, without control characters and without words that may be secrets.
fn last_message(messages: &[u8], printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(messages);
    let printed = String::from_utf8_lossy(printed);
    let mut lines = text.lines().map(str::trim);
    let Some(line) = lines.rfind(|line| !line.is_empty()) else {
        return String::new();
    };
    let secret = printed.trim();
    let line = if secret.is_empty() {
        line.to_owned()
    } else {
        line.replace(secret, "[hidden]")
    };
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    hide_secret_words(&line).chars().take(MAX_QUOTED).collect()
}

/// Replaces long words of mixed letters and digits. Paths keep their short parts.
fn hide_secret_words(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
    let mut shown = String::new();
    for piece in text.split_inclusive(|c: char| !is_part(c)) {
        let word = piece.trim_end_matches(|c: char| !is_part(c));
        let has_both = word.chars().any(|c| c.is_ascii_digit())
            && word.chars().any(|c| c.is_ascii_alphabetic());
        if word.len() >= SECRET_WORD && has_both {
            shown.push_str("[hidden]");
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn run(line: &str) -> Result<Secret, ProgramError> {
        Program::parse(line).expect("a program").run(LIMIT)
    }

    fn failure(line: &str) -> String {
        run(line).expect_err("no secret").to_string()
    }

    #[test]
    fn what_a_program_prints_is_the_secret_and_no_shell_reads_its_arguments() {
        assert_eq!(run("printf ' sk-1\\n'").unwrap().expose(), "sk-1");
        assert_eq!(
            run("printf '%s-%s' $HOME 'a b|c'").unwrap().expose(),
            "$HOME-a b|c"
        );
        assert_eq!(
            run("sh -c 'printf sk-; printf 2'").unwrap().expose(),
            "sk-2"
        );
    }

    #[test]
    fn a_failure_names_program_code_and_last_message_without_secrets() {
        assert_eq!(
            failure(
                "sh -c 'echo first >&2; echo permission denied for s.a1B2c3D4e5F6g7H8i9 >&2; exit 3'"
            ),
            "the command sh ended with exit code 3: permission denied for s.[hidden]"
        );
        assert_eq!(
            failure("sh -c 'echo short; echo short is wrong >&2; exit 1'"),
            "the command sh ended with exit code 1: [hidden] is wrong"
        );
        assert_eq!(failure("false"), "the command false ended with exit code 1");
        assert_eq!(
            failure("sh -c 'kill -9 $$'"),
            "the command sh was killed by a signal"
        );
        assert_eq!(
            failure("/nowhere/vault get"),
            "the command vault cannot be started: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn output_that_cannot_be_a_key_is_refused() {
        assert_eq!(
            failure("true"),
            "the command true printed nothing; it must print the key"
        );
        assert!(failure("head -c 70000 /dev/zero").contains("more than 64 KiB"));
        assert!(failure("printf '\\377'").contains("not UTF-8"));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_what_it_started() {
        let limit = Duration::from_millis(300);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let line = format!("sh -c 'sleep 600 & echo $! > {}; wait'", file.display());

        let error = Program::parse(&line).unwrap().run(limit).unwrap_err();

        assert!(matches!(error, ProgramError::Late { .. }), "{error}");
        let child = std::fs::read_to_string(&file).unwrap();
        let state = format!("/proc/{}/stat", child.trim());
        let until = now() + LIMIT;
        // Gone, or a zombie that init has not collected yet.
        let lives = || std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z "));
        while lives() {
            assert!(now() < until, "the child still runs");
            pause();
        }
    }

    #[test]
    fn a_process_in_the_background_does_not_hold_the_result_for_ever() {
        let line = "sh -c 'sleep 600 & echo sk-1'";
        let run = Program::parse(line)
            .unwrap()
            .run(Duration::from_millis(300));

        assert!(matches!(run, Err(ProgramError::Late { .. })));
    }

    #[test]
    fn lines_that_cannot_be_split_are_refused_and_arguments_do_not_print() {
        assert!(Program::parse("pass 'show").is_err());
        assert!(Program::parse("''").is_err());
        let program = Program::parse("/usr/bin/vault -token=secret").unwrap();
        assert_eq!(format!("{program:?}"), "Program(vault)");
    }
}
