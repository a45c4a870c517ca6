//! The two meanings of a filter, as SQL and as a judgement in memory, on random rows. Postgres is right.

use std::time::Duration;

use everwire::error::Code;
use everwire::filter::judge::{Judge, needs_canonical};
use everwire::filter::{Filter, Keys, Match, Operator, Test};
use everwire::model::{self, Column, ColumnId, Kind, Model, Table};
use everwire::request;
use everwire::sql::Statement;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row, ValueRef, raw_sql};

use crate::seed;
use crate::world::World;

const ROWS: usize = 200;
/// Filters asked of Postgres by one statement, and how often.
const FILTERS: usize = 100;
const ROUNDS: usize = 25;

/// Columns, each with values that are near each other: equal in several ways, next to each other, at the ends.
const COLUMNS: &[(&str, &[&str])] = &[
    ("boolean", &["t", "f"]),
    ("integer", &["-2147483648", "-1", "0", "1", "2147483647"]),
    ("smallint", &["-32768", "-1", "0", "1", "32767"]),
    ("bigint", &["-9223372036854775808", "-1", "0", "9007199254740992", "9007199254740993", "9223372036854775807"]),
    ("real", &["NaN", "Infinity", "-Infinity", "-0", "0", "0.1", "0.10000001", "16777216", "16777217", "-1e-45"]),
    (
        "double precision",
        &["NaN", "Infinity", "-Infinity", "-0", "0", "0.1", "0.1000000000000000055", "1e300", "5e-324"],
    ),
    (
        "numeric",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "0.000",
            "-0.0",
            "1.1",
            "1.10",
            "1e50",
            "1e-30",
            "12345678901234567890.1",
        ],
    ),
    // By the database's own collation: the order of C, but upper and lower case of C.UTF-8.
    ("text", &[]),
    ("text COLLATE \"C\"", &[]),
    ("text COLLATE \"und-x-icu\"", &[]),
    ("text COLLATE folded", &[]),
    ("varchar(6)", &[]),
    // The last is one letter too long.
    (
        "name",
        &[
            "",
            "a",
            "A",
            "é",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    ),
    ("char(3)", &["a", "a ", "b", ""]),
    (
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "{A0000000-0000-0000-0000-00000000000f}",
            "a0000000000000000000000000000010",
        ],
    ),
    (
        "timestamptz",
        &[
            "infinity",
            "-infinity",
            "2026-01-31 12:30:00+00",
            "2026-01-31T13:30:00+01",
            "2026-01-31 12:30:00.000001+00",
            "0044-03-15 BC",
            "0045-03-15 BC",
            "10000-01-01",
            "9999-12-31 23:59:59.999999+00",
            "1969-12-31 23:59:59.999999+00",
        ],
    ),
    ("timestamp", &["infinity", "-infinity", "2026-01-31 12:30:00", "2026-01-31 12:30", "0001-01-01", "0001-12-31 BC"]),
    (
        "date",
        &[
            "infinity",
            "-infinity",
            "2026-01-31",
            "20260131",
            "0001-01-01",
            "0001-12-31 BC",
            "4713-01-01 BC",
            "10000-01-01",
        ],
    ),
    ("time", &["00:00", "24:00:00", "12:30:00.5", "12:30:00.45", "12:30", "23:59:59.999999"]),
    ("timetz", &["12:00:00+00", "13:00:00+01", "12:00:00-00", "24:00:00+00"]),
    (
        "interval",
        &[
            "0",
            "1 month",
            "30 days",
            "720 hours",
            "1 mon -1 day",
            "29 days",
            "-0.5 seconds",
            "-1 second",
            "0.000001 seconds",
            "1 year",
            "360 days",
            "12 mons",
            "-1 year",
            "-12 mons -1 second",
            "178000000 years",
        ],
    ),
    ("bytea", &["", "\\x00", "\\x00ff", "\\xFF", "\\001"]),
    ("mood", &["low", "NULL", "high", "a,b"]),
    (
        "inet",
        &[
            "192.168.1.1",
            "192.168.1.1/32",
            "192.168.1.0/24",
            "192.168.1.1/24",
            "192.168.0.0/16",
            "0.0.0.0/0",
            "10.0.0.1",
            "::1",
            "::/0",
            "::ffff:192.168.1.1",
            "fe80::1/64",
            "FE80::1/64",
        ],
    ),
    ("cidr", &["192.168.1.0/24", "192.168.1", "192.168.0.0/16", "10.0.0.0/8", "::/0", "fe80::/64"]),
    ("macaddr", &["08:00:2b:01:02:03", "08002b010203", "00:00:00:00:00:00", "FF:00:00:00:00:00"]),
    ("varbit", &["", "0", "00", "1", "10", "01", "100000000", "10000000", "11", "000000001"]),
    ("bit(3)", &["000", "101", "111"]),
    ("money", &["0", "-1", "1.10", "1000.5", "1,000.50"]),
    ("oid", &["0", "1", "2147483648", "4294967295"]),
    // Of extensions that lie where no name is looked for.
    ("extensions.citext", &[]),
    (
        "extensions.hstore",
        &[
            "",
            "a=>1",
            "\"a\"=>\"1\"",
            "a=>1,b=>NULL",
            "b=>NULL,a=>1",
            "a=>NULL",
            "a=>\"NULL\"",
            "b=>\"\",é=>1",
            "a=>1,b=>NULL,\"x\\\"y\"=>\"=>, \\\\\",\"\"=>\"\"",
            "\"x\\\"y\"=>\"=>, \\\\\"",
        ],
    ),
    ("tags", &["", "a=>1", "a=>1,b=>2", "b=>NULL"]),
    ("tsvector", &["a", "'a'", "a:1", "b a", "a b"]),
    ("xml", &["<a/>", "<a></a>", ""]),
    ("int4range", &["empty", "[1,5)", "[1,4]", "(0,5)", "(,)", "[1,)", "(,5)", "[1,1)", "[1,2)", "[2,3)"]),
    (
        "numrange",
        &["empty", "[1,5)", "[1.0,5.00)", "[1,5]", "(1,5)", "(,)", "[NaN,)", "(-Infinity,1)", "[1,1.0]", "(,1)"],
    ),
    (
        "daterange",
        &[
            "empty",
            "[2026-01-31,2026-02-01]",
            "[2026-01-31,2026-02-02)",
            "(,infinity)",
            "[-infinity,)",
            "[\"0044-03-15 BC\",)",
        ],
    ),
    (
        "tstzrange",
        &[
            "empty",
            "[\"2026-01-31 12:30:00+00\",)",
            "[\"2026-01-31 13:30:00+01\",)",
            "(\"2026-01-31 12:30:00+00\",infinity)",
        ],
    ),
    ("tsrange", &["(,\"2026-01-31 12:30:00\"]", "(,\"2026-01-31 12:30:00.5\"]"]),
    ("int8range", &["[1,9223372036854775806)", "[1,9223372036854775806]", "(0,2)"]),
    ("int4multirange", &["{}", "{[1,3)}", "{[1,2],[5,7)}", "{[1,3),[5,6]}", "{[1,3),[5,)}", "{(,)}", "{[0,0]}"]),
    ("nummultirange", &["{}", "{[1,3)}", "{[1.0,3)}", "{[1,3)}", "{[1,3],(5,7)}"]),
    ("integer[][]", &["{}", "{{1,2}}", "{{1},{2}}", "{1,2}", "{2}", "{{1,NULL}}", "[0:0][5:6]={{2,3}}"]),
    ("numeric[][][]", &["{}", "{1.0}", "{1.00,NaN}", "{{{1}},{{NaN}}}", "{{{1.000,NULL},{2,3}}}"]),
    ("text[][]", &["{}", "{a}", "{{a,\"b,{c}\"},{NULL,\"NULL\"}}", "{{\"NULL\"}}", "{{\"\"},{a}}"]),
    ("mood[][]", &["{}", "{low}", "{{low,\"NULL\"},{\"a,b\",NULL}}", "{\"NULL\",\"a,b\"}"]),
    ("pair[][]", &["{}", "{\"(1,)\"}", "{{\"(1,)\",NULL},{\"(1,a)\",\"(,)\"}}"]),
    ("int_grid_domain", &["{}", "{{1},{2}}", "{1}"]),
    ("extensions.hstore[]", &["{}", "{a=>1}", "{\"a=>1,b=>2\"}", "{{\"b=>2,a=>1\",NULL},{a=>1,a=>NULL}}"]),
    ("inet[]", &["{192.168.1.1}", "{192.168.1.1/32}", "{}"]),
    ("char(4)[]", &["{ab}", "{\"ab  \"}"]),
    ("int4range[]", &["{\"[1,3)\"}", "{\"[1,2]\"}", "{empty}"]),
    ("numrange[]", &["{\"[1,3)\"}", "{\"[1.0,3)\"}"]),
    ("extensions.citext[]", &["{a}", "{A}"]),
    ("price", &["1", "1.10", "-2"]),
    ("tiny", &["1", "2"]),
    ("inet_domain", &["192.168.1.1", "192.168.1.1/32"]),
    ("int_array_domain", &["{}", "{1}", "{1,2}"]),
    ("\"char\"", &["a", "b", "A", "ab", ""]),
    ("pair", &["(1,)", "(1,a)", "(,)"]),
    ("pair_domain", &["(1,)", "(2,\"a \"\"b\"\" \\\\\")", "(,)"]),
    ("pair[]", &["{}", "{\"(1,)\"}", "{\"(1,a)\",NULL}", "{NULL}", "{\"(1,)\",\"(1,a)\",\"(,)\"}"]),
    (
        "jsonb",
        &[
            "{}",
            "{\"a\": 1}",
            "{\"a\": {\"b\": 2}, \"é\": [\"b\"]}",
            "{\"b\": null, \"x\\\"y\": 1e400}",
            "[1.0]",
            "[1]",
            "[\"a\", [\"b\"], \"x\\\"y\"]",
            "\"a\"",
            "null",
            "1",
        ],
    ),
    ("integer[]", &["{}", "{1}", "{1,NULL}", "{NULL,1}", "{{1},{2}}", "{1,2}", "[0:0]={1}"]),
    ("bigint[]", &["{}", "{1}", "{01}", "{2,1}"]),
    ("boolean[]", &["{}", "{t}", "{true,f}"]),
    ("text[]", &["{}", "{a}", "{\"a\"}", "{NULL}", "{\"NULL\"}", "{\"\"}", "{a,b}", "{\"a,b\"}", "{é}"]),
    ("text[] COLLATE folded", &["{}", "{a}", "{A}"]),
    ("double precision[]", &["{-0}", "{0}", "{NaN}", "{NaN,1,NULL}", "{{0,1},{NaN,2}}"]),
    ("numeric[]", &["{1.0}", "{1.00}", "{NaN,1.0}", "{}"]),
    ("json[]", &["{}", "{\"{\\\"a\\\":1}\"}", "{\"{\\\"a\\\": 1}\"}", "{NULL,1}"]),
    ("jsonb[]", &["{}", "{1.0}", "{1}"]),
    ("point[]", &["{}", "{\"(1,2)\"}", "{\"( 1, 2)\",NULL}"]),
    ("uuid[]", &["{}", "{a0000000000000000000000000000010}", "{A0000000-0000-0000-0000-000000000010}"]),
    ("timestamptz[]", &["{infinity}", "{2026-01-31 12:30:00+00}", "{2026-01-31 13:30:00+01}"]),
    ("timetz[]", &["{12:00:00+00}", "{13:00:00+01}"]),
    ("interval[]", &["{1 month}", "{30 days}", "{720 hours}", "{0}"]),
    ("mood[]", &["{}", "{low}", "{low,NULL}", "{\"NULL\",high}"]),
    ("bytea[]", &["{}", "{\"\\\\xFF\"}", "{\"\\\\xff\"}"]),
];

