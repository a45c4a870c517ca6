//! What does a large database cost? Five hundred tables, of fifteen columns and two foreign keys each.

use std::sync::Arc;
use std::time::Instant;

use everwire::model;
use everwire::schema::Schema;
use serde_json::json;
use sqlx::PgPool;

use crate::server::{Server, data_folder};
use crate::table;

const ROUNDS: usize = 5;
const TABLES: usize = 500;

const TABLE: &str = "
CREATE TABLE large.thing_$n (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, email text UNIQUE, note text, active boolean NOT NULL DEFAULT true,
  size int, weight bigint, price numeric(12, 2), score double precision, day date, created_at timestamptz NOT NULL DEFAULT now(),
  tags text[] NOT NULL DEFAULT '{}', meta jsonb NOT NULL DEFAULT '{}', owner_id uuid REFERENCES large.thing_$owner, parent_id uuid REFERENCES large.thing_$n
);
COMMENT ON TABLE large.thing_$n IS 'One of many things.';
COMMENT ON COLUMN large.thing_$n.name IS 'What it is called.';";

/// What GraphiQL and code generators ask.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { ...FullType } directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } }";

pub(crate) async fn measure() {
    let data = data_folder();
    let (small, _) = Server::start(data.path(), &[]).await;
    let small_memory = small.process().memory() / 1024.0;
    make_tables(&small.pool().await).await;
    small.stop().await;

    let figures = Figures::take(data.path()).await;
    table::heading(
        "schema",
        &format!("{TABLES} tables of 15 columns and two foreign keys, beside the example database"),
    );
    table::line("reading the catalog (ms)", &figures.reading);
    table::line("from the catalog to a schema that answers (ms)", &figures.building);
    table::line("from process start to the first query answered (ms)", &figures.start);
    table::line("resident memory, after one query (MiB)", &figures.memory);
    table::line("the same with the example database alone (MiB)", &[small_memory]);
    table::line("a full introspection, the first time (ms)", &figures.first);
    table::line("the same again (ms)", &figures.again);
    table::line("its answer (MiB)", &[figures.answer_bytes as f64 / f64::from(1 << 20)]);
    table::line("the SDL (MiB)", &[figures.sdl_bytes as f64 / f64::from(1 << 20)]);
}

#[derive(Default)]
struct Figures {
    reading: Vec<f64>,
    building: Vec<f64>,
    start: Vec<f64>,
    memory: Vec<f64>,
    first: Vec<f64>,
    again: Vec<f64>,
    answer_bytes: usize,
    sdl_bytes: usize,
}

impl Figures {
    async fn take(data: &std::path::Path) -> Self {
        let mut figures = Self::default();
        let schemas = ["public".to_owned(), "large".to_owned()];
        for _ in 0..ROUNDS {
            let (server, took) = Server::start(data, &["--schema", "public", "--schema", "large"]).await;
            figures.start.push(milliseconds(took));
            figures.memory.push(server.process().memory() / 1024.0);
            let client = reqwest::Client::new();
            let url = format!("http://{}/graphql", server.address);
            for times in [&mut figures.first, &mut figures.again] {
                let asked = Instant::now();
                let request = client.post(&url).json(&json!({ "query": INTROSPECTION }));
                let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
                times.push(milliseconds(asked.elapsed()));
                assert!(answer.starts_with(br#"{"data":{"__schema""#), "{}", String::from_utf8_lossy(&answer[..200]));
                figures.answer_bytes = answer.len();
            }
            let pool = server.pool().await;
            let asked = Instant::now();
            let model = model::load(&pool, &schemas).await.expect("the catalog");
            figures.reading.push(milliseconds(asked.elapsed()));
            let asked = Instant::now();
            figures.sdl_bytes = Schema::build(Arc::new(model)).expect("a valid schema").sdl().len();
            figures.building.push(milliseconds(asked.elapsed()));
            pool.close().await;
            server.stop().await;
        }
        figures
    }
}

async fn make_tables(pool: &PgPool) {
    sqlx::raw_sql("CREATE SCHEMA large").execute(pool).await.expect("a schema");
    for number in 0..TABLES {
        let owner = number / 2;
        let sql = TABLE.replace("$n", &number.to_string()).replace("$owner", &owner.to_string());
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.expect("a table");
    }
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
