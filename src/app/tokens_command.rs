//! `aibal-tui tokens`: makes, lists, rotates and revokes client tokens, of a running instance or in the
//! configured store.

use super::commands::{block_on, client, down, locate, request_error};
use super::exit_error::ExitError;
use super::output::{print, report_text};
use super::store_command;
use crate::cli::arguments::Globals;
use crate::cli::instance_address::InstanceAddress;
use crate::cli::token_arguments::{CreateTokenArgs, TokenInstance, TokenPlace, TokensCommand};
use crate::cli::{render_new_token, render_token, render_tokens, token_request};
use crate::client::{ClientError, stored_report, token_definition};
use crate::clock;
use crate::contract::{NewToken, rfc3339};
use crate::secrets::BearerToken;
use crate::store::{AuditEntry, Store, StoreError, StoredToken, TokenChange};

/// Who makes changes without an instance, in the audit log.
const ACTOR: &str = "tokens --offline";

pub(super) fn run(globals: &Globals, command: &TokensCommand) -> Result<u8, ExitError> {
    match command {
        TokensCommand::Create(arguments) => create(globals, arguments),
        TokensCommand::List(instance) => list(globals, instance),
        TokensCommand::Revoke { name, place } => revoke(globals, name, place),
        TokensCommand::Rotate { name, place } => rotate(globals, name, place),
    }
}

fn create(globals: &Globals, arguments: &CreateTokenArgs) -> Result<u8, ExitError> {
    let request = token_request(arguments, |time| rfc3339(clock::now().plus(time)));
    let place = &arguments.place;
    if place.offline {
        let definition = token_definition(&request, clock::now())
            .map_err(|error| ExitError::usage(error.to_string()))?;
        let secret = new_secret()?;
        let token = StoredToken {
            definition,
            sha256: secret.sha256,
            created_at: clock::now(),
            created_by: ACTOR.to_owned(),
            rotated_at: None,
            revoked_at: None,
        };
        let change = TokenChange::Create(Box::new(token));
        return change_offline(globals, place, ("token.create", change), Some(secret));
    }
    let address = locate(place.instance.url.as_deref(), globals)?;
    block_on(async {
        let made = client(&address)?.create_token(request).await;
        let made = made.map_err(|error| rejected(&address, error))?;
        print(&report_text(&made, place.instance.json, render_new_token)?);
        Ok(0)
    })
}

fn list(globals: &Globals, instance: &TokenInstance) -> Result<u8, ExitError> {
    let address = locate(instance.url.as_deref(), globals)?;
    block_on(async {
        let list = client(&address)?.tokens().await;
        let list = list.map_err(|error| down(&address, error))?;
        print(&report_text(&list, instance.json, render_tokens)?);
        Ok(0)
    })
}

fn revoke(globals: &Globals, name: &str, place: &TokenPlace) -> Result<u8, ExitError> {
    if place.offline {
        let change = TokenChange::Revoke {
            name: name.to_owned(),
            at: clock::now(),
        };
        return change_offline(globals, place, ("token.revoke", change), None);
    }
    let address = locate(place.instance.url.as_deref(), globals)?;
    block_on(async {
        let revoked = client(&address)?.revoke_token(name).await;
        let revoked = revoked.map_err(|error| rejected(&address, error))?;
        print(&report_text(&revoked, place.instance.json, render_token)?);
        Ok(0)
    })
}

fn rotate(globals: &Globals, name: &str, place: &TokenPlace) -> Result<u8, ExitError> {
    if place.offline {
        let secret = new_secret()?;
        let change = TokenChange::Rotate {
            name: name.to_owned(),
            sha256: secret.sha256,
            at: clock::now(),
        };
        return change_offline(globals, place, ("token.rotate", change), Some(secret));
    }
    let address = locate(place.instance.url.as_deref(), globals)?;
    block_on(async {
        let made = client(&address)?.rotate_token(name).await;
        let made = made.map_err(|error| rejected(&address, error))?;
        print(&report_text(&made, place.instance.json, render_new_token)?);
        Ok(0)
    })
}

/// Changes a token in the configured store, and adds it to the audit log.
fn change_offline(
    globals: &Globals,
    place: &TokenPlace,
    (action, change): (&'static str, TokenChange),
    secret: Option<BearerToken>,
) -> Result<u8, ExitError> {
    if let Some(url) = &place.instance.url {
        let text =
            format!("--offline changes the configured store, so the address {url:?} is too much");
        return Err(ExitError::usage(text));
    }
    let options = store_command::options(globals, None)?;
    let shown = options.shown();
    let failed = |error: StoreError| {
        ExitError::usage_caused_by(format!("the store {shown}: {error}"), error)
    };
    block_on(async {
        if !options.is_lasting() {
            let text = format!(
                "[store] url is {shown:?}, which keeps nothing; set it to a file or a server"
            );
            return Err(ExitError::usage(text));
        }
        let store = Store::open(options).await.map_err(failed)?;
        let token = store.change_token(change).await.map_err(failed)?;
        let report = stored_report(&token, clock::now());
        store.audit(AuditEntry {
            actor: ACTOR.to_owned(),
            origin: "local".to_owned(),
            action,
            subject: report.name.clone(),
            is_done: true,
            after: serde_json::to_string(&report).unwrap_or_default(),
            ..AuditEntry::default()
        });
        store.close().await;
        let is_json = place.instance.json;
        let text = match secret {
            Some(secret) => {
                let made = NewToken {
                    token: secret.secret.expose().to_owned(),
                    report,
                    notice: None,
                };
                report_text(&made, is_json, render_new_token)?
            }
            None => report_text(&report, is_json, render_token)?,
        };
        print(&text);
        Ok(0)
    })
}

fn new_secret() -> Result<BearerToken, ExitError> {
    BearerToken::generate()
        .ok_or_else(|| ExitError::usage("the system gave no random bytes for a token; try again"))
}

/// A wrong value is a mistake of the caller.
fn rejected(address: &InstanceAddress, error: ClientError) -> ExitError {
    let text = request_error(address, &error);
    match error.status() {
        Some(400..=499) => ExitError::usage_caused_by(text, error),
        _ => down(address, error),
    }
}
