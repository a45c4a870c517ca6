//! How long until everyone is exact again after the server's restart, and what does the database notice of it?
//! Ten thousand subscriptions go on after the position that they hold, while commits go on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use everwire::changes::slots;
use everwire::embedded::{Cluster, ClusterOptions, migrate};
use serde_json::json;
use sqlx::PgPool;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::server::{Server, data_folder};
use crate::socket::Socket;
use crate::table;

const ROUNDS: usize = 3;
const SOCKETS: usize = 200;
const EACH: usize = 50;
const STATIONS: usize = 1_000;
const WRITERS: u32 = 4;
/// Of all writers together, as far as the machine bears it.
const COMMITS: u32 = 1_000;
/// How long commits go on before the server is killed, and until it is started again.
const BEFORE: Duration = Duration::from_secs(5);
const AWAY: Duration = Duration::from_secs(1);

/// The empty one is the address. On a machine that is busy with both sides a client may take long to say hello.
const FLAGS: [&str; 6] = ["--database-url", "", "--history-slot", "on", "--init-timeout", "60"];

/// A role whose statements the database writes down.
const TABLE: &str = "CREATE TABLE reading (id int PRIMARY KEY, station int NOT NULL, value int NOT NULL);
    ALTER TABLE reading REPLICA IDENTITY FULL;
    INSERT INTO reading SELECT n, n % 1000, 0 FROM generate_series(0, 9999) n;
    CREATE ROLE counted SUPERUSER LOGIN PASSWORD 'counted'; ALTER ROLE counted SET log_statement = 'all'";

#[derive(Default)]
struct Found {
    commits: Vec<f64>,
    answers: Vec<f64>,
    exact: Vec<f64>,
    copies: Vec<f64>,
    statements: Vec<f64>,
    memory: Vec<f64>,
    slot: Vec<f64>,
}

/// The positions that a socket's subscriptions hold.
type Held = Vec<String>;

pub(crate) async fn measure() {
    let data = data_folder();
    let cluster = cluster(data.path()).await;
    let pool = PgPool::connect(cluster.url()).await.expect("Postgres answers");
    sqlx::raw_sql(TABLE).execute(&pool).await.expect("a table");
    let mut url: url::Url = cluster.url().parse().expect("an address");
    url.set_username("counted").expect("a name");
    url.set_password(Some("counted")).expect("a password");
    let flags = FLAGS.map(|flag| if flag.is_empty() { url.as_str() } else { flag });
    let mut found = Found::default();
    for _ in 0..ROUNDS {
        round(data.path(), &pool, &flags, &mut found).await;
    }
    table::heading(
        "restart",
        &format!(
            "{} subscriptions by {STATIONS} filters on {SOCKETS} sockets go on after the server was killed and away for \
             {} s; {COMMITS} commits/s were asked for",
            SOCKETS * EACH,
            AWAY.as_secs()
        ),
    );
    table::line("commits/s until all are exact", &found.commits);
    table::line("the server answers (s after its start)", &found.answers);
    table::line("all are exact, past the log's end at its start (s)", &found.exact);
    table::line("subscriptions that needed a fresh copy", &found.copies);
    table::line("statements that the database saw of the server", &found.statements);
    table::line("resident memory of the server then (MiB)", &found.memory);
    table::line("log that the history slot holds then (MiB)", &found.slot);
    pool.close().await;
    cluster.stop().await;
}

