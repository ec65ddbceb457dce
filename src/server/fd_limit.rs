//! The limit on open files, and so on connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors for everything but connections.
const RESERVED_FDS: u64 = 256;
/// The least number of connections, whatever the limit.
const MIN_CONNECTIONS: usize = 16;

/// Raises the limit on open files as far as possible; returns the number of connections that fit, at most
/// `wanted`. Each client connection may need another one to a provider.
pub fn clamp_to_rlimit(wanted: usize) -> usize {
    let limit = raise();
    let fitting = limit.saturating_sub(RESERVED_FDS) / 2;
    let fitting = usize::try_from(fitting)
        .unwrap_or(usize::MAX)
        .max(MIN_CONNECTIONS);
    if fitting < wanted {
        tracing::warn!(
            "only {limit} files may be open (ulimit -n), so at most {fitting} connections are accepted \
             instead of the {wanted} of [server] max_connections"
        );
    }
    wanted.min(fitting)
}

fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!("the limit on open files cannot be raised: {error}");
        }
    }
    // `None` means no limit.
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_by_open_files() {
        assert_eq!(clamp_to_rlimit(10), 10);
        assert!(
            clamp_to_rlimit(usize::MAX) < usize::MAX
                || getrlimit(Resource::Nofile).current.is_none()
        );
        let now = getrlimit(Resource::Nofile);
        assert_eq!(
            now.current, now.maximum,
            "the limit is raised to its maximum"
        );
    }
}
