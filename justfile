# Commands of this project (https://just.systems: `cargo install just`). `just` lists them.
#
# They need Rust 1.94 and a C compiler. What needs more says so. Times are those of two shared cores,
# where they are known.

# List the commands.
default:
    @just --list --unsorted

# Run everything without a key and without a network: simulated vendors, traffic, dashboard.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Run all tests. Needs no key and no network beyond loopback.
test *ARGS:
    cargo test --locked {{ARGS}}

# Test the protocols of all providers: recorded exchanges, simulated vendors, keys and addresses.
test-providers:
    cargo test --locked --lib protocols::
    cargo test --locked --test suite -- golden:: vendors:: lines:: gateway::targets gateway::tokens gateway::capabilities reloading::providers

# Test what is measured and reported: latency, costs, budgets, status and events.
test-metrics:
    cargo test --locked --lib -- domain::timeline domain::histogram domain::pricing contract:: api::tests
    cargo test --locked --test suite -- gateway::costs gateway::budgets faults::accounts faults::counts faults::shares remote::

# Test the selection of targets: its rules, load, failover, and the simulated scenarios.
test-load-balancing:
    cargo test --locked --lib domain::
    cargo test --locked --test simulation
    cargo test --locked --test suite -- demo:: scenario:: gateway::load faults::scenarios faults::outages

# Test the rules of the architecture alone; takes a second once it is built.
test-architecture:
    cargo test --locked --test architecture

# Format the code.
fmt:
    cargo fmt

# Lint as `.ci/run` does.
lint:
    cargo clippy --all-targets --locked -- -D warnings

# Build the documentation of the code as `.ci/run` does.
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

# Everything that must hold before a merge. Needs Python 3.11 with pip, curl, and PyPI.
ci:
    .ci/run

# Needs cargo-deb (`cargo install cargo-deb`) and a clean work tree; builds with all optimisations.
# Make archives, the Debian package and checksums in target/release-files.
release:
    packaging/release

# Needs Python 3.11 with venv, and PyPI; asks systemd, nginx and Prometheus where they are installed.
# Check the unit, scripts and manifests below packaging/.
check-packaging:
    packaging/check

# Needs root. Make the container's root and start the program in it, without a container engine.
check-container:
    cargo build --release --locked
    packaging/container/check-root target/release/aibal-tui

# Needs Python 3.11, Node 20 with npm, curl, PyPI and npm's registry; takes some minutes.
# `just clients --only openai-python,anthropic` runs a part.
# Try real clients against all protocols.
clients *ARGS:
    python3 tests/clients/matrix.py {{ARGS}}

# Needs Python 3.11, Node 20 with npm, PyPI and npm's registry; the agents take 1.5 GB of disk.
# `just agents --only codex,gemini-cli:ollama` runs a part.
# Let coding agents write a file through the gateway, with vendors of every kind.
agents *ARGS:
    python3 tests/clients/agents.py {{ARGS}}

# Measure the figures of selection, simulation and translation.
bench:
    cargo bench --locked

# Needs nginx and wrk, and a machine that does nothing else.
# Measure the cost of a request next to nginx.
load *ARGS:
    cargo build --profile dist --locked
    cargo bench --locked --bench load --no-run
    python3 benches/load/run.py {{ARGS}}

# Needs wrk, Debian's postgresql, and root to mount a small file system; takes 20 minutes.
# Measure what the store costs, its views with a million requests, its failures, and deletion.
load-store:
    cargo build --profile dist --locked
    cargo bench --locked --bench load --no-run
    python3 benches/load/store_cost.py
    python3 benches/load/history.py
    python3 benches/load/store_faults.py
    python3 benches/load/retention.py

# Needs wrk unless --rate is given; takes 36 minutes unless --minutes says otherwise.
# Run half the possible load for a long time: does memory grow, is an answer wrong?
soak *ARGS:
    cargo build --profile dist --locked
    cargo bench --locked --bench load --no-run
    python3 benches/load/soak.py {{ARGS}}

# Fuzz one target, `streams` or `requests`. Needs g++.
fuzz TARGET SECONDS='60':
    tests/fuzz/run {{TARGET}} -max_total_time={{SECONDS}}

# Fuzz the whole gateway with odd `requests` or odd `answers`. Needs Python 3.11.
fuzz-whole WHAT SECONDS='60':
    cargo build --release --locked
    AIBAL_BIN=target/release/aibal-tui python3 tests/fuzz/whole {{WHAT}} --seconds {{SECONDS}} --core 0 --alive-ms 100

# Check licences and advisories. Needs `cargo install cargo-deny` and the network.
deny:
    cargo deny check

# Review snapshots that differ. Needs `cargo install cargo-insta`.
snapshots:
    cargo insta review

# All fuzz targets for 10 minutes each, the soak of 36 minutes, all clients, all benchmarks, licences
# and advisories. Needs what these need; takes about an hour besides the builds.
# Run what takes too long for every merge.
deep: (fuzz 'streams' '600') (fuzz 'requests' '600') (fuzz-whole 'requests' '600') (fuzz-whole 'answers' '600') soak clients bench deny
