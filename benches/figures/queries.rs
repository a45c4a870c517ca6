//! How many requests a second, beside the very same statements without GraphQL and HTTP?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everwire::caller::Caller;
use everwire::operation::{Documents, Limits};
use everwire::request::{self, Step, Work};
use everwire::server;
use everwire::sql::Statement;
use serde_json::json;
use serde_json::value::RawValue;
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{Arguments, AssertSqlSafe, PgExecutor, PgPool, Row};
use tokio::task::JoinSet;

use crate::server::{Server, data_folder};
use crate::{http, table};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const WARMING: Duration = Duration::from_secs(1);

const LIST: &str = "{ tasks(first: 20, orderBy: [{position: ASC}]) \
    { nodes { id title status priority project { name } } } }";
const BY_KEY: &str = "query Task($id: UUID!) { task(id: $id) { id title status priority } }";
const PATCH: &str = "mutation Patch($id: UUID!, $patch: TaskPatchInput!) \
    { patchTask(id: $id, patch: $patch) { id title points } }";

/// A kind of request, and how many connections send it at a time.
struct Case {
    name: &'static str,
    connections: usize,
    /// Connection `c` of `n` sends the requests `c`, `c + n`, `c + 2n` …, over and over.
    requests: Vec<Request>,
}

/// The same request both ways.
#[derive(Clone)]
struct Request {
    http: Vec<u8>,
    statement: Statement,
}

/// How a worker comes to a connection; the sessions are set as the server's.
#[derive(Clone)]
enum Connections {
    /// It has one of its own for the round: the least that a statement can cost.
    Own(PgPool),
    /// It takes one from the pool for each statement, of as many as the server has.
    Shared(PgPool),
}

impl Connections {
    fn pool(&self) -> &PgPool {
        let (Self::Own(pool) | Self::Shared(pool)) = self;
        pool
    }
}

pub(crate) async fn measure() {
    let data = data_folder();
    let (server, _) = Server::start(data.path(), &[]).await;
    let options: PgConnectOptions = server.url().parse().expect("an address");
    let pool = |connections| request::connect(options.clone(), connections, Duration::from_secs(30));
    let (own, shared) = (Connections::Own(pool(32)), Connections::Shared(pool(16)));
    let cases = cases(own.pool()).await;
    let how = format!("{ROUNDS} rounds of {} s, in turns with the same statements through sqlx", ROUND.as_secs());
    table::heading("queries", &how);
    for case in cases {
        compare(Arc::new(case), &server, &own, &shared).await;
    }
    own.pool().close().await;
    shared.pool().close().await;
    server.stop().await;
}

async fn compare(case: Arc<Case>, server: &Server, own: &Connections, shared: &Connections) {
    through_everwire(&case, server.address, WARMING).await;
    through_sqlx(&case, own, WARMING).await;
    through_sqlx(&case, shared, WARMING).await;
    let [mut everwire, mut costs, mut statements, mut pooled] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let before = server.process().processor_time();
        let rate = through_everwire(&case, server.address, ROUND).await;
        everwire.push(rate);
        costs.push((server.process().processor_time() - before) / (rate * ROUND.as_secs_f64()));
        statements.push(through_sqlx(&case, own, ROUND).await);
        pooled.push(through_sqlx(&case, shared, ROUND).await);
    }
    let name = format!("{}, {} connections", case.name, case.connections);
    table::line(&format!("{name}: Everwire (requests/s)"), &everwire);
    table::line("  Everwire (µs of the server's CPU per request)", &costs);
    table::line("  its statement, a connection each (statements/s)", &statements);
    table::line("  its statement, the server's pool (statements/s)", &pooled);
    table::ratio("  Everwire / a connection each", &everwire, &statements);
    table::ratio("  Everwire / the server's pool", &everwire, &pooled);
}

