//! The permission that each call needs.

use crate::access::{Permission, RouteDescription};
use axum::http::Method;
use std::collections::BTreeMap;

/// Permissions by the path of a call, as in the table of routes, and its method.
#[derive(Debug)]
pub(super) struct NeededPermissions(BTreeMap<&'static str, Vec<(Method, Permission)>>);

impl NeededPermissions {
    /// The permissions of the calls that need one.
    pub fn new(calls: Vec<RouteDescription>) -> Self {
        let mut needed: BTreeMap<&'static str, Vec<(Method, Permission)>> = BTreeMap::new();
        for call in calls {
            if let Some(permission) = call.needs {
                let methods = needed.entry(call.path).or_default();
                methods.push((call.method, permission));
            }
        }
        Self(needed)
    }

    /// The permission of a call; `None` if the table does not have it.
    pub fn of(&self, path: &str, method: &Method) -> Option<Permission> {
        let mut methods = self.0.get(path)?.iter();
        let (_, permission) = methods.find(|(known, _)| known == method)?;
        Some(*permission)
    }
}
