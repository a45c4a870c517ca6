//! Every column of every kind can be counted, grouped by, and put through the functions that Postgres has for it; what
//! comes is what Postgres gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use everwire::caller::Caller;
use everwire::model::{self, Aggregate, Table};
use everwire::operation::{Documents, Limits};
use everwire::request::{self, Requests};
use everwire::schema::Schema;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row, raw_sql};

use crate::world::World;

/// Types, each with three values, of which the first two are equal to Postgres wherever it can compare them.
const COLUMNS: &[(&str, [&str; 3])] = &[
    ("boolean", ["t", "true", "f"]),
    ("smallint", ["32767", "32767", "-3"]),
    ("integer", ["2147483647", "2147483647", "-3"]),
    ("bigint", ["9223372036854775807", "9223372036854775807", "-3"]),
    ("oid", ["4294967295", "4294967295", "7"]),
    ("real", ["0.5", "0.5", "-16"]),
    ("double precision", ["0.25", "0.25", "NaN"]),
    ("numeric", ["1.10", "1.1", "-12345678901234567890.5"]),
    ("numeric(8,2)", ["1.10", "1.1", "7"]),
    ("text", ["a", "a", "É"]),
    ("text COLLATE \"und-x-icu\"", ["B", "B", "a"]),
    ("varchar(6)", ["a", "a", "b"]),
    ("name", ["a", "a", "b"]),
    ("\"char\"", ["a", "a", "b"]),
    ("char(3)", ["a", "a ", "b"]),
    ("citext", ["a", "A", "B"]),
    (
        "uuid",
        [
            "A0000000-0000-4000-8000-000000000001",
            "a0000000000040008000000000000001",
            "00000000-0000-4000-8000-000000000002",
        ],
    ),
    ("timestamptz", ["2026-01-31 12:30:00+00", "2026-01-31 13:30:00+01", "infinity"]),
    ("timestamp", ["2026-01-31 12:30:00.5", "2026-01-31T12:30:00.5", "0044-03-15 BC"]),
    ("date", ["2026-01-31", "20260131", "-infinity"]),
    ("time", ["12:30", "12:30:00", "24:00"]),
    ("timetz", ["12:30+00", "12:30:00+00", "13:30+01"]),
    ("interval", ["1 day", "1 day", "-2 hours"]),
    ("json", ["{\"a\": 1}", "{\"a\":1}", "[]"]),
    ("jsonb", ["{\"a\": 1}", "{\"a\":1}", "[]"]),
    ("bytea", ["\\x00ff", "\\x00FF", ""]),
    ("mood", ["low", "low", "high"]),
    ("inet", ["10.0.0.1", "10.0.0.1/32", "10.0.0.0/8"]),
    ("cidr", ["10.0.0.1/32", "10.0.0.1", "10.0.0.0/8"]),
    ("macaddr", ["08:00:2b:01:02:03", "08002b010203", "00:00:00:00:00:00"]),
    ("bit(3)", ["101", "101", "000"]),
    ("money", ["1.5", "1.50", "-7"]),
    ("xml", ["<a/>", "<a/>", "<b/>"]),
    ("tsvector", ["'a' 'b'", "'b' 'a'", "'c'"]),
    ("int4range", ["[1,3]", "[1,4)", "empty"]),
    ("int4multirange", ["{[1,3]}", "{[1,4)}", "{}"]),
    ("hstore", ["a=>1, b=>2", "b=>2, a=>1", "a=>NULL"]),
    ("point", ["(1,2)", "( 1, 2)", "(0,0)"]),
    ("pair", ["(1,a)", "( 1,a)", "(,)"]),
    ("quantity", ["5", "05", "7"]),
    ("title", ["a", "a", "b"]),
    ("integer[]", ["{1,2}", "{1, 2}", "{}"]),
    ("text[]", ["{a}", "{\"a\"}", "{NULL}"]),
    ("json[]", ["{1}", "{\"1\"}", "{}"]),
    ("xml[]", ["{<a/>}", "{\"<a/>\"}", "{}"]),
    ("point[]", ["{\"(1,2)\"}", "{\"( 1,2)\"}", "{}"]),
    ("mood[]", ["{low}", "{\"low\"}", "{high,low}"]),
    ("hstore[]", ["{a=>1}", "{\"a=>1\"}", "{}"]),
];

const PREPARE: &str = "CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('low', 'high');
    CREATE TYPE pair AS (a int, b text); CREATE DOMAIN quantity AS bigint CHECK (VALUE > 0); CREATE DOMAIN title AS text;";

/// As SQL calls it.
fn function(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum => "sum",
        Aggregate::Average => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
    }
}

/// The fields of one aggregate, by what they are called there.
fn functions(table: &Table) -> BTreeMap<&'static str, Vec<&str>> {
    let mut functions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for aggregate in Aggregate::ALL {
        let columns = table.columns().filter(|(_, column)| aggregate.result(&column.kind).is_some());
        functions.insert(function(aggregate), columns.map(|(_, column)| column.field.as_str()).collect());
    }
    functions
}

struct Rows {
    requests: Requests,
    documents: Documents,
}