async fn cluster(data: &Path) -> Cluster {
    let settings = [("max_connections", "200"), ("log_line_prefix", "%u ")];
    let options = ClusterOptions {
        data_dir: data.to_owned(),
        port: 0,
        database: "everwire".to_owned(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    };
    let cluster = Cluster::start(&options).await.expect("Postgres starts");
    migrate(cluster.url()).await.expect("the example database");
    cluster
}

async fn round(data: &Path, pool: &PgPool, flags: &[&str], found: &mut Found) {
    let server = Server::start(data, flags).await.0;
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for number in 0..SOCKETS {
        let socket = subscribe(&server, number, &vec![String::new(); EACH]).await;
        readers.push(tokio::spawn(read(socket, Arc::clone(&stop))));
    }
    let (writing, commits) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let writers = write(pool, &writing, &commits);
    sleep(BEFORE).await;
    stop.store(true, Ordering::Relaxed);
    let mut held = Vec::new();
    for reader in readers {
        held.push(reader.await.expect("a reader"));
    }
    drop(server);
    sleep(AWAY).await;

    let end: String =
        sqlx::query_scalar("SELECT pg_current_wal_insert_lsn()::text").fetch_one(pool).await.expect("a position");
    let (statements, before, started) = (statements(data), commits.load(Ordering::Relaxed), Instant::now());
    let (server, answered) = Server::start(data, flags).await;
    let copies = go_on(&server, &held, &padded(&end)).await;
    let exact = started.elapsed();
    found.exact.push(exact.as_secs_f64());
    found.answers.push(answered.as_secs_f64());
    found.copies.push(copies as f64);
    found.commits.push((commits.load(Ordering::Relaxed) - before) as f64 / exact.as_secs_f64());
    found.statements.push((self::statements(data) - statements) as f64);
    found.memory.push(server.process().memory() / 1024.0);
    let slots = slots(pool).await.expect("slots").into_iter().filter(|slot| !slot.active);
    found.slot.push(slots.map(|slot| slot.wal_bytes).max().unwrap_or_default() as f64 / f64::from(1 << 20));
    writing.store(false, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer");
    }
    server.stop().await;
}

/// Opens the socket with this number and its subscriptions, which go on after what they hold, if they hold anything.
async fn subscribe(server: &Server, number: usize, held: &[String]) -> Socket {
    let mut socket = Socket::ready(server.address).await;
    for (index, held) in held.iter().enumerate() {
        let station = (number * EACH + index) % STATIONS;
        let since = if held.is_empty() { String::new() } else { format!(", since: \"{held}\"") };
        let query = format!(
            "subscription {{ readings(where: {{station: {{eq: {station}}}}}{since}) {{ sequence reset changes \
             {{ op ... on ReadingPut {{ reading {{ id value }} }} ... on ReadingPatch {{ patch {{ value }} }} }} }} }}"
        );
        socket.start(index, &json!({ "query": query }).to_string()).await;
    }
    socket
}

/// Keeps the positions, until it is told to stop and holds one of each.
async fn read(mut socket: Socket, stop: Arc<AtomicBool>) -> Held {
    let mut held = vec![String::new(); EACH];
    while !stop.load(Ordering::Relaxed) || held.iter().any(String::is_empty) {
        let (index, sequence, _) = message(socket.next().await);
        held[index] = sequence;
    }
    held
}

/// Goes on with all subscriptions until each is past `end`; gives how many began anew.
async fn go_on(server: &Server, held: &[Held], end: &str) -> usize {
    let mut reading = JoinSet::new();
    for (number, held) in held.iter().enumerate() {
        let mut socket = subscribe(server, number, held).await;
        let end = end.to_owned();
        reading.spawn(async move {
            let (mut past, mut copies) = (vec![false; EACH], 0);
            while past.contains(&false) {
                let (index, sequence, reset) = message(socket.next().await);
                past[index] |= sequence[9..25] >= *end;
                copies += usize::from(reset);
            }
            copies
        });
    }
    reading.join_all().await.into_iter().sum()
}

/// Which subscription a message is for, its sequence, and whether it begins a copy.
fn message(text: &[u8]) -> (usize, String, bool) {
    let text = std::str::from_utf8(text).expect("text");
    let after = |name: &str| text.split_once(name).unwrap_or_else(|| panic!("{name} is not in {text}")).1;
    let quoted = |text: &str| text.split('"').next().unwrap_or_default().to_owned();
    let index = quoted(after(r#""id":""#)).parse().expect("a number");
    (index, quoted(after(r#""sequence":""#)), !after(r#""reset":"#).starts_with("null"))
}

/// A position as a sequence has it.
fn padded(lsn: &str) -> String {
    let (high, low) = lsn.split_once('/').expect("a position");
    format!("{high:0>8}{low:0>8}").to_lowercase()
}

fn write(pool: &PgPool, writing: &Arc<AtomicBool>, commits: &Arc<AtomicU64>) -> Vec<JoinHandle<()>> {
    let writer = |number: u32| {
        let (pool, writing, commits) = (pool.clone(), Arc::clone(writing), Arc::clone(commits));
        tokio::spawn(async move {
            let mut connection = pool.acquire().await.expect("a connection");
            let mut clock = interval(Duration::from_secs(1) * WRITERS / COMMITS);
            clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for turn in 0.. {
                clock.tick().await;
                if !writing.load(Ordering::Relaxed) {
                    return;
                }
                // Each row in its turn, so that each filter has its share.
                let id = (turn * WRITERS + number) * 7 % 10_000;
                let update = sqlx::query("UPDATE reading SET value = value + 1 WHERE id = $1").bind(id as i32);
                update.execute(&mut *connection).await.expect("a row");
                commits.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (0..WRITERS).map(writer).collect()
}

/// How many statements the database wrote down.
fn statements(data: &Path) -> usize {
    let log = fs::read_to_string(data.join("postgres.log")).expect("the database's log");
    let is_statement = |line: &&str| {
        line.starts_with("counted LOG:  ") && (line.contains("  execute ") || line.contains("  statement: "))
    };
    log.lines().filter(is_statement).count()
}