const PREPARE: &str = "CREATE TYPE mood AS ENUM ('low', 'NULL', 'high'); ALTER TYPE mood ADD VALUE 'a,b' BEFORE 'high'; \
     CREATE TYPE pair AS (a int, b text); CREATE DOMAIN pair_domain AS pair; CREATE SCHEMA extensions; \
     CREATE EXTENSION citext SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions; \
     CREATE DOMAIN tags AS extensions.hstore; \
     CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN tiny AS int CHECK (VALUE < 100); CREATE DOMAIN inet_domain AS inet; \
     CREATE DOMAIN int_array_domain AS int[]; CREATE DOMAIN int_grid_domain AS int[][]; \
     CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

async fn fill(pool: &PgPool, random: &mut StdRng) {
    for statement in PREPARE.split("; ") {
        raw_sql(AssertSqlSafe(statement)).execute(pool).await.expect("a type");
    }
    let columns: Vec<String> = COLUMNS.iter().enumerate().map(|(n, (ty, _))| format!("c{n} {ty}")).collect();
    let columns = columns.join(", ");
    // All of them are parts of a value, too, and that is a part of another.
    let create = format!(
        "CREATE TYPE whole AS ({columns}); CREATE TYPE deep AS (number integer, whole whole); CREATE DOMAIN deeper AS deep; \
         CREATE TABLE judged (id integer PRIMARY KEY, {columns}, whole whole, deep deeper)"
    );
    raw_sql(AssertSqlSafe(create)).execute(pool).await.expect("a table");
    let rows: Vec<String> = (0..ROWS)
        .map(|id| {
            let (whole, part) = (whole(random), whole(random));
            let number = literal(&["0", "1"], random);
            let deep = nullable(format!("ROW({number}, {part})::deep"), random);
            format!("({id}, {}, {whole}, {deep})", literals(random))
        })
        .collect();
    let insert = format!("INSERT INTO judged VALUES {}", rows.join(", "));
    raw_sql(AssertSqlSafe(insert)).execute(pool).await.expect("rows");
}

