//! Arguments of `aibal-tui tokens`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token and print its secret, once
    Create(CreateTokenArgs),
    /// List all tokens: their roles, limits and last uses, without secrets
    List(TokenInstance),
    /// End a token: it is not accepted any more, also by streams that run
    Revoke {
        /// Name of the token
        name: String,
        #[command(flatten)]
        place: TokenPlace,
    },
    /// Give a token a new secret and print it, once; the old one is not accepted any more
    Rotate {
        /// Name of the token
        name: String,
        #[command(flatten)]
        place: TokenPlace,
    },
}

/// The instance whose tokens are meant.
#[derive(Debug, Args)]
pub struct TokenInstance {
    /// Address of the instance; default: AIBAL_URL, else server.listen of the configuration
    pub url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Where a token is changed.
#[derive(Debug, Args)]
pub struct TokenPlace {
    #[command(flatten)]
    pub instance: TokenInstance,
    /// Write to the configured store; no gateway has to run, and one that runs follows within a second
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct CreateTokenArgs {
    /// Unique name: letters, digits, -, _, . and @
    pub name: String,
    #[command(flatten)]
    pub place: TokenPlace,
    /// What it may do: client, viewer or operator
    #[arg(long, default_value = "client", value_name = "ROLE")]
    pub role: String,
    /// Its group; limits of [[auth.groups]] hold for all tokens of a group together
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Patterns of the models that it may use, such as gpt-*,smart; default: all
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub models: Vec<String>,
    /// USD that its requests may cost per day
    #[arg(long, value_name = "USD")]
    pub usd_per_day: Option<f64>,
    /// USD per week, from Monday on
    #[arg(long, value_name = "USD")]
    pub usd_per_week: Option<f64>,
    /// USD per month
    #[arg(long, value_name = "USD")]
    pub usd_per_month: Option<f64>,
    /// Requests per minute
    #[arg(long, value_name = "N")]
    pub rpm: Option<u64>,
    /// Prompt and completion tokens per minute
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// When it ends to be valid: a time from now such as 12h or 90d, or a date such as 2027-01-31
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// Words for people who manage tokens
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub tags: Vec<String>,
}
