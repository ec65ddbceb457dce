//! Commands and flags.

use crate::logs::LogFormat;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// A load-balancing gateway for AI providers, with a dashboard that steers it.
///
/// Without a command: gateway and dashboard in one process.
#[derive(Debug, Parser)]
#[command(name = "aibal-tui", version, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// Read this configuration file instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Listen here, for example 127.0.0.1:8080
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "L")]
    pub log_level: Option<String>,
    /// text, json or gcp
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Append log lines to this file
    #[arg(long, global = true, value_name = "F")]
    pub log_file: Option<PathBuf>,
    /// Keep changes of weights and providers in memory only
    #[arg(long, global = true)]
    pub no_save: bool,
    /// No colours on the screen
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Only ASCII characters on the screen
    #[arg(long, global = true)]
    pub ascii: bool,
}

#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Gateway and dashboard against five simulated vendors: no key, no network, nothing saved
    Demo(DemoArgs),
    /// Gateway, probes and API without a screen; logs on stderr
    Serve,
    /// The dashboard of a running instance
    Attach(AttachArgs),
    /// One report of a running instance; exit code 0 well, 1 degraded, 2 down or no answer
    Status(StatusArgs),
    /// A running instance reads its configuration again; prints what changed, or what is wrong
    Reload(ReloadArgs),
    /// Ask a running instance who would serve a request
    Select(SelectArgs),
    /// Decide recorded requests again under other weights, and say what would have changed
    Simulate(SimulateArgs),
    /// The price table in force, with source and date
    Prices,
    /// Write, check and show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Completions for a shell
    Completions { shell: Shell },
    /// The manual page
    Man,
}

#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// The same seed gives the same luck
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Client requests per second
    #[arg(long, default_value_t = 8.0, value_name = "R")]
    pub rps: f64,
    /// steady, outage, brownout or rate-limit
    #[arg(long, default_value = "steady", value_name = "NAME")]
    pub scenario: String,
    /// So many simulated vendors, 1 to 500
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub providers: usize,
    /// Serve without a screen
    #[arg(long)]
    pub headless: bool,
    /// Only the vendors, for a gateway of your own: prints its configuration, runs until Ctrl-C
    #[arg(long, conflicts_with_all = ["rps", "scenario", "headless"])]
    pub vendors: bool,
}

#[derive(Debug, Clone, Args)]
pub struct AttachArgs {
    /// Where the instance is; else AIBAL_URL, its socket, or http://127.0.0.1:8080
    pub url: Option<String>,
    /// Change nothing
    #[arg(long)]
    pub read_only: bool,
}

#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Where the instance is; else AIBAL_URL, its socket, or http://127.0.0.1:8080
    pub url: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Again every so many seconds
    #[arg(long, value_name = "SECS")]
    pub watch: Option<f64>,
}

#[derive(Debug, Clone, Args)]
pub struct ReloadArgs {
    /// Where the instance is; else AIBAL_URL, its socket, or http://127.0.0.1:8080
    pub url: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// Where the instance is; else AIBAL_URL, its socket, or http://127.0.0.1:8080
    pub url: Option<String>,
    /// chat, vision, reasoning, artifact or embedding
    #[arg(long, value_name = "T")]
    pub model_type: Option<String>,
    /// Take this provider if it is well
    #[arg(long, value_name = "P")]
    pub preferred_provider: Option<String>,
    /// USD per token
    #[arg(long, value_name = "C")]
    pub max_cost: Option<f64>,
    /// Milliseconds
    #[arg(long, value_name = "MS")]
    pub max_latency: Option<f64>,
    /// Say what every candidate was worth, and why others were out
    #[arg(long)]
    pub explain: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Where the instance is; else AIBAL_URL, its socket, or http://127.0.0.1:8080
    pub url: Option<String>,
    /// Read decisions from this file instead: JSON lines as GET /api/decisions/{id} answers them
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub from: Option<PathBuf>,
    /// How far to look back: 1m, 5m, 15m, 1h, 6h or 24h
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub window: String,
    /// Cost, latency and reliability, and load and priority if wished, in points with commas
    /// between; may be given several times
    #[arg(long, value_name = "C,L,R", required = true)]
    pub weights: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented starter file
    Init,
    /// Read everything and name every mistake
    Check,
    /// The effective values and where each came from
    Show,
    /// Where the configuration is read from
    Path,
    /// JSON Schema of the file
    Schema,
}