/// A value of each of the columns.
fn literals(random: &mut StdRng) -> String {
    COLUMNS.iter().map(|(_, values)| literal(values, random)).collect::<Vec<_>>().join(", ")
}

fn whole(random: &mut StdRng) -> String {
    let values = literals(random);
    nullable(format!("ROW({values})::whole"), random)
}

fn literal(values: &[&str], random: &mut StdRng) -> String {
    let value = value(values, random).replace('\'', "''");
    nullable(format!("'{value}'"), random)
}

fn nullable(value: String, random: &mut StdRng) -> String {
    if random.random_ratio(1, 5) { "NULL".to_owned() } else { value }
}

/// One of the values, or text where there are none.
fn value(values: &[&str], random: &mut StdRng) -> String {
    const LETTERS: [&str; 12] = ["a", "A", "b", "B", "é", "É", "ß", "_", "%", "\\", "🌙", " "];
    match values.choose(random) {
        Some(value) => (*value).to_owned(),
        None => (0..random.random_range(0..4)).filter_map(|_| LETTERS.choose(random).copied()).collect(),
    }
}

/// A pattern; never with an escape at its end, which Postgres refuses only where it comes to look at it.
fn pattern(random: &mut StdRng) -> String {
    const PARTS: [&str; 12] = ["a", "A", "b", "É", "é", "_", "%", "%%", "\\%", "\\_", "\\\\", "\\a"];
    (0..random.random_range(0..5)).filter_map(|_| PARTS.choose(random).copied()).collect()
}

