//! Those who come back at the same time get what they missed: all of it, once, from wherever each of them was.

use std::sync::Arc;
use std::time::Duration;

use everwire::changes::{Hub, Options};
use everwire::config::HistorySlotPolicy;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::world::{Client, World};

const PROJECTS: i32 = 8;
const COMMITS: usize = 40;
/// Of them, how many come back for each filter.
const RETURNS: usize = 3;

/// A change with its position, or a reset at its message's.
type Told = (String, Value);

fn keeping(options: &mut Options) {
    options.history_slot = HistorySlotPolicy::On;
    // Commits of a few hundred rows wait on disk.
    options.spool_after = 100_000;
    // What is read slowly is no longer in the logs.
    options.progress_interval = Duration::from_millis(300);
}

fn filters() -> Vec<Value> {
    let mut filters: Vec<Value> = (0..PROJECTS).map(|n| json!({"project": {"eq": n}})).collect();
    filters.extend((0..PROJECTS).map(|n| json!({"id": {"lt": 40 + 90 * n}, "done": {"eq": n % 2 == 0}})));
    filters.extend([json!({}), json!({"title": {"isNull": true}}), json!({"project": {"in": [1, 2, 3]}})]);
    filters
}

fn commit(random: &mut StdRng) -> String {
    let (id, project) = (random.random_range(0..800), random.random_range(0..PROJECTS));
    match random.random_range(0..20) {
        0 => "TRUNCATE task".to_owned(),
        1..4 => format!(
            "INSERT INTO task SELECT n, {project}, 'many' FROM generate_series({id}, {id} + 1300) n
             ON CONFLICT (id) DO UPDATE SET project = excluded.project"
        ),
        4..7 => format!("UPDATE task SET project = {project}, title = NULL WHERE id % 3 = {}", id % 3),
        7..10 => format!("DELETE FROM task WHERE id BETWEEN {id} AND {id} + 90"),
        10..15 => format!("INSERT INTO task VALUES ({id}, {project}, 'one') ON CONFLICT DO NOTHING"),
        15 => format!("UPDATE task SET id = id + 10000 WHERE id = {id}"),
        _ => format!("UPDATE task SET done = NOT done, project = {project} WHERE id = {id}"),
    }
}

fn told(message: &Value, into: &mut Vec<Told>) {
    if !message["reset"].is_null() {
        into.push((message["sequence"].as_str().unwrap().to_owned(), message["reset"].clone()));
    }
    for change in message["changes"].as_array().unwrap() {
        into.push((change["sequence"].as_str().unwrap().to_owned(), change.clone()));
    }
}

/// Reads up to `end`; gives what was told, and the position after each message.
async fn read(client: &mut Client, end: &str) -> (Vec<Told>, Vec<String>) {
    let (mut all, mut positions) = (Vec::new(), Vec::new());
    while client.held.as_deref().is_none_or(|held| held < end) {
        told(&client.next().await, &mut all);
        positions.extend(client.held.clone());
    }
    (all, positions)
}

/// One who was there all the time.
struct Witness {
    filter: Value,
    told: Vec<Told>,
    positions: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_goes_on_from_where_they_were() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::with(keeping).await;
    let mut clients = Vec::new();
    for filter in filters() {
        let mut client = world.client("task", filter.clone()).await;
        client.next().await;
        clients.push((filter, client));
    }
    let mut last = world.client("plain", json!({})).await;
    last.next().await;
    let witnesses = tokio::spawn(async move {
        // The last commit says that there are no more.
        let end = loop {
            if last.change().await["changes"][0]["key"]["id"] == 1 {
                break last.held.clone().unwrap();
            }
        };
        let read = clients.into_iter().map(async |(filter, mut client)| {
            let begin = client.held.clone().unwrap();
            let (told, mut positions) = read(&mut client, &end).await;
            assert_eq!(client.strays, 0);
            positions.insert(0, begin);
            Witness { filter, told, positions }
        });
        (join_all(read).await, end)
    });
    for _ in 0..COMMITS {
        world.run(commit(&mut random)).await;
    }
    world.run("INSERT INTO plain VALUES (1)").await;
    let (witnesses, end) = witnesses.await.unwrap();

    world.hub.stop().await;
    let mut options = Options::new(world.postgres.url());
    keeping(&mut options);
    world.hub = Hub::start(Arc::clone(&world.model), options).await.unwrap();
    let mut returns = Vec::new();
    for witness in &witnesses {
        for _ in 0..RETURNS {
            returns.push((witness, &witness.positions[random.random_range(0..witness.positions.len())]));
        }
    }
    let world = &world;
    let end = end.as_str();
    let gone_on = returns.into_iter().map(async |(witness, since)| {
        let mut client = world.resume("task", witness.filter.clone(), since).await;
        let (told, _) = read(&mut client, end).await;
        let missed: Vec<Told> = witness.told.iter().filter(|(at, _)| at > since).cloned().collect();
        assert_eq!(told.len(), missed.len(), "{} since {since}", witness.filter);
        assert_eq!(told, missed, "{} since {since}", witness.filter);
    });
    join_all(gone_on).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_log_was_cut_in_is_told_whole() {
    const ROWS: usize = 5_000;
    let world = World::with(|options| {
        // Some of the messages of the commit; and there is room for no others.
        options.log_bytes = 700_000;
        options.messages_bytes = 500_000;
        options.progress_interval = Duration::from_secs(600);
    })
    .await;
    let mut client = world.client("task", json!({})).await;
    client.next().await;
    world.run(format!("INSERT INTO task SELECT n, 7, 'a' FROM generate_series(1, {ROWS}) n")).await;
    let mut after = world.client("plain", json!({})).await;
    world.run("INSERT INTO plain VALUES (1)").await;
    while after.copy.is_empty() {
        after.next().await;
    }
    let held = world.hub.status().log_bytes;
    let mut bytes = 0;
    loop {
        let message = client.raw().await;
        bytes += message.len();
        if client.take(&message)["more"] == false {
            break;
        }
    }
    assert!(500_000 < held && held + 300_000 < bytes, "{held} of {bytes} bytes were held");
    assert_eq!((client.copy.len(), client.resets.len()), (ROWS, 1));
}
