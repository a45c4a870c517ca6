//! Many writers, many subscribers that come and go: at the end every copy is what its query gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::{Client, World};

const WRITERS: u64 = 10;
const SUBSCRIBERS: u64 = 20;

/// xorshift (Marsaglia 2003): a run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Filters as a client and as SQL write them.
fn filters() -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "true"),
        (json!({"project": {"eq": 3}}), "project = 3"),
        (json!({"project": {"in": [1, 2]}, "done": {"eq": false}}), "project IN (1, 2) AND NOT done"),
        (json!({"status": {"eq": "enum:DOING"}}), "status = 'doing'"),
        (
            json!({"or": [{"title": {"isNull": true}}, {"estimate": {"gte": "2.50"}}]}),
            "title IS NULL OR estimate >= 2.5",
        ),
        (json!({"not": {"title": {"like": "a%"}}}), "NOT title LIKE 'a%'"),
    ]
}

async fn write(pool: PgPool, seed: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut dice = Dice(seed);
    let mut commits = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut sql = String::from("BEGIN;");
        for _ in 0..=dice.roll(3) {
            let (id, project, other) = (dice.roll(200), dice.roll(5), dice.roll(200));
            let title = ["'a'", "'b'", "'ab'", "NULL"][dice.roll(4) as usize];
            sql += &match dice.roll(12) {
                0..4 => format!(
                    "INSERT INTO task VALUES ({id}, {project}, {title}, 'todo', false, repeat('n', {})) ON CONFLICT DO NOTHING;",
                    dice.roll(4) * 2500
                ),
                4..7 => format!("UPDATE task SET title = {title}, project = {project} WHERE id = {id};"),
                7 => {
                    format!("UPDATE task SET status = 'doing', estimate = {project}, done = NOT done WHERE id = {id};")
                }
                8 => format!(
                    "UPDATE task SET id = {other} WHERE id = {id} AND NOT EXISTS (SELECT FROM task WHERE id = {other});"
                ),
                9 => format!("SAVEPOINT s; DELETE FROM task WHERE project = {project}; ROLLBACK TO s;"),
                _ => format!("DELETE FROM task WHERE id = {id};"),
            };
        }
        sql += if dice.roll(10) == 0 { "ROLLBACK" } else { "COMMIT" };
        // Deadlocks and duplicate keys end a transaction as they do anywhere.
        let mut connection = pool.acquire().await.unwrap();
        match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await {
            Ok(_) => commits += 1,
            Err(_) => {
                sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.unwrap();
            }
        }
    }
    commits
}

/// Subscribes, reads for a while, at times leaves and comes back with its position.
async fn subscribe(world: Arc<World>, seed: u64, stop: Arc<AtomicBool>) -> (usize, Client) {
    let mut dice = Dice(seed);
    let which = seed as usize % filters().len();
    let filter = filters()[which].0.clone();
    tokio::time::sleep(Duration::from_millis(dice.roll(1500))).await;
    let mut client = world.client("task", filter.clone()).await;
    while !stop.load(Ordering::Relaxed) {
        let message = tokio::time::timeout(Duration::from_millis(50), client.next()).await;
        let whole = message.is_ok_and(|message| message["more"] == false);
        if whole && dice.roll(100) == 0 {
            let held = client.held.clone().unwrap();
            let copy = std::mem::take(&mut client.copy);
            let (resets, strays) = (std::mem::take(&mut client.resets), client.strays);
            client = world.resume("task", filter.clone(), &held).await;
            client.copy = copy;
            client.resets = resets;
            client.strays = strays;
        }
    }
    (which, client)
}

async fn converge(world: World, running: Duration) -> Vec<String> {
    let world = Arc::new(world);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (1..=SUBSCRIBERS).map(|n| tokio::spawn(subscribe(Arc::clone(&world), n * 7919, Arc::clone(&stop)))).collect();
    let writers: Vec<_> =
        (1..=WRITERS).map(|n| tokio::spawn(write(world.pool.clone(), n * 104_729, Arc::clone(&stop)))).collect();
    tokio::time::sleep(running).await;
    stop.store(true, Ordering::Relaxed);
    let mut commits = 0;
    for writer in writers {
        commits += writer.await.unwrap();
    }
    let mut resets = Vec::new();
    for client in clients {
        let (which, mut client) = client.await.unwrap();
        let wanted = wanted(&world, filters()[which].1).await;
        client.until(&wanted).await;
        assert_eq!(client.strays, 0, "a PATCH of a row that the copy did not have");
        resets.extend(client.resets);
    }
    println!("{commits} commits; resets {resets:?}; {:?}", world.hub.status());
    assert!(commits > 100);
    world.hub.stop().await;
    resets
}

async fn wanted(world: &World, condition: &str) -> BTreeMap<String, Value> {
    let sql = format!(
        "SELECT id::text, json_build_object('id', id, 'project', project, 'title', title, 'status', upper(status::text),
             'done', done, 'note', note, 'estimate', estimate::text)::text FROM task WHERE {condition}"
    );
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&world.pool).await.unwrap();
    rows.into_iter().map(|(id, row)| (id, serde_json::from_str(&row).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_copy_becomes_what_its_query_gives() {
    let world = World::with(|options| options.progress_interval = Duration::from_millis(200)).await;
    let resets = converge(world, Duration::from_secs(6)).await;
    assert!(resets.iter().all(|reset| reset == "START"), "{resets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn also_with_hardly_any_history() {
    let world = World::with(|options| {
        options.progress_interval = Duration::from_millis(200);
        options.history_bytes = 40_000;
    })
    .await;
    converge(world, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn also_with_hardly_any_memory() {
    let world = World::with(|options| {
        options.progress_interval = Duration::from_millis(200);
        // Every copy that is not empty goes to a file, and every commit but the smallest.
        options.spool_after = 300;
        options.messages_bytes = 10_000;
    })
    .await;
    let resets = converge(world, Duration::from_secs(6)).await;
    assert!(resets.iter().all(|reset| reset == "START"), "{resets:?}");
}