fn filter(model: &Model, table: &Table, depth: usize, random: &mut StdRng) -> Filter {
    let several = |random: &mut StdRng| {
        let count = random.random_range(0..4);
        (0..count).map(|_| filter(model, table, depth - 1, random)).collect()
    };
    match random.random_range(0..if depth == 0 { 1 } else { 6 }) {
        3 => Filter::All(several(random)),
        4 => Filter::Any(several(random)),
        5 => Filter::Not(Box::new(filter(model, table, depth - 1, random))),
        _ => {
            let parted = COLUMNS.len() + 1..table.columns.len();
            let id = if random.random_ratio(1, 3) { parted } else { 1..table.columns.len() };
            let id = ColumnId(random.random_range(id));
            Filter::Test(id, test(model, table.column(id), random))
        }
    }
}

/// The values of a column, or of a part; none where any text will do.
fn pool(column: &Column) -> &'static [&'static str] {
    let number = column.name.get(1..).and_then(|number| number.parse::<usize>().ok());
    match (number, &column.kind) {
        (Some(number), _) => COLUMNS[number].1,
        (None, Kind::Int) => &["-1", "0", "1"],
        (None, _) => &[],
    }
}

/// A test that the column's filter offers.
fn test(model: &Model, column: &Column, random: &mut StdRng) -> Test {
    const KEYS: [&str; 6] = ["a", "b", "é", "x\"y", "1", ""];
    let values = pool(column);
    let mut operators = Operator::offered(&column.kind);
    if matches!(column.kind, Kind::Composite(_)) && values.is_empty() {
        operators = vec![Operator::IsNull, Operator::Parts, Operator::Parts, Operator::Parts];
    }
    let key = |random: &mut StdRng| (*KEYS.choose(random).expect("a key")).to_owned();
    let operands = |random: &mut StdRng| (0..random.random_range(0..4)).map(|_| value(values, random)).collect();
    match *operators.choose(random).expect("an operator") {
        Operator::IsNull => Test::IsNull(random.random()),
        Operator::Compare(comparison) => Test::Compare(comparison, value(values, random)),
        Operator::In => Test::In(operands(random)),
        Operator::NotIn => Test::NotIn(operands(random)),
        Operator::Match(how @ (Match::StartsWith | Match::EndsWith | Match::Contains)) => {
            Test::Match(how, value(&[], random))
        }
        Operator::Match(how) => Test::Match(how, pattern(random)),
        Operator::Contain(containment) => Test::Contain(containment, value(values, random)),
        Operator::Keys(Keys::One) => Test::Keys(Keys::One, vec![key(random)]),
        Operator::Keys(how) => Test::Keys(how, (0..random.random_range(0..3)).map(|_| key(random)).collect()),
        Operator::Path => Test::Path("$.a".to_owned()),
        Operator::Place(placement) => Test::Place(placement, value(values, random)),
        Operator::Matches => Test::Matches(value(&[], random)),
        Operator::Parts => {
            let index =
                (0..200).filter(|index| model.part(&column.kind, *index).is_some()).choose(random).expect("a part");
            let part = model.part(&column.kind, index).expect("this part");
            Test::Part(index, Box::new(test(model, part, random)))
        }
        Operator::Lie(lie) => Test::Lie(lie, value(values, random)),
        Operator::Distance => Test::Distance(value(values, random), "1".to_owned()),
    }
}

