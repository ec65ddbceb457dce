use super::{Address, ClientError, Control, LocalClient, RemoteClient};
use crate::contract::InstanceInfo;
use crate::engine::EngineHandle;
use std::ops::Deref;
use std::sync::Arc;

/// Handle to a running instance, in this process or another; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Arc<dyn Control>);

impl Client {
    /// The instance in this process.
    pub fn local(handle: EngineHandle, instance: InstanceInfo) -> Self {
        LocalClient::new(handle, instance).into()
    }

    /// An instance in another process; connects with the first call. `operator` is the `user@host`
    /// that its record of changes shows. Fails where the token cannot be sent.
    pub fn remote(
        address: Address,
        token: Option<&str>,
        operator: Option<&str>,
    ) -> Result<Self, ClientError> {
        RemoteClient::new(address, token, operator).map(Self::from)
    }
}

impl<C: Control + 'static> From<C> for Client {
    fn from(control: C) -> Self {
        Self(Arc::new(control))
    }
}

impl Deref for Client {
    type Target = dyn Control;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
