//! How long after a COMMIT does a subscriber know? And does each get every commit exactly once, in order?

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::server::{Server, data_folder};
use crate::socket::Socket;
use crate::table;

const SUBSCRIBERS: usize = 100;
const COMMITS_PER_SECOND: usize = 50;
const SECONDS: usize = 20;
const COMMITS: usize = COMMITS_PER_SECOND * SECONDS;

/// How long the last message may take.
const PATIENCE: Duration = Duration::from_secs(30);

const SUBSCRIPTION: &str = "subscription Tasks($project: UUID!) { tasks(where: {projectId: {eq: $project}}) \
    { sequence previous reset more changes { op ... on TaskPut { task { id title points } } \
    ... on TaskPatch { task { id title points } } } } }";

pub(crate) async fn measure() {
    let data = data_folder();
    let (server, _) = Server::start(data.path(), &["--progress-interval", "3600"]).await;
    let pool = server.pool().await;
    let (task, project): (String, String) =
        sqlx::query_as("SELECT id::text, project_id::text FROM task ORDER BY id LIMIT 1")
            .fetch_one(&pool)
            .await
            .expect("a task");
    let subscription = json!({ "query": SUBSCRIPTION, "variables": { "project": project } }).to_string();
    let mut readers = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let mut socket = Socket::subscribe(server.address, &subscription).await;
        let position = starting_copy(&mut socket).await;
        readers.spawn(read(socket, position));
    }
    let committed = commit(&pool, &task).await;
    let received = timeout(PATIENCE, readers.join_all()).await.expect("every subscriber gets every commit");
    let mut waits: Vec<f64> = received.iter().flat_map(|times| times.iter().zip(&committed)).map(wait).collect();
    let mut slowest: Vec<f64> = (0..COMMITS)
        .map(|commit| received.iter().map(|times| wait((&times[commit], &committed[commit]))).fold(f64::MIN, f64::max))
        .collect();
    let how = format!(
        "{SUBSCRIBERS} sockets, {COMMITS_PER_SECOND} commits/s for {SECONDS} s; from the return of COMMIT to receipt; \
         every subscriber got all {COMMITS} commits once, in order"
    );
    println!("\nlatency: {how}\n  {:<40} {:>8} {:>11} {:>11} {:>11}", "ms", "n", "p50", "p99", "max");
    for (what, values) in [("each delivery", &mut waits), ("the last subscriber of each commit", &mut slowest)] {
        values.sort_by(f64::total_cmp);
        let [p50, p99, max] = [50.0, 99.0, 100.0].map(|percent| table::percentile(values, percent));
        println!("  {what:<40} {:>8} {p50:>11.2} {p99:>11.2} {max:>11.2}", values.len());
    }
    pool.close().await;
    server.stop().await;
}

/// Milliseconds. Negative: the subscriber knew before the writer.
fn wait((received, committed): (&Instant, &Instant)) -> f64 {
    match received.checked_duration_since(*committed) {
        Some(after) => after.as_secs_f64() * 1e3,
        None => -committed.duration_since(*received).as_secs_f64() * 1e3,
    }
}

/// Reads to the end of the copy, and gives the position.
async fn starting_copy(socket: &mut Socket) -> String {
    loop {
        let message = changes(socket.next().await);
        if message["more"] == json!(false) {
            return message["sequence"].as_str().expect("a position").to_owned();
        }
    }
}

/// When each commit came. Fails if one is missing, doubled, out of order or out of the chain of positions.
async fn read(mut socket: Socket, mut position: String) -> Vec<Instant> {
    let mut received = Vec::with_capacity(COMMITS);
    for expected in 1..=COMMITS {
        let text = socket.next().await;
        received.push(Instant::now());
        let message = changes(text);
        assert_eq!(message["previous"], json!(position), "the position before it");
        assert_eq!(message["reset"], Value::Null);
        assert_eq!(message["changes"][0]["task"]["points"], json!(expected.to_string()), "the commit");
        position = message["sequence"].as_str().expect("a position").to_owned();
    }
    received
}

fn changes(text: &[u8]) -> Value {
    let mut message: Value = serde_json::from_slice(text).expect("JSON");
    assert_eq!(message["type"], "next", "{message}");
    message["payload"]["data"]["tasks"].take()
}

/// When each COMMIT returned.
async fn commit(pool: &PgPool, task: &str) -> Vec<Instant> {
    let mut connection = pool.acquire().await.expect("a connection");
    let mut clock = interval(Duration::from_secs(1) / COMMITS_PER_SECOND as u32);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut committed = Vec::with_capacity(COMMITS);
    for number in 1..=COMMITS {
        clock.tick().await;
        sqlx::query("UPDATE task SET points = $1 WHERE id = $2::uuid")
            .bind(number as i64)
            .bind(task)
            .execute(&mut *connection)
            .await
            .expect("the row is there");
        committed.push(Instant::now());
    }
    committed
}
