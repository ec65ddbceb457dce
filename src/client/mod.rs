//! One interface to an instance, [`Control`], with two implementations: in this process
//! ([`LocalClient`]) and over HTTP ([`RemoteClient`]). The dashboard and the command line hold a
//! [`Client`] and do not know which one it is.

#![warn(missing_docs)]

mod address;
mod alerts;
mod answer_cache;
mod audit_filter;
mod audit_report;
mod audited;
mod backoff;
mod changes;
mod control;
mod decision_filter;
mod decision_lookup;
mod decision_pages;
mod error;
mod forecasting;
mod handle;
mod http_connection;
mod instance_controls;
mod local;
mod log_filter;
mod past;
mod remote;
mod remote_feed;
mod selection;
mod store_report;
mod stored_figures;
mod stored_performance;
mod token_validation;
mod tokens;
mod update;
mod usage;
mod validation;

pub use crate::logs::{DroppedLines, RecentLines};
pub use crate::store::TroubleFilter;
pub use address::{Address, socket_path};
pub use audit_filter::AuditFilter;
pub use audit_report::{audit_check, audit_list};
pub use control::{Call, Control};
pub use decision_filter::DecisionFilter;
pub use error::{ApiError, ClientError, NoTargetError};
pub use handle::Client;
pub use http_connection::check_ready;
pub use instance_controls::InstanceControls;
pub use local::LocalClient;
pub use log_filter::{LogFilter, log_list};
pub use remote::RemoteClient;
pub use selection::find_provider;
pub use stored_figures::{PerformanceFilter, TokenGroups};
pub use token_validation::token_definition;
pub use tokens::stored_report;
pub use update::Update;
