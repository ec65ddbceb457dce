//! What can happen to the dashboard, and what it can ask for: two closed lists.

use crate::client::{ClientError, Update};
use crate::contract::{ProviderChange, WeightsChange, WeightsReport, Window};
use crossterm::event::KeyEvent;

/// Something happened.
#[derive(Debug)]
pub enum Message {
    Key(KeyEvent),
    Update(Update),
    /// A change of weights came back.
    WeightsSet(Result<WeightsReport, ClientError>),
    /// A change of a provider came back.
    ProviderChanged {
        name: String,
        result: Result<(), ClientError>,
    },
    /// Time passes; sent about once a second.
    Tick,
}

/// Something to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Watch(Window),
    SetWeights(WeightsChange),
    ChangeProvider {
        name: String,
        change: ProviderChange,
    },
    /// Paint everything again.
    Repaint,
    End(Ending),
}

/// Why the dashboard ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Stop the gateway too.
    Stop,
    /// The gateway goes on without a screen.
    Detach,
    /// Only the dashboard was running here.
    Quit,
    /// The terminal is gone or broken.
    Lost(String),
}
