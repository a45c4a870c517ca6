//! The whole run: who takes part, when what breaks, and whether every copy is exact after it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::faults::Faults;
use crate::postgres::Postgres;
use crate::server::Server;
use crate::socket::{Line, Subscriber};
use crate::tables::{ACCOUNT, PARCEL, SCHEMA, Table, Truth};
use crate::tally::Tally;
use crate::wishes::Wish;
use crate::writers::Writer;

/// How long the subscribers may take to come to the barrier.
const PATIENCE: Duration = Duration::from_secs(45);

/// How much of everything.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) time: Duration,
    pub(crate) subscribers: u64,
    pub(crate) sockets: u64,
    pub(crate) writers: u64,
    /// At most.
    pub(crate) commits_per_second: u64,
    pub(crate) faults: bool,
    /// Some commits wait for the server, as for a synchronous standby: they are told before they are visible.
    pub(crate) standby: bool,
    pub(crate) sabotage: Option<&'static str>,
    pub(crate) seed: u64,
}

/// What is on stage.
pub(crate) struct Stage {
    pub(crate) postgres: Postgres,
    pub(crate) server: Server,
    pub(crate) lines: Vec<Arc<Line>>,
    pub(crate) pool: PgPool,
    pub(crate) tally: Arc<Tally>,
    gate: Arc<RwLock<()>>,
    begin: Instant,
}

/// Runs the plan; gives what was counted.
pub(crate) async fn run(plan: &Plan) -> Arc<Tally> {
    let mut dice = Dice::new(plan.seed);
    let (stop, stopped) = watch::channel(false);
    let mut stage = Stage::set(plan, &mut dice, &stopped).await;
    let writers = stage.start_writers(plan, &mut dice, &stopped);
    tokio::spawn(release(stage.pool.clone(), stopped.clone()));
    let end = Instant::now() + plan.time;
    let mut faults = Faults::new();
    while Instant::now() < end {
        for _ in 0..4 {
            sleep(Duration::from_millis(400 + dice.roll(800))).await;
            if plan.faults {
                faults.strike(&mut stage, &mut dice).await;
            }
        }
        if !stage.check().await && plan.sabotage.is_none() {
            break;
        }
    }
    stop.send_replace(true);
    for writer in writers {
        writer.await.unwrap_or_else(|error| panic!("a writer ended: {error}"));
    }
    stage.server.stop().await;
    stage.tally
}

/// Commits that wait for a standby that is gone, as an administrator would end that. A slot is made when all that was
/// running has ended: without this, a server that comes back would wait for those who wait for it.
async fn release(pool: PgPool, stopped: watch::Receiver<bool>) {
    let sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
               WHERE wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '1.2 s'";
    while !*stopped.borrow() {
        sleep(Duration::from_millis(200)).await;
        let _ = sqlx::query(sql).execute(&pool).await;
    }
}

impl Stage {
    async fn set(plan: &Plan, dice: &mut Dice, stopped: &watch::Receiver<bool>) -> Self {
        let postgres = Postgres::start().await;
        let options: PgConnectOptions = postgres.url().parse().unwrap();
        let settings = [("TimeZone", "UTC"), ("search_path", "pg_catalog"), ("synchronous_commit", "local")];
        let options = options.application_name("proof").options(settings);
        let pool = PgPoolOptions::new()
            .max_connections(plan.writers as u32 + 4)
            .acquire_timeout(Duration::from_secs(3))
            .connect_with(options)
            .await
            .unwrap();
        let before = postgres.pool().await;
        sqlx::raw_sql(SCHEMA).execute(&before).await.unwrap();
        if plan.standby {
            let standby = "ALTER SYSTEM SET synchronous_standby_names = 'everwire'";
            sqlx::raw_sql(standby).execute(&before).await.unwrap();
            sqlx::raw_sql("SELECT pg_reload_conf()").execute(&before).await.unwrap();
        }
        before.close().await;
        let mut server = Server::new(postgres.url(), plan.sabotage);
        server.start(64 << 20).await;
        let tally = Arc::new(Tally::default());
        let mut wishes: Vec<(Wish, bool)> = Vec::new();
        for _ in 0..plan.subscribers / 50 {
            wishes.push((Wish::whole(&ACCOUNT, dice), true));
        }
        for _ in 0..plan.subscribers / 250 {
            wishes.push((Wish::whole(&PARCEL, dice), true));
        }
        // Many front-ends show the same: about three for each wish.
        let kinds: Vec<Wish> = (0..=plan.subscribers / 3).map(|_| Wish::random(dice)).collect();
        while wishes.len() < plan.subscribers as usize {
            wishes.push((dice.pick(&kinds).clone(), false));
        }
        let mut shares: Vec<Vec<Subscriber>> = (0..plan.sockets).map(|_| Vec::new()).collect();
        for (place, (wish, faithful)) in wishes.into_iter().enumerate() {
            let share = place % shares.len();
            shares[share].push(Subscriber::new(wish, faithful, dice));
        }
        let open = |subscribers: Vec<Subscriber>| {
            let seed = dice.roll(u64::MAX >> 12);
            Line::open(server.address, subscribers, Arc::clone(&tally), stopped.clone(), seed)
        };
        let lines = shares.into_iter().map(open).collect();
        Self { postgres, server, lines, pool, tally, gate: Arc::default(), begin: Instant::now() }
    }

