//! What does a delivery cost, beside a server that only writes ready frames to the same number of sockets?
//!
//! Both are told of an update by the same commit: Everwire by the log, the yardstick by an order that the bench
//! sends when the commit of a row that nobody follows has returned.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::server::{Process, Server, data_folder};
use crate::socket::Socket;
use crate::table;
use crate::yardstick::Yardstick;

const SOCKETS: usize = 1_000;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(5);
const WARMING: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

const SUBSCRIPTION: &str = "subscription Task($id: UUID!) { tasks(where: {id: {eq: $id}}) \
    { sequence previous transaction changes { op ... on TaskPatch { changed task { id title points } } } } }";

/// When the next update comes.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// When no more than so many before it are under way.
    UnderWay(usize),
    /// So many a second.
    Steady(u32),
}

/// Who writes the frames.
enum Writer {
    /// Updates the row that all follow.
    Everwire,
    /// Updates another row, then has the frame sent.
    Yardstick(Box<Yardstick>, Vec<u8>),
}

/// One of the two, with all its sockets.
struct Side {
    /// They end with the side, and before its writer.
    _readers: JoinSet<()>,
    writer: Writer,
    process: Process,
    row: String,
    connection: PoolConnection<Postgres>,
    received: Arc<Received>,
    sent: usize,
}

/// Deliveries to all sockets of a side.
#[derive(Default)]
struct Received {
    count: AtomicUsize,
    /// Told when the last socket has an update.
    complete: Notify,
}

/// Of one round.
#[derive(Default)]
struct Found {
    rate: Vec<f64>,
    cost: Vec<f64>,
}

pub(crate) async fn measure() {
    let data = data_folder();
    let (server, _) = Server::start(data.path(), &["--progress-interval", "3600"]).await;
    let pool = server.pool().await;
    let mut rows: Vec<String> =
        sqlx::query_scalar("SELECT id::text FROM task ORDER BY id LIMIT 2").fetch_all(&pool).await.expect("two tasks");
    let (other, followed) = (rows.pop().expect("a task"), rows.pop().expect("a task"));
    let (mut everwire, frame) = everwire(&server, &pool, followed).await;
    let how = format!(
        "{SOCKETS} sockets, a frame of {} bytes, {ROUNDS} rounds of {} s in turns with a server that \
         writes ready frames (axum's socket)",
        frame.len(),
        ROUND.as_secs()
    );
    let mut yardstick = yardstick(&pool, other, frame).await;
    table::heading("fanout", &how);
    let paces = [
        ("next when all have the last", Pace::UnderWay(1)),
        ("up to 16 under way", Pace::UnderWay(16)),
        ("20 updates/s", Pace::Steady(20)),
    ];
    for (name, pace) in paces {
        compare(name, pace, &mut everwire, &mut yardstick).await;
    }
    drop((everwire, yardstick));
    server.stop().await;
}

async fn compare(name: &str, pace: Pace, everwire: &mut Side, yardstick: &mut Side) {
    let [mut ours, mut theirs] = [Found::default(), Found::default()];
    for side in [&mut *everwire, &mut *yardstick] {
        side.run(pace, WARMING).await;
    }
    for _ in 0..ROUNDS {
        for (side, found) in [(&mut *everwire, &mut ours), (&mut *yardstick, &mut theirs)] {
            let (rate, cost) = side.run(pace, ROUND).await;
            found.rate.push(rate);
            found.cost.push(cost);
        }
    }
    table::line(&format!("{name}: Everwire (deliveries/s)"), &ours.rate);
    table::line("  ready frames (deliveries/s)", &theirs.rate);
    table::ratio("  Everwire / ready frames", &ours.rate, &theirs.rate);
    table::line("  Everwire (µs of the server's CPU per delivery)", &ours.cost);
    table::line("  ready frames (µs of the server's CPU per delivery)", &theirs.cost);
    table::ratio("  Everwire / ready frames", &ours.cost, &theirs.cost);
}

