//! The command line: commands, flags, and reports as text.

mod advice;
mod alerts;
pub mod arguments;
mod audit;
pub mod build_info;
mod doctor;
mod explanation;
pub mod instance_address;
mod keys;
mod manual;
mod reloading;
mod selection;
pub mod setup_arguments;
mod simulation;
mod status;
mod store;
mod text_format;
pub mod token_arguments;
mod tokens;
mod usage;

pub use advice::render_advice;
pub use alerts::{parse_time, render_alert, render_alerts, render_deliveries};
pub use audit::{audit_csv_line, audit_csv_names, audit_json_line, render_audit_check};
pub use doctor::render_doctor;
pub use explanation::render_decision;
pub use keys::{KeysCommand, render_keys};
pub use manual::write_manual;
pub use reloading::render_reload;
pub use selection::render_selection;
pub use simulation::{render_what_if, weights};
pub use status::{exit_code, render_status};
pub use store::{render_database, render_migration};
pub use tokens::{render_new_token, render_token, render_tokens, token_request};
pub use usage::{render_usage, usage_csv};