    fn start_writers(&self, plan: &Plan, dice: &mut Dice, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let pace = Duration::from_micros(1_000_000 * plan.writers / plan.commits_per_second);
        let start = |_| {
            let writer = Writer {
                pool: self.pool.clone(),
                tally: Arc::clone(&self.tally),
                gate: Arc::clone(&self.gate),
                standby: plan.standby,
                pace,
                dice: Dice::new(dice.roll(u64::MAX >> 12)),
            };
            tokio::spawn(writer.run(stopped.clone()))
        };
        (0..plan.writers).map(start).collect()
    }

    /// Nobody writes; every subscriber comes to the end of the log; every copy is what its query gives. Whether all
    /// that is so.
    async fn check(&self) -> bool {
        self.tally.calm.store(true, Ordering::Relaxed);
        let start = Instant::now();
        let closed = timeout(PATIENCE, self.gate.write()).await.expect("every transaction ends");
        let barrier = self.barrier().await;
        let begin = Instant::now();
        let deadline = Instant::now() + PATIENCE;
        while self.late(barrier).next().is_some() && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
        let late: Vec<String> = self.late(barrier).collect();
        self.tally.stuck.fetch_add(late.len() as u64, Ordering::Relaxed);
        if let Some(first) = late.first() {
            let (log, database) = (self.server.log(), self.database().await);
            let count = late.len();
            self.tally.failure(|| format!("{count} did not come to {barrier:x}, such as {first}\n{log}\n{database}"));
        }
        let came = begin.elapsed();
        let right = self.compare(barrier).await;
        let memory = self.server.memory().unwrap_or_default();
        self.tally.memory.fetch_max(memory, Ordering::Relaxed);
        self.talk(|| {
            format!(
                "check: {came:?} to the barrier, {:?} in all; {}, {memory} MiB",
                begin.elapsed(),
                self.tally.progress()
            )
        });
        self.tally.checks.fetch_add(1, Ordering::Relaxed);
        drop(closed);
        self.tally.paused.fetch_add(start.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.tally.calm.store(false, Ordering::Relaxed);
        right && late.is_empty()
    }

    /// Says what happens, if asked to.
    pub(crate) fn talk(&self, what: impl FnOnce() -> String) {
        if std::env::var_os("EVERWIRE_PROOF_TALK").is_some() {
            println!("{:>6.1} {}", self.begin.elapsed().as_secs_f64(), what());
        }
    }

    /// The position after all that was written.
    async fn barrier(&self) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        let sql =
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint FROM pg_logical_emit_message(true, 'proof', '')";
        loop {
            match sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await {
                Ok(lsn) => return lsn as u64,
                Err(error) => assert!(Instant::now() < deadline, "Postgres does not answer: {error}"),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What Postgres is doing, and how far the stream is.
    async fn database(&self) -> String {
        let sql = "SELECT concat_ws(' ', backend_type, application_name, state, wait_event, left(query, 60), count(*))
                   FROM pg_stat_activity GROUP BY backend_type, application_name, state, wait_event, left(query, 60)
                   UNION ALL SELECT concat_ws(' ', slot_name, active, restart_lsn, confirmed_flush_lsn,
                       pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()) FROM pg_replication_slots";
        let lines: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.pool).await.unwrap_or_default();
        lines.join("\n")
    }

    /// Who has not come to the barrier yet.
    fn late(&self, barrier: u64) -> impl Iterator<Item = String> {
        self.lines.iter().flat_map(move |line| {
            let subscribers = line.subscribers.lock().unwrap();
            let late = subscribers.iter().filter(|it| it.copy.position().is_none_or(|position| position < barrier));
            late.map(|it| format!("{:?} {}", it.copy.held, it.wish.document)).collect::<Vec<_>>()
        })
    }

    async fn compare(&self, barrier: u64) -> bool {
        let mut truth = Truth::read(&self.pool).await.expect("Postgres answers");
        let mut conditions: HashMap<&'static str, (&'static Table, Vec<String>)> = HashMap::new();
        for line in &self.lines {
            for Subscriber { wish, .. } in line.subscribers.lock().unwrap().iter() {
                conditions.entry(wish.table.name).or_insert((wish.table, Vec::new())).1.push(wish.condition.clone());
            }
        }
        for (table, mut list) in conditions.into_values() {
            list.sort_unstable();
            list.dedup();
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            truth.ask(table, &list).await.expect("Postgres answers");
        }
        let mut wrong = 0;
        for line in &self.lines {
            for Subscriber { wish, copy, .. } in line.subscribers.lock().unwrap().iter() {
                if copy.position().is_none_or(|position| position < barrier) {
                    continue;
                }
                self.tally.compared.fetch_add(1, Ordering::Relaxed);
                self.tally.rows.fetch_add(copy.rows.len() as u64, Ordering::Relaxed);
                if let Some(how) = truth.differs(wish.table, &wish.condition, &wish.columns, &copy.rows) {
                    wrong += 1;
                    self.tally.failure(|| format!("WRONG: {how} at {:?} of {}", copy.held, wish.document));
                }
            }
        }
        self.tally.wrong.fetch_add(wrong, Ordering::Relaxed);
        wrong == 0
    }
}