/// The filters with their operands as Postgres puts them out, where the judge cannot tell by itself.
async fn canonical(pool: &PgPool, model: &Model, table: &Table, mut filters: Vec<Filter>) -> Vec<Filter> {
    let mut sql = Statement::new();
    sql.keyword("SELECT ARRAY[NULL");
    for filter in &mut filters {
        filter.operands_mut(model, table, &mut |column, operand| {
            if needs_canonical(&column.kind) {
                sql.keyword(", pg_catalog.concat(").bind(Some(operand.clone()), &column.base_type).keyword(")");
            }
        });
    }
    sql.keyword("]::text[]");
    let row = fetch(pool, &sql).await.remove(0);
    let texts: Vec<Option<String>> = row.get(0);
    let mut texts = texts.into_iter().flatten();
    for filter in &mut filters {
        filter.operands_mut(model, table, &mut |column, operand| {
            if needs_canonical(&column.kind) {
                *operand = texts.next().expect("an operand");
            }
        });
    }
    filters
}

/// Those that can be judged, each with its judge.
fn judges(model: &Model, table: &Table, filters: Vec<Filter>) -> Vec<(Filter, Judge)> {
    let compiled = filters.into_iter().filter_map(|filter| match Judge::compile(model, table, &filter) {
        Ok(judge) => Some((filter, judge)),
        Err(error) if error.code == Code::Unsupported => None,
        Err(error) => panic!("{error}: {filter:?}"),
    });
    compiled.collect()
}

