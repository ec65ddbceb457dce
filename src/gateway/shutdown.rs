//! The signal that the time for requests in flight is over.

use tokio::sync::watch;

/// Sends the signal to all responses in progress.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl ShutdownTrigger {
    /// Ends all responses in progress.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

/// Receives the signal; cheap to clone.
#[derive(Debug, Clone)]
pub struct ShutdownSignal(watch::Receiver<bool>);

impl ShutdownSignal {
    /// A connected pair.
    pub fn channel() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(sender), Self(receiver))
    }

    /// Resolves at the signal; never if the trigger was dropped before.
    pub async fn triggered(&mut self) {
        if self.0.wait_for(|is_over| *is_over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A signal that never comes.
impl Default for ShutdownSignal {
    fn default() -> Self {
        Self(watch::channel(false).1)
    }
}
