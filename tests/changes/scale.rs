//! What it costs. Run by hand: `cargo nextest run --release --run-ignored only scale --no-capture`.

use std::time::Instant;

use serde_json::json;

use crate::world::{Client, World, ops};

/// Memory in use by this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The median and the slowest but one in a hundred of updates, commit to message, in microseconds.
async fn latency(world: &World, client: &mut Client) -> (u128, u128) {
    let mut times = Vec::new();
    for round in 0..1000 {
        let update = sqlx::query("UPDATE task SET title = $1::int::text WHERE id = 1").bind(round);
        update.execute(&world.pool).await.unwrap();
        let committed = Instant::now();
        assert_eq!(ops(&client.change().await), ["PATCH 1"]);
        times.push(committed.elapsed().as_micros());
    }
    times.sort_unstable();
    (times[500], times[990])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn scale_of_groups() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 1, 'a')").await;
    let mut client = world.client("task", json!({"project": {"eq": 1}})).await;
    client.next().await;
    println!("1 group: commit to message, µs: {:?}", latency(&world, &mut client).await);
    let (before, begin) = (memory(), Instant::now());
    let mut others = Vec::new();
    for project in 2..100_001 {
        others
            .push(world.hub.subscribe(world.follow("task", &json!({"project": {"eq": project}})), None).await.unwrap());
    }
    println!("100,000 groups: {:?}, {} bytes each", begin.elapsed(), (memory() - before) * 1024 / 100_000);
    println!("100,000 groups: commit to message, µs: {:?}", latency(&world, &mut client).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn scale_of_subscribers() {
    let world = World::new().await;
    world.run("INSERT INTO task VALUES (1, 1, 'a')").await;
    let mut client = world.client("task", json!({"project": {"eq": 1}})).await;
    client.next().await;
    let before = memory();
    let begin = Instant::now();
    let mut others = Vec::new();
    for _ in 0..20_000 {
        others.push(world.client("task", json!({"project": {"eq": 1}})).await);
    }
    println!(
        "20,000 equal subscriptions: {:?}, {} bytes each before they start",
        begin.elapsed(),
        (memory() - before) * 1024 / 20_000
    );
    let begin = Instant::now();
    for other in &mut others {
        other.raw().await;
    }
    println!(
        "their copies one after the other: {:?}, {} bytes each",
        begin.elapsed(),
        (memory() - before) * 1024 / 20_000
    );
    let begin = Instant::now();
    world.run("UPDATE task SET title = 'b'").await;
    for other in &mut others {
        other.raw().await;
    }
    println!("one update to all: {:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn scale_of_commits() {
    let world = World::new().await;
    let mut client = world.client("task", json!({"id": {"gte": 0}})).await;
    client.next().await;
    for (commits, rows) in [(20_000, 1), (2_000, 10), (1, 200_000)] {
        world.run("TRUNCATE task").await;
        client.change().await;
        let sql = format!(
            "DO $$ BEGIN FOR n IN 1..{commits} LOOP
                 INSERT INTO task SELECT n * {rows} + m, 7, 'title' FROM generate_series(0, {rows} - 1) m; COMMIT;
             END LOOP; END $$"
        );
        let begin = Instant::now();
        let (_, ()) = tokio::join!(world.run(sql), async {
            while client.copy.len() < commits * rows {
                client.next().await;
            }
        });
        println!("{commits} commits of {rows}: {:.0} rows/s", (commits * rows) as f64 / begin.elapsed().as_secs_f64());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn scale_of_starts() {
    let world = World::new().await;
    world.run("INSERT INTO task SELECT n, n, 'a' FROM generate_series(1, 1000) n").await;
    world.run("CREATE INDEX ON task (project)").await;
    let mut times = Vec::new();
    for project in 1..=500 {
        let begin = Instant::now();
        world.client("task", json!({"project": {"eq": project}})).await.next().await;
        times.push(begin.elapsed().as_micros());
    }
    times.sort_unstable();
    println!("start on an idle database, µs: median {}, 99 % {}, most {}", times[250], times[495], times[499]);
}
