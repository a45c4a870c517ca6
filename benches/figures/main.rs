//! What does Everwire cost, and how much of it is Everwire? Starts the release binary over an embedded Postgres
//! of its own, settings as shipped, measures it from outside, and sets each figure against a yardstick that is
//! measured in the same run, in turns: absolute figures drift with the machine, ratios hold.
//!
//! `cargo bench --bench figures -- [start|queries|latency|memory|fanout|schema|golden|large|restart]…`; everything without an argument.

mod fanout;
mod golden;
mod http;
mod large;
mod latency;
mod memory;
mod queries;
mod restart;
mod schema;
mod server;
mod socket;
mod start;
mod table;
mod yardstick;

use std::process::ExitCode;

use tokio::runtime::Runtime;

const SECTIONS: [&str; 9] = ["start", "queries", "latency", "memory", "fanout", "schema", "golden", "large", "restart"];

fn main() -> ExitCode {
    // `cargo bench` adds a `--bench` of its own.
    let mut asked: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = Runtime::new().expect("a runtime");
    if let [first, port] = asked.as_slice()
        && first == yardstick::COMMAND
    {
        runtime.block_on(yardstick::serve(port.parse().expect("a port")));
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = asked.iter().find(|argument| !SECTIONS.contains(&argument.as_str())) {
        eprintln!("There are no figures of {unknown:?}; there are: {}.", SECTIONS.join(", "));
        return ExitCode::FAILURE;
    }
    if asked.is_empty() {
        asked = SECTIONS.map(str::to_owned).to_vec();
    }
    for section in asked {
        match section.as_str() {
            "start" => runtime.block_on(start::measure()),
            "queries" => runtime.block_on(queries::measure()),
            "latency" => runtime.block_on(latency::measure()),
            "memory" => runtime.block_on(memory::measure()),
            "fanout" => runtime.block_on(fanout::measure()),
            "schema" => runtime.block_on(schema::measure()),
            "golden" => runtime.block_on(golden::measure()),
            "large" => runtime.block_on(large::measure()),
            _ => runtime.block_on(restart::measure()),
        }
    }
    ExitCode::SUCCESS
}
