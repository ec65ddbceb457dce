//! Paths that Azure's libraries build for OpenAI's API.

/// Begins the paths.
pub const AZURE_PREFIX: &str = "/openai";
/// Begins the paths of the newer form, which are OpenAI's own otherwise.
pub const AZURE_V1_PREFIX: &str = "/openai/v1";
/// Path of a model in the older form.
pub const AZURE_DEPLOYMENT: &str = "/openai/deployments/{deployment}";
