//! The proof: a thousand copies stay exact while writers write and everything breaks. Runs the program itself as a
//! child process over a Postgres of its own, so that either can be killed. ARCHITECTURE.md says how to run it for long.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod copy;
mod dice;
mod faults;
#[path = "../postgres/mod.rs"]
mod postgres;
mod run;
mod server;
mod socket;
mod tables;
mod tally;
mod wishes;
mod writers;

use std::time::{Duration, Instant};

use run::{Plan, run};
use tally::Summary;

/// A setting of the run from outside.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(format!("EVERWIRE_PROOF_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_copy_is_exact_under_faults() {
    let subscribers = setting("SUBSCRIBERS", 1000);
    let plan = Plan {
        time: Duration::from_secs(setting("SECONDS", 35)),
        subscribers,
        sockets: setting("SOCKETS", subscribers.div_ceil(5)),
        writers: setting("WRITERS", 6),
        commits_per_second: setting("COMMITS", 400),
        faults: setting("FAULTS", 1) > 0,
        standby: setting("STANDBY", 1) > 0,
        sabotage: None,
        seed: setting("SEED", u64::from(rand::random::<u32>())),
    };
    let begin = Instant::now();
    let tally = run(&plan).await;
    println!("{}", Summary(&tally, begin.elapsed(), plan.seed));
    let failures = tally.failures();
    assert_eq!(tally.broken(), 0, "{failures}");
    assert!(tally.unexpected_errors().is_empty(), "{failures}");
}

/// The test of the test: a server with a defect is caught, each defect by what is there to catch it.
#[cfg(feature = "sabotage")]
mod sabotage {
    use super::*;
    use crate::copy::Breach;
    use crate::tally::Tally;

    async fn run_with(defect: &'static str, seconds: u64) -> std::sync::Arc<Tally> {
        let plan = Plan {
            time: Duration::from_secs(seconds),
            subscribers: 150,
            sockets: 30,
            writers: 6,
            commits_per_second: 200,
            faults: false,
            standby: true,
            sabotage: Some(defect),
            seed: setting("SEED", 1),
        };
        let begin = Instant::now();
        let tally = run(&plan).await;
        println!("{defect}: {}\n{}", Summary(&tally, begin.elapsed(), plan.seed), tally.failures());
        tally
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lost_message_is_noticed_by_the_client() {
        let tally = run_with("message", 5).await;
        assert!(tally.breaches(Breach::Gap) > 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lost_change_makes_a_wrong_copy() {
        let tally = run_with("change", 5).await;
        assert!(tally.broken() > 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_copy_joined_by_positions_is_wrong() {
        let tally = run_with("join", 5).await;
        assert!(tally.broken() > 0);
    }
}
