//! The two ends of a load measurement: an upstream that responds at once, and clients that measure.
//! `benches/load/run.py` starts them around the gateway or a proxy, and documents the use.
//!
//! Both use bare sockets and do little work, so that most of the machine is left to the program
//! under test.

mod client;
mod figures;
mod upstream;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: load upstream ADDR
       load upstream ADDR flapping
       load mixed ADDR REQUESTS_PER_SECOND SECONDS
       load rate ADDR REQUESTS_PER_SECOND SECONDS
       load streams ADDR MODEL CLIENTS SECONDS
       load open ADDR STREAMS
Normally started by benches/load/run.py.";

fn main() -> ExitCode {
    // `cargo bench` names itself among the arguments.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Some(Ok(figures)) => {
            print(&figures);
            ExitCode::SUCCESS
        }
        Some(Err(error)) => {
            print_error(&error.to_string());
            ExitCode::FAILURE
        }
        // `cargo bench` runs all benchmarks; this one measures nothing without arguments.
        None if words.is_empty() => {
            print("load is started by benches/load/run.py");
            ExitCode::SUCCESS
        }
        None => {
            print_error(USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(words: &[&str]) -> Option<std::io::Result<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Some(Err(error)),
    };
    let result = match *words {
        ["upstream", address] => runtime.block_on(upstream::serve(at(address)?, false)),
        ["upstream", address, "flapping"] => runtime.block_on(upstream::serve(at(address)?, true)),
        ["mixed", address, rate, seconds] => {
            let (rate, seconds) = (rate.parse().ok()?, seconds.parse().ok()?);
            let length = Duration::from_secs(seconds);
            runtime.block_on(client::mixed(at(address)?, rate, length))
        }
        ["rate", address, rate, seconds] => {
            let (rate, seconds) = (rate.parse().ok()?, seconds.parse().ok()?);
            let length = Duration::from_secs(seconds);
            runtime.block_on(client::rate(at(address)?, rate, length))
        }
        ["streams", address, model, clients, seconds] => {
            let (clients, seconds) = (clients.parse().ok()?, seconds.parse().ok()?);
            let length = Duration::from_secs(seconds);
            runtime.block_on(client::streams(at(address)?, model, clients, length))
        }
        ["open", address, streams] => {
            let streams = streams.parse().ok()?;
            runtime.block_on(client::open(at(address)?, streams))
        }
        _ => return None,
    };
    Some(result)
}

fn at(address: &str) -> Option<SocketAddr> {
    address.parse().ok()
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are the output of this program"
)]
fn print(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "errors go to the caller of this program"
)]
fn print_error(text: &str) {
    eprintln!("{text}");
}
