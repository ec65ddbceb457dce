//! What this program was built from; `build.rs` finds it out.

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// First digits of the commit, with `+changes` where files differed from it; `unknown` without one.
pub const COMMIT: &str = env!("AIBAL_BUILD_COMMIT");
/// Names of the optional features, separated by commas; `none` without any.
pub const FEATURES: &str = env!("AIBAL_BUILD_FEATURES");

/// What `--version` prints after the name.
pub(super) const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("AIBAL_BUILD_COMMIT"),
    "\nfeatures: ",
    env!("AIBAL_BUILD_FEATURES"),
);