/// Whether each row passes each filter, by Postgres.
async fn verdicts(pool: &PgPool, model: &Model, table: &Table, judges: &[(Filter, Judge)]) -> Vec<Vec<bool>> {
    let mut sql = Statement::new();
    for (index, (filter, _)) in judges.iter().enumerate() {
        sql.keyword(if index == 0 { "SELECT ARRAY[(" } else { ") IS TRUE, (" });
        filter.write(model, table, "t", &mut sql);
    }
    sql.keyword(") IS TRUE] FROM judged AS t ORDER BY id");
    fetch(pool, &sql).await.iter().map(|row| row.get(0)).collect()
}

async fn fetch(pool: &PgPool, sql: &Statement) -> Vec<PgRow> {
    let mut query = sqlx::query(AssertSqlSafe(sql.text.clone()));
    for bind in &sql.binds {
        query = query.bind(bind.clone());
    }
    query.fetch_all(pool).await.unwrap_or_else(|error| panic!("{error}: {} {:?}", sql.text, sql.binds))
}

fn texts(row: &PgRow) -> Vec<Option<String>> {
    let text = |column| {
        let value = row.try_get_raw(column).expect("a column");
        (!value.is_null()).then(|| value.as_str().expect("text").to_owned())
    };
    (0..row.len()).map(text).collect()
}

#[tokio::test]
async fn a_filter_means_the_same_to_the_database_and_to_the_judge() {
    let world = World::start().await;
    let options: PgConnectOptions = world.url().parse().expect("an address");
    let pool = request::connect(options, 2, Duration::from_secs(30));
    let mut random = StdRng::seed_from_u64(seed::take());
    fill(&pool, &mut random).await;
    let model = model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
    let (_, table) = model.tables().find(|(_, table)| table.sql.name == "judged").expect("the table");
    // As the log has them: simple queries give the text of the output functions.
    let rows = raw_sql("SELECT * FROM judged ORDER BY id").fetch_all(&pool).await.expect("rows");
    let rows: Vec<Vec<Option<String>>> = rows.iter().map(texts).collect();
    let (mut judged, mut passed, mut parts, mut wrong) = (0, 0, 0, Vec::new());
    for _ in 0..ROUNDS {
        // Every third is one test alone, so that what is refused of one column hides nothing of the others.
        let filters = (0..FILTERS).map(|number| filter(&model, table, number % 3, &mut random)).collect();
        let judges = judges(&model, table, canonical(&pool, &model, table, filters).await);
        for (row, verdicts) in rows.iter().zip(verdicts(&pool, &model, table, &judges).await) {
            for ((filter, judge), truth) in judges.iter().zip(verdicts) {
                let verdict = judge.passes(&|column: ColumnId| row[column.0].as_deref());
                judged += 1;
                passed += usize::from(verdict);
                parts += usize::from(verdict && matches!(filter, Filter::Test(_, Test::Part(..))));
                if verdict != truth {
                    wrong.push(format!("judge {verdict}: {filter:?}\n  {}", values(table, filter, row)));
                }
            }
        }
    }
    println!("{judged} judged, {passed} passed");
    wrong.truncate(20);
    assert!(wrong.is_empty(), "filters are judged otherwise than by Postgres:\n{}", wrong.join("\n"));
    assert!(judged >= 100_000 && passed > judged / 10, "{judged} judged, {passed} passed");
    assert!(parts > judged / 100, "{judged} judged, {parts} passed by a part");
}

/// The columns of a row that a filter speaks of.
fn values(table: &Table, filter: &Filter, row: &[Option<String>]) -> String {
    let value = |id: ColumnId| format!("{} {} {:?}", table.column(id).name, table.column(id).sql_type.name, row[id.0]);
    filter.columns().into_iter().map(value).collect::<Vec<_>>().join("; ")
}