impl Rows {
    async fn ask(&self, query: &str) -> Value {
        let document =
            self.documents.prepare(&Caller::default(), query, None).unwrap_or_else(|e| panic!("{query}: {e:?}"));
        let variables = document.variables(None).expect("no variables");
        let answer = self.requests.answer(self.documents.schema(), &document, &variables).await;
        assert!(answer.errors.is_empty(), "{query}: {:?}", answer.errors);
        serde_json::from_slice(&answer.data.expect("data")).expect("JSON")
    }
}

/// A JSON string as its text, a number as it is written.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_lowercase()),
        other => Some(other.to_string()),
    }
}

async fn rows() -> (World, Rows) {
    let world = World::start().await;
    let pool = request::connect(world.url().parse().expect("an address"), 1, Duration::from_secs(30));
    let columns: Vec<String> = COLUMNS.iter().enumerate().map(|(n, (ty, _))| format!("c{n} {ty}")).collect();
    let row = |value: &dyn Fn(&[&str; 3]) -> String| {
        let values: Vec<String> = COLUMNS.iter().map(|(_, values)| value(values)).collect();
        format!("({})", values.join(", "))
    };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut all: Vec<String> = (0..3).map(|index| row(&|values| quoted(values[index]))).collect();
    all.push(row(&|_| "NULL".to_owned()));
    let setup =
        format!("{PREPARE} CREATE TABLE sample ({}); INSERT INTO sample VALUES {}", columns.join(", "), all.join(", "));
    raw_sql(AssertSqlSafe(setup)).execute(&pool).await.expect("a table");
    let model = Arc::new(model::load(&pool, &["public".to_owned()]).await.expect("the catalog"));
    let schema = Arc::new(Schema::build(model).expect("a valid schema"));
    let documents = Documents::new(schema, Limits::default());
    (world, Rows { requests: Requests::new(pool, request::Limits::default()), documents })
}

#[tokio::test]
async fn every_function_gives_what_postgres_gives() {
    let (_world, rows) = rows().await;
    let model = Arc::clone(&rows.documents.schema().model);
    let (_, table) = model.tables().find(|(_, table)| table.sql.name == "sample").expect("the table");
    let functions = functions(table);
    let selected: Vec<String> =
        functions.iter().map(|(name, columns)| format!("{name} {{ {} }}", columns.join(" "))).collect();
    let answer = rows.ask(&format!("{{ samplesAggregate {{ {} }} }}", selected.join(" "))).await;
    let mut compared = 0;
    for (name, columns) in functions {
        for field in columns {
            let ty = COLUMNS[field[1..].parse::<usize>().expect("a number")].0;
            let call = match (name, ty) {
                // Added up as the number that it is.
                ("sum" | "avg", "oid") => format!("{name}({field}::int8)"),
                // Of networks, of which Postgres makes addresses.
                (_, "cidr") => format!("{name}({field})::cidr"),
                _ => format!("{name}({field})"),
            };
            let sql = format!("SELECT lower(to_json({call}) #>> '{{}}') FROM sample");
            let expected = sqlx::query(AssertSqlSafe(sql)).fetch_one(rows.requests.pool()).await;
            let expected: Option<String> = expected.unwrap_or_else(|e| panic!("{name} {field}: {e}")).get(0);
            let found = text(&answer["samplesAggregate"][0][name][field]);
            assert_eq!(found, expected, "{name} of {ty}");
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared} functions of columns");
}

#[tokio::test]
async fn rows_are_grouped_and_counted_by_every_kind_of_column() {
    let (_world, rows) = rows().await;
    for (number, (ty, _)) in COLUMNS.iter().enumerate() {
        let parts = if *ty == "pair" { "{ a b }" } else { "" };
        let query = format!(
            "{{ groups: samplesAggregate(groupBy: [c{number}]) {{ key {{ c{number} {parts} }} count }}
               whole: samplesAggregate {{ countDistinct {{ c{number} }} }}
               rows: samples {{ nodes {{ c{number} {parts} }} }} }}"
        );
        let answer = rows.ask(&query).await;
        let groups = answer["groups"].as_array().expect("groups");
        let field = format!("c{number}");
        let counts: Vec<u64> = groups.iter().filter_map(|group| group["count"].as_u64()).collect();
        assert_eq!(counts.iter().sum::<u64>(), 4, "{ty}: {groups:?}");
        let (last, others) = groups.split_last().expect("the group of NULL comes last");
        assert_eq!((&last["key"][&field], &last["count"]), (&Value::Null, &1.into()), "{ty}");
        assert_eq!(answer["whole"][0]["countDistinct"][&field], others.len(), "{ty}");
        // A key is written as the value is in a row; of equal values it is one of them.
        let values: Vec<&Value> =
            answer["rows"]["nodes"].as_array().expect("rows").iter().map(|row| &row[&field]).collect();
        for group in others {
            let key = &group["key"][&field];
            let is_json = ty.starts_with("json");
            assert!(is_json || values.contains(&key), "{ty}: {key} in {values:?}");
        }
        assert_eq!(others.len(), 2, "{ty}: {groups:?}");
    }
}
