//! Who changes the data? Several writers at a time on the same rows, as fast as they may, with all that a transaction
//! can do: keys that change, savepoints, rollbacks, several tables, thousands of rows, truncations.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::{RwLock, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::dice::Dice;
use crate::tables::{BATCH, LANES};
use crate::tally::Tally;
use crate::wishes::task_id;

/// Many more would wait for each other's rows only.
const WAIT: &str = "SET lock_timeout = '300ms'; SET deadlock_timeout = '50ms'";

/// Text that JSON has to escape, and some that it need not.
const TEXTS: [&str; 8] =
    ["NULL", "'a'", "'ab'", "''", "'a \"quoted\" \\ line' || E'\\n\\t\\x01'", "'ü🦀'", "'b'", "E'a\\x7f</script>'"];

/// One writer.
pub(crate) struct Writer {
    pub(crate) pool: PgPool,
    pub(crate) tally: Arc<Tally>,
    /// Held for reading during a transaction: who holds it for writing knows that nobody writes.
    pub(crate) gate: Arc<RwLock<()>>,
    /// The server is Postgres' synchronous standby.
    pub(crate) standby: bool,
    /// The time between two transactions, at least.
    pub(crate) pace: Duration,
    pub(crate) dice: Dice,
}

impl Writer {
    /// Writes until `stop`.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut ticks = interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stop.borrow() {
            ticks.tick().await;
            let open = self.gate.clone().read_owned().await;
            if self.write().await.is_err() {
                drop(open);
                sleep(Duration::from_millis(30)).await;
            }
        }
    }

    async fn write(&mut self) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        // A commit that is not waited for becomes visible before it is in the log for good; one that waits for its
        // standby, which is the server, long after it was told.
        let durable = match self.dice.roll(12) {
            0 if self.standby => "on",
            0..4 => "off",
            _ => "local",
        };
        let mut sql = format!("{WAIT}; SET synchronous_commit = {durable};");
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *connection).await?;
        sql.clear();
        sql += "BEGIN;";
        transaction(&mut self.dice, &mut sql);
        let undone = self.dice.one_in(12);
        sql += if undone { "ROLLBACK" } else { "COMMIT" };
        let written = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
        if written.is_ok() && !undone {
            self.tally.commits.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.tally.rollbacks.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = written {
            // Two writers with the same key, or in each other's way: that transaction is over. All else is a mistake.
            let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
            let usual = ["23505", "40P01", "55P03", ""].contains(&code.as_str()) || code.starts_with("57P");
            assert!(usual, "a writer's mistake: {error}");
            sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn transaction(dice: &mut Dice, sql: &mut String) {
    match dice.roll(1000) {
        0..4 => return parcel(dice, sql),
        4..6 => {
            *sql += "TRUNCATE proof.link;";
            return;
        }
        6..100 => return account(dice, sql),
        _ => {}
    }
    for _ in 0..=dice.roll(4) {
        if dice.one_in(12) {
            *sql += "SAVEPOINT s;";
            statement(dice, sql);
            statement(dice, sql);
            *sql += if dice.one_in(2) { "ROLLBACK TO s;" } else { "RELEASE s;" };
        } else {
            statement(dice, sql);
        }
    }
}

fn statement(dice: &mut Dice, sql: &mut String) {
    let written = match dice.roll(100) {
        0..50 => task(dice, sql),
        50..80 => entry(dice, sql),
        _ => link(dice, sql),
    };
    written.expect("text has room");
}

fn mood(dice: &mut Dice) -> &'static str {
    let moods = ["NULL", "'todo'", "'doing'", "'done'"];
    moods[dice.roll(4) as usize]
}

/// Mostly nothing or little; at times so much that it stands elsewhere, and what an update leaves alone is not told.
fn long(dice: &mut Dice) -> String {
    match dice.roll(10) {
        0..5 => "NULL".to_owned(),
        5..8 => format!("repeat('n', {})", dice.roll(60)),
        _ => format!("repeat(md5('{}'), {})", dice.roll(1000), 70 + dice.roll(200)),
    }
}

/// The same value in more than one way of writing it.
fn number(dice: &mut Dice) -> String {
    match dice.roll(8) {
        0 => "NULL".to_owned(),
        1 => "'NaN'".to_owned(),
        2 => format!("{}.0", dice.roll(60)),
        3 => format!("-{}.000000000000000000001", dice.roll(60)),
        _ => format!("{}.5", dice.roll(60)),
    }
}

fn time(dice: &mut Dice) -> String {
    format!("'2026-01-01T{:02}:{:02}:07.{}Z'", dice.roll(3), dice.roll(60), dice.roll(1_000_000))
}

fn task(dice: &mut Dice, sql: &mut String) -> std::fmt::Result {
    let (id, lane, title) = (task_id(dice), dice.roll(LANES), *dice.pick(&TEXTS));
    match dice.roll(20) {
        0..7 => {
            let (mood, note, number, time) = (mood(dice), long(dice), number(dice), time(dice));
            let tags = dice.pick(&["NULL", "'{}'", "'{x,y z}'", "'{x,NULL,\"q\\\"\"}'"]);
            let points = 9_007_199_254_740_990 + dice.roll(8);
            write!(
                sql,
                "INSERT INTO proof.task VALUES ('{id}', {lane}, {mood}, {title}, {note}, {number}, {time}, {tags}, {points})
                 ON CONFLICT DO NOTHING;"
            )
        }
        7..10 => write!(sql, "UPDATE proof.task SET lane = {lane} WHERE id = '{id}';"),
        10..12 => write!(sql, "UPDATE proof.task SET title = {title}, done = NOT done WHERE id = '{id}';"),
        12..14 => {
            let (mood, number, time) = (mood(dice), number(dice), time(dice));
            write!(sql, "UPDATE proof.task SET mood = {mood}, amount = {number}, at = {time} WHERE id = '{id}';")
        }
        14 => write!(sql, "UPDATE proof.task SET note = {} WHERE id = '{id}';", long(dice)),
        15 => write!(sql, "UPDATE proof.task SET id = '{}' WHERE id = '{id}';", task_id(dice)),
        16 => write!(sql, "UPDATE proof.task SET lane = {lane} WHERE lane = {};", dice.roll(LANES)),
        17 => write!(sql, "UPDATE proof.task SET title = title WHERE lane = {lane};"),
        _ => write!(sql, "DELETE FROM proof.task WHERE id = '{id}';"),
    }
}

fn entry(dice: &mut Dice, sql: &mut String) -> std::fmt::Result {
    let (lane, text) = (dice.roll(LANES), *dice.pick(&TEXTS));
    let some = format!("id = (SELECT max(id) - {} FROM proof.entry)", dice.roll(400));
    match dice.roll(20) {
        0..9 => {
            let (mood, number, time) = (mood(dice), number(dice), time(dice));
            let number = if number.len() > 10 { "NULL".to_owned() } else { number };
            let body = if dice.one_in(2) { text.to_owned() } else { long(dice) };
            write!(
                sql,
                "INSERT INTO proof.entry (lane, mood, body, amount, at) VALUES ({lane}, {mood}, {body}, {number}, {time});"
            )
        }
        9..13 => write!(sql, "UPDATE proof.entry SET lane = {lane}, mood = {} WHERE {some};", mood(dice)),
        13 => write!(sql, "UPDATE proof.entry SET lane = NULL, amount = amount + 1 WHERE {some};"),
        14 => write!(sql, "UPDATE proof.entry SET body = {text} WHERE {some};"),
        15 => write!(sql, "UPDATE proof.entry SET id = id + 1 WHERE {some};"),
        16..18 => write!(sql, "DELETE FROM proof.entry WHERE {some};"),
        _ => write!(sql, "DELETE FROM proof.entry WHERE id < (SELECT max(id) - 400 FROM proof.entry);"),
    }
}

fn link(dice: &mut Dice, sql: &mut String) -> std::fmt::Result {
    let (a, b, lane) = (dice.roll(20), dice.roll(15), dice.roll(LANES));
    match dice.roll(10) {
        0..5 => write!(
            sql,
            "INSERT INTO proof.link VALUES ({a}, 'b{b}', {lane}, {}, {})
             ON CONFLICT (a, b) DO UPDATE SET lane = excluded.lane, note = excluded.note;",
            number(dice),
            dice.pick(&TEXTS)
        ),
        5..7 => {
            write!(sql, "UPDATE proof.link SET b = 'b{}', lane = {lane} WHERE a = {a} AND b = 'b{b}';", dice.roll(15))
        }
        7 => write!(sql, "UPDATE proof.link SET a = a WHERE a = {a};"),
        8 => write!(sql, "DELETE FROM proof.link WHERE a = {a};"),
        _ => write!(sql, "DELETE FROM proof.link WHERE a = {a} AND b = 'b{b}';"),
    }
}

/// Money moves; there is never more or less of it. The first thirty accounts keep their keys.
fn account(dice: &mut Dice, sql: &mut String) {
    let (some, other) = (1 + dice.roll(30), 1 + dice.roll(30));
    let account = 31 + dice.roll(10);
    let written = match dice.roll(10) {
        0..8 if some != other => {
            let amount = dice.roll(3000);
            let (first, second) = (some.min(other), some.max(other));
            let text = dice.pick(&TEXTS);
            write!(
                sql,
                "UPDATE proof.account SET balance = balance - {amount} / 100.0 WHERE id = {first};
                 UPDATE proof.account SET balance = balance + {amount} / 100.0, note = {text} WHERE id = {second};"
            )
        }
        0..9 => write!(
            sql,
            "UPDATE proof.account SET id = CASE WHEN id > 1000 THEN id - 1000 ELSE id + 1000 END
             WHERE id IN ({account}, 1000 + {account});"
        ),
        _ => write!(
            sql,
            "WITH gone AS (DELETE FROM proof.account WHERE id = {account} RETURNING balance)
             INSERT INTO proof.account SELECT 1000 + {account}, balance, 'reborn' FROM gone;"
        ),
    };
    written.expect("text has room");
}

/// Whole batches only, one writer at a time.
fn parcel(dice: &mut Dice, sql: &mut String) {
    *sql += "SELECT pg_advisory_xact_lock(1);";
    let (place, batch) = (dice.roll(3), dice.roll(6));
    let first = place * BATCH;
    let last = first + BATCH - 1;
    let written = match dice.roll(8) {
        0..4 => write!(
            sql,
            "INSERT INTO proof.parcel SELECT n, {batch}, 'parcel ' || n FROM generate_series({first}, {last}) n
             ON CONFLICT (id) DO UPDATE SET batch = excluded.batch;"
        ),
        4 => write!(sql, "UPDATE proof.parcel SET batch = {batch} WHERE id BETWEEN {first} AND {last};"),
        5..7 => write!(sql, "DELETE FROM proof.parcel WHERE id BETWEEN {first} AND {last};"),
        _ => write!(sql, "TRUNCATE proof.parcel;"),
    };
    written.expect("text has room");
}
