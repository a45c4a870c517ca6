//! The seed of a random test: another one each time, printed, and so in the output of a test that failed; or the
//! one given by `EVERWIRE_TEST_SEED`, to see a failure again.

/// The seed of this test.
pub(crate) fn take() -> u64 {
    let seed = match std::env::var("EVERWIRE_TEST_SEED") {
        Ok(text) => text.parse().expect("EVERWIRE_TEST_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("EVERWIRE_TEST_SEED={seed}");
    seed
}
