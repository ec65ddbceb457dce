//! Arguments of the commands that set an instance up.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Turn the configuration of a LiteLLM proxy into one of ours; what has no counterpart goes to stderr
    Litellm(LitellmArgs),
}

#[derive(Debug, Clone, Args)]
pub struct LitellmArgs {
    /// Configuration of the LiteLLM proxy, usually config.yaml
    pub file: PathBuf,
    /// File to write instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long, requires = "output")]
    pub force: bool,
}

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PricesArgs {
    #[command(subcommand)]
    pub command: Option<PricesCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum PricesCommand {
    /// Print the table in force
    List,
    /// Take the prices of LiteLLM's model_prices_and_context_window.json, from the next start on
    Import(PricesImportArgs),
}

#[derive(Debug, Clone, Args)]
pub struct PricesImportArgs {
    /// LiteLLM's table, a JSON file
    pub file: PathBuf,
    /// File to write instead of prices.toml beside the configuration, which every start reads
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    pub output: Option<PathBuf>,
    /// Print the table instead of writing it
    #[arg(long)]
    pub print: bool,
}

#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Make no call to a provider or another server
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
