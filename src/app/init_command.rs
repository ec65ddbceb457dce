//! `aibal-tui config init`: looks for keys and model servers, and writes a configuration with them.

use super::commands::block_on;
use super::exit_error::ExitError;
use super::local_servers::models;
use super::output::{print, print_note};
use crate::cli::arguments::{Globals, InitArgs};
use crate::config::{self, LOCAL_SERVERS, LocalServer, Sources, StarterProvider};
use crate::foreign::EscapeControls;
use futures_util::future::join_all;
use std::path::{Path, PathBuf};

/// Models that a comment lists.
const LISTED_MODELS: usize = 5;

pub(super) fn init(
    globals: &Globals,
    sources: &Sources,
    arguments: &InitArgs,
) -> Result<u8, ExitError> {
    block_on(async {
        let path = (!arguments.print).then(|| target(globals, sources));
        let path = path.transpose()?;
        if let Some(path) = path.as_deref().filter(|path| path.exists())
            && !arguments.force
        {
            return Err(exists(path));
        }
        let (providers, notes) = found(sources).await;
        let text = config::starter(&providers);
        for note in &notes {
            print_note(note);
        }
        let Some(path) = path else {
            print(&text);
            return Ok(0);
        };
        write(&path, &text, arguments.force)?;
        print(&format!("wrote {}\n", path.display()));
        print_note(&next_step(globals, &providers));
        Ok(0)
    })
}

/// The file to write.
fn target(globals: &Globals, sources: &Sources) -> Result<PathBuf, ExitError> {
    let path = globals.config.clone().or_else(|| sources.home_file());
    path.ok_or_else(|| {
        ExitError::usage(
            "there is no home directory for a configuration file; name a file with --config",
        )
    })
}

fn exists(path: &Path) -> ExitError {
    ExitError::usage(format!(
        "could not write {}: the file exists and was not changed; edit it, name another file with \
         --config, or overwrite it with --force",
        path.display()
    ))
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), ExitError> {
    config::write_new(path, text, force).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return exists(path);
        }
        let text = format!("could not write {}: {error}", path.display());
        ExitError::usage_caused_by(text, error)
    })
}

/// The providers that this machine has keys or servers for, and a sentence on each place where one was
/// looked for.
async fn found(sources: &Sources) -> (Vec<StarterProvider>, Vec<String>) {
    let mut providers = config::vendors_with_keys(sources);
    let mut notes: Vec<String> = providers
        .iter()
        .map(|it| format!("found: {} ({})", it.name, it.comment.trim_end_matches('.')))
        .collect();
    if providers.is_empty() {
        let names = config::provider_variables().join(", ");
        notes.push(format!("not found: a key; none of {names} is set"));
    }
    let answers = join_all(LOCAL_SERVERS.iter().map(models)).await;
    for (server, answer) in LOCAL_SERVERS.iter().zip(answers) {
        let LocalServer {
            product, base_url, ..
        } = server;
        match answer {
            Ok(models) => {
                let comment = format!("{product} answers at {base_url} {}.", listed(&models));
                notes.push(format!("found: {}", comment.trim_end_matches('.')));
                providers.push(StarterProvider {
                    name: server.name.to_owned(),
                    kind: server.kind.to_owned(),
                    base_url: Some((*base_url).to_owned()),
                    api_key_env: None,
                    comment,
                });
            }
            Err(error) => notes.push(format!("not found: {product} at {base_url} ({error})")),
        }
    }
    (providers, notes)
}

/// The number of models and the first names, on one line.
fn listed(models: &[String]) -> String {
    let names = models.iter().take(LISTED_MODELS);
    let names: Vec<String> = names
        .map(|name| EscapeControls::line(name).to_string())
        .collect();
    let more = if models.len() > LISTED_MODELS {
        ", …"
    } else {
        ""
    };
    match models.len() {
        0 => "without models".to_owned(),
        1 => format!("with 1 model: {}", names[0]),
        count => format!("with {count} models: {}{more}", names.join(", ")),
    }
}

fn next_step(globals: &Globals, providers: &[StarterProvider]) -> String {
    let flag = match &globals.config {
        Some(path) => format!(" --config {}", path.display()),
        None => String::new(),
    };
    if providers.is_empty() {
        return format!(
            "nothing to send requests to was found: set a key or add [[providers]] to the file, then run \
             `aibal-tui config check{flag}`; or look around with `aibal-tui demo`"
        );
    }
    format!("next: `aibal-tui{flag}` serves with a dashboard, `aibal-tui serve{flag}` without one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_stay_on_one_line_of_a_comment() {
        let names = ["a\n[server]", "b", "c", "d", "e", "f"].map(str::to_owned);

        let text = listed(&names);

        assert!(text.starts_with("with 6 models: a"), "{text}");
        assert!(!text.contains('\n') && text.ends_with(", e, …"), "{text}");
        assert_eq!(listed(&names[1..2]), "with 1 model: b");
    }
}
