//! Commands and flags.

use super::build_info;
use super::setup_arguments::{DoctorArgs, ImportCommand, PricesArgs};
use super::token_arguments::TokensCommand;
use crate::logs::LogFormat;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// A load-balancing gateway for AI providers, with a dashboard to control it.
///
/// Without a command, gateway and dashboard run in one process.
#[derive(Debug, Parser)]
#[command(name = "aibal-tui", version, long_version = build_info::LONG_VERSION, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Globals {
    /// Configuration file to read instead of the default ones
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on, for example 127.0.0.1:8080
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Log level: error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "L")]
    pub log_level: Option<String>,
    /// Log format: text, json or gcp
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// File to append log lines to
    #[arg(long, global = true, value_name = "F")]
    pub log_file: Option<PathBuf>,
    /// Send keys of the environment also to addresses that .env sets
    #[arg(long, global = true)]
    pub trust_env_file: bool,
    /// Keep changes of weights and providers in memory; write no file
    #[arg(long, global = true)]
    pub no_save: bool,
    /// Use no colours on the screen
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Use only ASCII characters on the screen
    #[arg(long, global = true)]
    pub ascii: bool,
}

#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Run gateway and dashboard with simulated vendors: no key, no network, nothing saved
    Demo(DemoArgs),
    /// Run gateway, probes and API without a screen; logs go to stderr
    Serve,
    /// Open the dashboard of a running instance
    Attach(AttachArgs),
    /// Print a report of a running instance; exit code 0 healthy, 1 degraded, 2 down or no answer
    Status(StatusArgs),
    /// Make a running instance read its configuration again; prints the changes or the errors
    Reload(ReloadArgs),
    /// Print who spent what: by token, model, provider or tag
    Usage(UsageArgs),
    /// Ask a running instance which target it would select for a request
    Select(SelectArgs),
    /// Print what happened to one request: each attempt, the cause of a failure, and why each target
    /// was selected
    Explain(ExplainArgs),
    /// Replay recorded requests under other weights and print the differences
    Simulate(SimulateArgs),
    /// Find the cheapest weights that meet a goal
    Advise(AdviseArgs),
    /// List the alerts of a running instance, acknowledge or mute one, test the delivery
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Make, list, rotate and revoke the tokens of clients and operators
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Check the chain of the audit log, or export it; without a running instance, from the configured
    /// store
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check the database of the store, or bring it to the newest version; no gateway has to run
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print the price table in force, with source and date, or take the prices of LiteLLM
    Prices(PricesArgs),
    /// Check configuration, keys, clock, DNS, TLS, database, terminal, descriptors and address, and say
    /// what to do; exit code 0 well, 1 warnings, 2 broken
    Doctor(DoctorArgs),
    /// Turn the configuration of another gateway into one of ours
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write, list and remove keys of providers in the encrypted key store
    #[command(subcommand)]
    Keys(super::keys::KeysCommand),
    /// Write, check and show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the manual page
    Man,
}

#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Seed of the random numbers; the same seed repeats the same run
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Client requests per second
    #[arg(long, default_value_t = 8.0, value_name = "R")]
    pub rps: f64,
    /// Scenario: steady, outage, brownout or rate-limit
    #[arg(long, default_value = "steady", value_name = "NAME")]
    pub scenario: String,
    /// Number of simulated vendors, 1 to 500
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub providers: usize,
    /// Minutes of simulated history at the start, 0 to 60
    #[arg(long, default_value_t = 15, value_name = "MIN", value_parser = clap::value_parser!(u8).range(0..=60))]
    pub history: u8,
    /// Run without a screen
    #[arg(long)]
    pub headless: bool,
    /// Run only the vendors, until Ctrl-C, and print a configuration for a gateway of your own
    #[arg(long, conflicts_with_all = ["rps", "scenario", "history", "headless"])]
    pub vendors: bool,
}

#[derive(Debug, Clone, Args)]
pub struct AttachArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Allow no changes
    #[arg(long)]
    pub read_only: bool,
}

#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Only check whether a request could be served: exit code 0, else 1; needs no token
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    pub ready: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Repeat the report at this interval, in seconds
    #[arg(long, value_name = "SECS")]
    pub watch: Option<f64>,
}

