//! The end of the time that a stopping gateway leaves to requests under way.

use tokio::sync::watch;

/// Tells everybody whose answer is under way that the time is over.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl ShutdownTrigger {
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

/// Hears of it; cheap to clone.
#[derive(Debug, Clone)]
pub struct ShutdownSignal(watch::Receiver<bool>);

impl ShutdownSignal {
    /// Both ends.
    pub fn channel() -> (ShutdownTrigger, Self) {
        let (closer, closing) = watch::channel(false);
        (ShutdownTrigger(closer), Self(closing))
    }

    /// Resolves when the time is over; never where nobody is left who could say so.
    pub async fn triggered(&mut self) {
        if self.0.wait_for(|is_over| *is_over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// It never comes.
impl Default for ShutdownSignal {
    fn default() -> Self {
        Self(watch::channel(false).1)
    }
}
