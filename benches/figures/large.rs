//! Does memory stay flat however much there is to tell? A starting copy of a million rows, and a commit of half a
//! million changes, to ten subscribers and one that reads slowly.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::server::{Process, Server, data_folder};
use crate::socket::Socket;
use crate::table;

const ROWS: usize = 1_000_000;
const CHANGED: usize = 500_000;
const READERS: usize = 10;
/// How often the slow one reads.
const SLOWNESS: Duration = Duration::from_millis(100);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

const TABLE: &str =
    "CREATE TABLE reading (id int PRIMARY KEY, station int NOT NULL, value double precision, note text);
    ALTER TABLE reading REPLICA IDENTITY FULL;";

const SUBSCRIPTION: &str = "subscription { readings { sequence previous reset more \
    changes { op key { id } ... on ReadingPut { reading { station value note } } ... on ReadingPatch { changed patch { value } } } } }";

pub(crate) async fn measure() {
    let data = data_folder();
    let (server, _) = Server::start(data.path(), &["--progress-interval", "3600"]).await;
    let pool = server.pool().await;
    run(&pool, TABLE).await;
    // Before the server keeps it: one commit for each hundredth.
    for part in 0..100 {
        let (from, to) = (part * ROWS / 100, (part + 1) * ROWS / 100 - 1);
        run(&pool, &format!("INSERT INTO reading SELECT n, n % 1000, n / 7.0, 'as measured at station ' || n % 1000 FROM generate_series({from}, {to}) n")).await;
    }
    sleep(Duration::from_secs(3)).await;
    table::heading(
        "large",
        &format!(
            "{ROWS} rows to {READERS} sockets and one that reads every {} ms; then a commit of {CHANGED} updates",
            SLOWNESS.as_millis()
        ),
    );
    let process = server.process();
    table::line("resident before (MiB)", &[process.memory() / 1024.0]);
    let subscription = json!({ "query": SUBSCRIPTION }).to_string();
    let started = Instant::now();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(Socket::subscribe(server.address, &subscription).await);
    }
    let mut slow = Socket::subscribe(server.address, &subscription).await;
    let dawdling = tokio::spawn(async move {
        loop {
            slow.next().await;
            sleep(SLOWNESS).await;
        }
    });
    let (readers, times, most) = whole(readers, started, process).await;
    table::line("copy: whole at each socket (s)", &times);
    table::line("copy: most resident meanwhile (MiB)", &[most]);
    let started = Instant::now();
    let change = tokio::spawn(async move {
        run(&pool, &format!("UPDATE reading SET value = -value WHERE id < {CHANGED}")).await;
        started.elapsed().as_secs_f64()
    });
    let (_, times, most) = whole(readers, started, process).await;
    table::line("commit: returned to its writer (s)", &[change.await.expect("the commit")]);
    table::line("commit: whole at each socket, from the statement on (s)", &times);
    table::line("commit: most resident meanwhile (MiB)", &[most]);
    dawdling.abort();
    server.stop().await;
}

/// Reads to a message without `more` on each socket; gives when that came, and the most memory meanwhile, in MiB.
async fn whole(sockets: Vec<Socket>, started: Instant, process: Process) -> (Vec<Socket>, Vec<f64>, f64) {
    let mut reading = JoinSet::new();
    for mut socket in sockets {
        reading.spawn(async move {
            while !has(socket.next().await, br#""more":false"#) {}
            (socket, started.elapsed().as_secs_f64())
        });
    }
    let (mut sockets, mut times, mut most) = (Vec::new(), Vec::new(), 0.0_f64);
    while !reading.is_empty() {
        most = most.max(process.memory() / 1024.0);
        if let Ok(Some(done)) = tokio::time::timeout(LOOK, reading.join_next()).await {
            let (socket, time) = done.expect("a reader");
            sockets.push(socket);
            times.push(time);
        }
    }
    (sockets, times, most)
}

/// In the beginning, where the envelope is.
fn has(message: &[u8], text: &[u8]) -> bool {
    message[..message.len().min(400)].windows(text.len()).any(|window| window == text)
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(pool).await.expect("the database does it");
}
