//! How many files, and so connections, the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What everything but connections may need.
const RESERVED_FDS: u64 = 256;
/// Fewer are not worth listening for.
const MIN_CONNECTIONS: usize = 16;

/// Raises the limit of open files as far as it goes, and says how many connections fit under it:
/// `wanted`, or fewer. Every client's connection may need one to a provider.
pub fn clamp_to_rlimit(wanted: usize) -> usize {
    let limit = raise();
    let fitting = limit.saturating_sub(RESERVED_FDS) / 2;
    let fitting = usize::try_from(fitting)
        .unwrap_or(usize::MAX)
        .max(MIN_CONNECTIONS);
    if fitting < wanted {
        tracing::warn!(
            "only {limit} files may be open (ulimit -n), so at most {fitting} connections are taken \
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
            tracing::debug!("the limit of open files stays: {error}");
        }
    }
    // None is no limit.
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_are_taken_than_files_may_be_open() {
        assert_eq!(clamp_to_rlimit(10), 10);
        assert!(
            clamp_to_rlimit(usize::MAX) < usize::MAX
                || getrlimit(Resource::Nofile).current.is_none()
        );
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum, "it is raised as far as it goes");
    }
}