async fn cases(pool: &PgPool) -> Vec<Case> {
    let model = server::load_model(pool, &["public".to_owned()]).await.expect("the catalog");
    let documents = Documents::new(server::build_schema(model).expect("a schema"), Limits::default());
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id::text FROM task ORDER BY id LIMIT 160").fetch_all(pool).await.expect("tasks");
    let by_key = ids.iter().map(|id| request(&documents, BY_KEY, &json!({ "id": id })));
    // Twice over with other values, so that every patch changes its row.
    let patches = (0..2).flat_map(|turn| ids.iter().map(move |id| (id, turn)));
    let patches = patches
        .map(|(id, turn)| request(&documents, PATCH, &json!({ "id": id, "patch": { "points": turn.to_string() } })));
    vec![
        Case { name: "20 tasks, project", connections: 32, requests: vec![request(&documents, LIST, &json!({})); 32] },
        Case { name: "task by key", connections: 32, requests: by_key.collect() },
        Case { name: "patchTask by key", connections: 16, requests: patches.collect() },
    ]
}

/// The statement is the one that the server makes of it.
fn request(documents: &Documents, query: &str, variables: &serde_json::Value) -> Request {
    let document = documents.prepare(&Caller::default(), query, None).expect("a valid document");
    let raw = RawValue::from_string(variables.to_string()).expect("JSON");
    let values = document.variables(Some(&raw)).expect("valid variables");
    let fields = document.fields(&values).expect("fields");
    let schema = documents.schema();
    let limits = request::Limits::default();
    let plan = request::plan(schema, document.kind, document.root_type(), &fields, &values, limits).expect("a plan");
    let statement = match plan.work {
        Work::Query(statement) => statement,
        Work::Mutation(steps) => match <[Step; 1]>::try_from(steps) {
            Ok([Step { write, read: None, .. }]) => write,
            other => panic!("more than one statement: {other:?}"),
        },
        Work::Nothing => panic!("no statement"),
    };
    Request { http: http::post(&json!({ "query": query, "variables": variables }).to_string()), statement }
}

/// Requests answered a second.
async fn through_everwire(case: &Arc<Case>, address: SocketAddr, time: Duration) -> f64 {
    let mut workers = JoinSet::new();
    let started = Instant::now();
    for worker in 0..case.connections {
        let case = Arc::clone(case);
        workers.spawn(async move {
            let mut connection = http::Connection::open(address).await.expect("the server listens");
            let mut answered = 0;
            for request in case.requests.iter().skip(worker).step_by(case.connections).cycle() {
                if started.elapsed() >= time {
                    break;
                }
                connection.ask(&request.http).await;
                answered += 1;
            }
            answered
        });
    }
    rate(workers, started).await
}

/// Statements answered a second.
async fn through_sqlx(case: &Arc<Case>, connections: &Connections, time: Duration) -> f64 {
    let mut workers = JoinSet::new();
    let started = Instant::now();
    for worker in 0..case.connections {
        let (case, connections) = (Arc::clone(case), connections.clone());
        workers.spawn(async move {
            let mut own = match &connections {
                Connections::Own(pool) => Some(pool.acquire().await.expect("a connection")),
                Connections::Shared(_) => None,
            };
            let mut answered = 0;
            for request in case.requests.iter().skip(worker).step_by(case.connections).cycle() {
                if started.elapsed() >= time {
                    break;
                }
                match &mut own {
                    Some(connection) => run(&mut **connection, &request.statement).await,
                    None => run(connections.pool(), &request.statement).await,
                }
                answered += 1;
            }
            answered
        });
    }
    rate(workers, started).await
}

async fn rate(workers: JoinSet<u32>, started: Instant) -> f64 {
    let answered: u32 = workers.join_all().await.into_iter().sum();
    f64::from(answered) / started.elapsed().as_secs_f64()
}

async fn run(connection: impl PgExecutor<'_>, statement: &Statement) {
    let mut arguments = PgArguments::default();
    for bind in &statement.binds {
        arguments.add(bind.as_deref()).expect("text can be sent");
    }
    let query = sqlx::query_with(AssertSqlSafe(statement.text.as_str()), arguments);
    let row = query.fetch_one(connection).await.expect("an answer");
    let json: Option<String> = row.try_get(0).expect("text");
    assert!(json.is_some(), "a row");
}