/// Everwire with its subscribers, and a frame as they get it.
async fn everwire(server: &Server, pool: &PgPool, row: String) -> (Side, Vec<u8>) {
    let subscription = json!({ "query": SUBSCRIPTION, "variables": { "id": row } }).to_string();
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        let mut socket = Socket::subscribe(server.address, &subscription).await;
        // The copy, of one row.
        socket.next().await;
        sockets.push(socket);
    }
    let mut connection = pool.acquire().await.expect("a connection");
    update(&mut connection, &row).await;
    let mut frame = Vec::new();
    for socket in &mut sockets {
        frame = socket.next().await.to_vec();
    }
    (Side::new(Writer::Everwire, server.process(), row, connection, sockets), frame)
}

async fn yardstick(pool: &PgPool, row: String, frame: Vec<u8>) -> Side {
    let yardstick = Yardstick::start().await;
    let sockets = ready_sockets(yardstick.address).await;
    let process = yardstick.process();
    let connection = pool.acquire().await.expect("a connection");
    Side::new(Writer::Yardstick(Box::new(yardstick), frame), process, row, connection, sockets)
}

async fn ready_sockets(address: SocketAddr) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        let mut socket = Socket::open(address).await;
        assert_eq!(socket.next().await, b"ready");
        sockets.push(socket);
    }
    sockets
}

impl Side {
    /// Counts what the sockets get, from now on.
    fn new(
        writer: Writer,
        process: Process,
        row: String,
        connection: PoolConnection<Postgres>,
        sockets: Vec<Socket>,
    ) -> Self {
        let received = Arc::new(Received::default());
        let mut readers = JoinSet::new();
        for mut socket in sockets {
            let received = Arc::clone(&received);
            readers.spawn(async move {
                loop {
                    socket.next().await;
                    let count = received.count.fetch_add(1, Ordering::Relaxed) + 1;
                    if count.is_multiple_of(SOCKETS) {
                        received.complete.notify_one();
                    }
                }
            });
        }
        Self { _readers: readers, writer, process, row, connection, received, sent: 0 }
    }

    /// Deliveries a second, and microseconds of the server's processor time for each.
    async fn run(&mut self, pace: Pace, time: Duration) -> (f64, f64) {
        let (before, sent_before) = (self.process.processor_time(), self.sent);
        let started = Instant::now();
        match pace {
            Pace::UnderWay(most) => {
                while started.elapsed() < time {
                    self.wait_for(self.sent.saturating_sub(most - 1)).await;
                    self.send().await;
                }
            }
            Pace::Steady(updates) => {
                let mut clock = interval(Duration::from_secs(1) / updates);
                clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while started.elapsed() < time {
                    clock.tick().await;
                    self.send().await;
                }
            }
        }
        self.wait_for(self.sent).await;
        let deliveries = ((self.sent - sent_before) * SOCKETS) as f64;
        let rate = deliveries / started.elapsed().as_secs_f64();
        (rate, (self.process.processor_time() - before) / deliveries)
    }

    /// Until so many updates have arrived everywhere.
    async fn wait_for(&self, updates: usize) {
        while self.received.count.load(Ordering::Relaxed) < updates * SOCKETS {
            let more = timeout(PATIENCE, self.received.complete.notified()).await;
            more.expect("every socket gets every update");
        }
    }

    async fn send(&mut self) {
        self.sent += 1;
        update(&mut self.connection, &self.row).await;
        if let Writer::Yardstick(yardstick, frame) = &mut self.writer {
            yardstick.send(frame).await;
        }
    }
}

async fn update(connection: &mut PoolConnection<Postgres>, row: &str) {
    // To and fro, so that the frame keeps its size.
    sqlx::query("UPDATE task SET points = 3 - coalesce(points, 1) % 3 WHERE id = $1::uuid")
        .bind(row)
        .execute(&mut **connection)
        .await
        .expect("the row is there");
}
