use super::ApiError;
use crate::contract::ReloadReport;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

type Answer = Result<ReloadReport, ApiError>;
type Reload = dyn Fn(String) -> BoxFuture<'static, Option<Answer>> + Send + Sync;

/// The way to have the configuration read again; whoever builds the door knows how.
#[derive(Clone)]
pub struct ReloadCallback(Arc<Reload>);

impl ReloadCallback {
    /// `reload` takes who asks, and answers nothing where there is no configuration to read.
    pub fn new<F, R>(reload: F) -> Self
    where
        F: Fn(String) -> R + Send + Sync + 'static,
        R: Future<Output = Option<Answer>> + Send + 'static,
    {
        Self(Arc::new(move |who| Box::pin(reload(who))))
    }

    pub async fn reload(&self, who: &str) -> Option<Answer> {
        (self.0)(who.to_owned()).await
    }
}

impl fmt::Debug for ReloadCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
