//! What can go wrong? One random fault at a time, to sockets, to the server, to Postgres.

use nix::sys::signal::Signal;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::run::Stage;
use crate::socket::Order;

/// A server keeps this much history, or hardly any.
const HISTORIES: [u64; 3] = [64 << 20, 2 << 20, 200 << 10];
/// Columns that are added to followed tables in one run.
const COLUMNS: u64 = 12;

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Sockets are broken off with messages on their way.
    Cut,
    /// Readers stop reading for a while.
    Pause,
    /// The server is killed.
    Kill,
    /// The server is stopped in order.
    Stop,
    /// Postgres ends as in a power cut.
    Crash,
    /// Postgres ends the stream of changes.
    Sender,
    /// Postgres ends every other connection of the server.
    Backends,
    /// Tables that nobody follows come, change and go.
    Elsewhere,
    /// A followed table gets another column.
    Column,
    /// A column of a followed table gets another type, after which the server is started again.
    Type,
}

/// Each as often as it stands here.
const FAULTS: [Fault; 20] = [
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Pause,
    Fault::Pause,
    Fault::Pause,
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Stop,
    Fault::Crash,
    Fault::Crash,
    Fault::Sender,
    Fault::Sender,
    Fault::Backends,
    Fault::Elsewhere,
    Fault::Column,
    Fault::Type,
];

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Pause => "pause",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Crash => "crash",
            Self::Sender => "sender",
            Self::Backends => "backends",
            Self::Elsewhere => "elsewhere",
            Self::Column => "column",
            Self::Type => "type",
        }
    }
}

/// The faults in an order that differs from run to run, but has each of them once in twenty.
pub(crate) struct Faults {
    left: Vec<Fault>,
    columns: u64,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { left: Vec::new(), columns: 0 }
    }

    /// Makes one happen; comes back when what was ended runs again.
    pub(crate) async fn strike(&mut self, stage: &mut Stage, dice: &mut Dice) {
        if self.left.is_empty() {
            self.left = FAULTS.to_vec();
        }
        let fault = self.left.swap_remove(dice.roll(self.left.len() as u64) as usize);
        stage.tally.fault(fault.name());
        let begin = Instant::now();
        match fault {
            Fault::Cut => some_lines(stage, dice, |_| Order::Cut),
            Fault::Pause => {
                some_lines(stage, dice, |dice| Order::Pause(Duration::from_millis(300 + dice.roll(2500))));
            }
            Fault::Kill => {
                stage.server.kill();
                sleep(Duration::from_millis(dice.roll(300))).await;
                stage.server.start(*dice.pick(&HISTORIES)).await;
            }
            Fault::Stop => {
                stage.server.stop().await;
                stage.server.start(*dice.pick(&HISTORIES)).await;
            }
            Fault::Crash => {
                stage.postgres.stop(Signal::SIGQUIT);
                stage.postgres.start_again().await;
            }
            Fault::Sender => try_to(&stage.pool, &end_backends("backend_type = 'walsender'")).await,
            Fault::Backends => {
                let server = "application_name <> 'proof' AND backend_type = 'client backend'";
                try_to(&stage.pool, &end_backends(server)).await;
            }
            Fault::Elsewhere => elsewhere(&stage.pool, dice).await,
            Fault::Column if self.columns < COLUMNS => {
                self.columns += 1;
                let table = dice.pick(&["task", "entry", "link"]);
                let column = format!("more_{} int DEFAULT 7", self.columns);
                try_to(&stage.pool, &format!("ALTER TABLE proof.{table} ADD COLUMN {column}")).await;
            }
            Fault::Column => {}
            Fault::Type => {
                let other = dice.pick(&["text", "varchar"]);
                try_to(&stage.pool, &format!("ALTER TABLE proof.link ALTER note TYPE {other}")).await;
                sleep(Duration::from_millis(dice.roll(500))).await;
                stage.server.stop().await;
                stage.server.start(*dice.pick(&HISTORIES)).await;
            }
        }
        stage.talk(|| format!("{fault:?} took {:?}", begin.elapsed()));
    }
}

fn end_backends(which: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which}")
}

/// A fault may come while another still has its effect: then it does not take place.
async fn try_to(pool: &PgPool, sql: &str) {
    let sql = format!("SET lock_timeout = '3s'; {sql}");
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await {
        println!("a fault did not take place: {error}");
    }
}

fn some_lines(stage: &Stage, dice: &mut Dice, order: impl Fn(&mut Dice) -> Order) {
    let often = 1 + dice.roll(6);
    for line in &stage.lines {
        if dice.one_in(often) {
            line.order(order(dice));
        }
    }
}

async fn elsewhere(pool: &PgPool, dice: &mut Dice) {
    let mut sql = String::new();
    for _ in 0..10 {
        let n = dice.roll(1_000_000);
        sql += &format!(
            "CREATE TABLE elsewhere.t{n} (id int PRIMARY KEY, a text);
             ALTER TABLE elsewhere.t{n} ADD b int DEFAULT 5; INSERT INTO elsewhere.t{n} VALUES (1, 'x');
             ALTER TABLE elsewhere.t{n} ALTER a TYPE varchar(9); DROP TABLE elsewhere.t{n};"
        );
    }
    try_to(pool, &sql).await;
}
