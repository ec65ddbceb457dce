//! The end of the time that a stopping gateway leaves to requests under way.

use tokio::sync::watch;

/// Tells everybody whose answer is under way that the time is over.
#[derive(Debug, Clone)]
pub struct Closer(watch::Sender<bool>);

impl Closer {
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

/// Hears of it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Both ends.
    pub fn channel() -> (Closer, Self) {
        let (closer, closing) = watch::channel(false);
        (Closer(closer), Self(closing))
    }

    /// Resolves when the time is over; never where nobody is left who could say so.
    pub async fn told(&mut self) {
        if self.0.wait_for(|is_over| *is_over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// It never comes.
impl Default for Closing {
    fn default() -> Self {
        Self(watch::channel(false).1)
    }
}