#[derive(Debug, Clone, Args)]
pub struct ReloadArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct UsageArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// What to sum by: token, model, provider or tag
    #[arg(long, default_value = "token", value_name = "WHAT")]
    pub by: String,
    /// Period up to now, for example 30m, 12h or 7d
    #[arg(long, default_value = "7d", value_name = "TIME")]
    pub since: String,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long)]
    pub csv: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Model type: chat, vision, reasoning, artifact or embedding
    #[arg(long, value_name = "T")]
    pub model_type: Option<String>,
    /// Provider to select where it is eligible
    #[arg(long, value_name = "P")]
    pub preferred_provider: Option<String>,
    /// Highest accepted price, in USD per token
    #[arg(long, value_name = "C")]
    pub max_cost: Option<f64>,
    /// Highest accepted latency, in milliseconds
    #[arg(long, value_name = "MS")]
    pub max_latency: Option<f64>,
    /// Print the score of every candidate and the reason for every exclusion
    #[arg(long)]
    pub explain: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Id of the request or of its decision, or the beginning of one, at least 4 characters
    pub id: String,
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Print JSON, as GET /api/decisions/{id} answers it
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// File to read decisions from: JSON lines as returned by GET /api/decisions/{id}
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub from: Option<PathBuf>,
    /// Period to replay, up to now: 1m, 5m, 15m, 1h, 6h or 24h
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub window: String,
    /// Points for cost, latency and reliability, optionally load and priority, separated by commas;
    /// may be repeated
    #[arg(long, value_name = "C,L,R", required = true)]
    pub weights: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct AdviseArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// 95th percentile of the latency at most, such as 2s or 800ms
    #[arg(long, value_name = "TIME", value_parser = super::advice::goal_milliseconds)]
    pub p95: Option<f64>,
    /// Successful requests at least, in percent
    #[arg(long, value_name = "PERCENT")]
    pub success: Option<f64>,
    /// Cost of a day at most, in USD, at the traffic of the last 15 minutes
    #[arg(long, value_name = "USD")]
    pub budget_per_day: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List active alerts and the latest that ended, and where alerts are sent
    List(AlertInstance),
    /// Note that you know of an alert
    Acknowledge {
        /// Id of the alert, as list prints it
        id: String,
        #[command(flatten)]
        instance: AlertInstance,
    },
    /// Silence an alert for a time, also if it ends and begins again
    Mute {
        /// Id of the alert, as list prints it
        id: String,
        /// Time of the silence, such as 90s, 15m, 1h or 2d; 0s ends a silence
        #[arg(long = "for", value_name = "TIME")]
        time: String,
        #[command(flatten)]
        instance: AlertInstance,
    },
    /// Send a test to all webhooks; exit code 1 if one does not take it
    Test(AlertInstance),
}

#[derive(Debug, Clone, Args)]
pub struct AlertInstance {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Follow the chain of hashes of every instance; exit code 1 if an entry was changed, removed or
    /// put in between
    Verify {
        /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
        url: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print all entries, oldest first, one JSON object in each line
    Export(AuditExportArgs),
}

#[derive(Debug, Clone, Args)]
pub struct AuditExportArgs {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Oldest entry: a time back such as 15m, 24h or 7d, or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// End of the period, which is not part of it
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// File to write instead of stdout; it must not exist
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print JSON lines, as without it
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values with a line of names
    #[arg(long)]
    pub csv: bool,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Print whether the database is whole, its version, its size and what its tables hold; exit
    /// code 1 if it is damaged
    Check {
        /// Read every value and compare every index; takes much longer
        #[arg(long)]
        thorough: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Bring the database to the version of this program, and print both versions
    Migrate(DatabaseArgs),
}

#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// Database to use instead of the configured one, written as store.url in the configuration
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Print the file instead of writing it
    #[arg(long)]
    pub print: bool,
    /// Overwrite an existing file
    #[arg(long, conflicts_with = "print")]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Look for keys and model servers on this machine, and write a commented file with them
    Init(InitArgs),
    /// Read the configuration and list all errors; one without a usable provider is an error
    Check,
    /// Print the effective values and their sources
    Show,
    /// Print the paths that the configuration is read from
    Path,
    /// Print the JSON Schema of the file
    Schema,
}
