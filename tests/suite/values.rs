//! One value, one text: what a query reads of a row is, byte for byte, what a subscription writes from the text that
//! Postgres puts out for it.

use everwire::model::{self, ColumnId, Kind, Model, Table};
use everwire::request;
use everwire::selection::{RowField, RowSelection, ValueField, ValueSelection};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Client;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Row, ValueRef, raw_sql};

use crate::seed;
use crate::world::{Server, World};

/// Types, each with the texts of some values.
const TYPES: &[(&str, &[&str])] = &[
    ("boolean", &["t", "f"]),
    ("smallint", &["-32768", "32767", "0"]),
    ("integer", &["-2147483648", "2147483647", "0"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807", "9007199254740993", "0"]),
    ("real", &["NaN", "Infinity", "-Infinity", "-0", "0.1", "3.4028235e38", "1e-45", "16777216", "1e10", "123456.7"]),
    (
        "double precision",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "1e300",
            "5e-324",
            "0.1",
            "1e15",
            "1e16",
            "123456789012345678",
            "-1.5",
            "1e-5",
            "0.0001",
            "1.7976931348623157e308",
        ],
    ),
    (
        "numeric",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "0.000",
            "1.10",
            "-0.5",
            "12345678901234567890123456789.0123456789",
            "1e50",
            "1e-30",
        ],
    ),
    ("numeric(10,3)", &["1", "-1234567.891", "0"]),
    (
        "text",
        &[
            "",
            " ",
            "NULL",
            "null",
            "\"",
            "\\",
            "\\u0041",
            "'",
            "a\nb\rc\td",
            "\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}\u{7f}",
            "\u{80}\u{9f}\u{a0}\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}",
            "é́ 👩‍👩‍👧 田中",
            "</script><!--",
            "{a,b}",
            "/",
        ],
    ),
    ("varchar(20)", &["", "a\"b", "  padded  "]),
    ("name", &["", "a b", "é\"\\"]),
    ("char(6)", &["", "ab", "a\"b", "é"]),
    ("\"char\"", &["a", "\""]),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF"]),
    (
        "timestamptz",
        &[
            "infinity",
            "-infinity",
            "2026-01-31 12:30:00.5+05:30",
            "4713-01-01 00:00:00+00 BC",
            "0044-03-15 00:00:00+00 BC",
            "0001-01-01 00:00:00+00",
            "294276-12-31 23:59:59.999999+00",
            "1969-12-31 23:59:59.999999+00",
            "2026-06-30 00:00:00.000001+00",
            "12026-06-30 00:00:00+00",
        ],
    ),
    (
        "timestamp",
        &["infinity", "-infinity", "2026-01-31 12:30:00.5", "0044-03-15 00:00:00 BC", "294276-12-31 23:59:59.999999"],
    ),
    ("date", &["infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC", "0001-01-01", "5874897-12-31", "2026-02-28"]),
    ("time", &["00:00:00", "24:00:00", "12:30:00.5", "23:59:59.999999"]),
    ("timetz", &["00:00:00+00", "24:00:00-15:59", "12:30:00.5+05:30", "12:30:00+05:30:15"]),
    (
        "interval",
        &[
            "0",
            "P1Y2M3DT4H5M6.789S",
            "P-1Y-2M3DT-4H-5M-6.7S",
            "-0.5 seconds",
            "1 month -1 day",
            "178000000 years",
            "-1 microsecond",
            "999 hours",
            "90 minutes",
        ],
    ),
    (
        "json",
        &[
            "null",
            " { \"b\" : 1 ,\n\t\"a\": [ 1.0, 1e400 ] , \"b\":2 } ",
            "\"\\u0000 \\ud83c\\udf19\"",
            "12345678901234567890.10",
            "[]",
            "\"é\"",
            "true",
        ],
    ),
    (
        "jsonb",
        &[
            "null",
            "{\"b\": 1, \"aa\": {}, \"a\": [1.0, 1e40, -0]}",
            "\"a\\\"\\\\ \\u0001 \u{2028} 🌙\"",
            "12345678901234567890.10",
            "[]",
            "{}",
            "false",
            "{\"\": \"\", \"k\\\"\": null}",
        ],
    ),
    ("bytea", &["", "\\x00ff", "\\xDEADBEEF5c22"]),
    ("mood", &["fine", "not so fine", "it's", "NULL", "\"quoted\"", "a,b", "{}"]),
    ("mood_domain", &["fine", "it's"]),
    ("text_domain", &["", "a\"b"]),
    ("int_array_domain", &["{}", "{1,2}"]),
    ("inet", &["192.168.1.1", "192.168.1.0/24", "::1", "fe80::1/64"]),
    ("cidr", &["192.168.1.0/24", "::/0"]),
    ("macaddr", &["08:00:2b:01:02:03", "ffffffffffff"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("citext", &["", "Ab\"c", "É"]),
    (
        "hstore",
        &["", "a=>1, bb=>NULL, \"\"=>\"\"", "\"a\\\"b\"=>\"c\\\\d, e=>f\", é=>\"NULL\"", "\"\u{1}\n\"=>\"\u{2028}\""],
    ),
    ("int4range", &["empty", "[1,5)", "(,)", "[-2147483648,2147483647)"]),
    ("int8range", &["(,9223372036854775807)", "[1,5]"]),
    ("numrange", &["[1.0,2.50]", "(-Infinity,1e30)", "[NaN,]", "empty"]),
    ("daterange", &["[2026-01-31,infinity)", "[\"0044-03-15 BC\",2026-01-01]", "(,)"]),
    ("tsrange", &["[\"2026-01-31 12:30:00.5\",)"]),
    (
        "tstzrange",
        &["[\"2026-01-31 12:30:00+00\",infinity)", "(\"2026-01-31 12:30:00+05:30\",\"2027-01-01 00:00:00+00\"]"],
    ),
    ("int4multirange", &["{}", "{[1,3),[5,7)}", "{(,)}"]),
    ("int8multirange", &["{[1,3)}"]),
    ("nummultirange", &["{[1.0,3),(5,7.00]}"]),
    ("datemultirange", &["{[2026-01-31,2026-02-28],[2026-03-15,)}"]),
    ("tsmultirange", &["{[\"2026-01-31 12:30:00\",\"2026-02-01 00:00:00\")}"]),
    ("tstzmultirange", &["{[\"2026-01-31 12:30:00+01\",\"2026-02-01 00:00:00+00\")}", "{}"]),
    ("spans", &["[0.5,1)", "empty"]),
    ("point", &["(1,-0.5)", "(NaN,1e300)"]),
    ("line", &["{1,-1,0}"]),
    ("lseg", &["[(0,0),(1,1)]"]),
    ("box", &["(1,1),(0,0)"]),
    ("path", &["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    ("polygon", &["((0,0),(1,1),(1,0))"]),
    ("circle", &["<(0,0),1.5>"]),
    ("jsonpath", &["$.a[*] ? (@ > 1)"]),
    ("tsquery", &["a & !b:*A"]),
    ("pg_lsn", &["16/B374D848", "0/0"]),
    ("xid8", &["18446744073709551615"]),
    ("pg_snapshot", &["10:20:10,14"]),
    ("bit(3)", &["101"]),
    ("varbit", &["", "1", "0000000000001"]),
    ("money", &["1234.50", "-0.01"]),
    ("tsvector", &["'a':1 'b''c':2A"]),
    ("xml", &["<a b=\"c\">é</a>", "", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>"]),
    ("pair", &["(1,)", "(,\"a \"\"b\"\"\")", "(,)"]),
    ("pair[]", &["{}", "{\"(1,a)\",NULL}", "{{\"(1,a)\"},{\"(,)\"}}", "[3:3]={\"(1,)\"}"]),
    ("pair_domain", &["(1,a)"]),
    ("pair_domain[]", &["{\"(1,a)\",NULL}"]),
    (
        "place",
        &[
            "(,,,,,,,,,,,)",
            "(\"a, \"\"b\"\" \\\\ (c)\",\"(1,2)\",\"(7,\"\"x\"\"\"\"y\"\")\",\"{\"\"(1,a)\"\",NULL}\",\"{a,\"\"b c\"\",NULL}\",2026-01-31,1.50,\"2026-01-31 12:30:00+01\",\"not so fine\",\"{\"\"a\"\": [1, null]}\",\"\"\"a\"\"=>NULL\",\"[1.0,2)\")",
            "(\"\",\"(NaN,0)\",\"(,)\",{},{},infinity,NaN,-infinity,fine,null,\"\",empty)",
        ],
    ),
    ("place[]", &["{}", "{NULL,\"(a,,\\\"(1,b)\\\",,,,,,,,,)\"}"]),
    ("nasty_before", &["(1,x)"]),
    ("oid", &["4294967295", "0"]),
    ("regclass", &["pg_catalog.pg_class"]),
    ("boolean[]", &["{}", "{t,f,NULL}", "{{t},{f}}"]),
    ("smallint[]", &["{}", "{1,-32768,NULL}"]),
    ("integer[]", &["{}", "{{1,2},{3,NULL}}", "[0:1]={1,2}", "[2:2][-1:0]={{1,2}}", "{{{1}},{{2}}}"]),
    ("bigint[]", &["{}", "{9223372036854775807,NULL}", "{{1},{2}}"]),
    ("real[]", &["{NaN,Infinity,-Infinity,-0,0.1,NULL}", "{}"]),
    ("double precision[]", &["{NaN,Infinity,-Infinity,-0,1e300,5e-324,NULL}", "{}", "{{1},{NaN}}"]),
    ("numeric[]", &["{NaN,Infinity,1.10,12345678901234567890.10,NULL}", "{}"]),
    (
        "text[]",
        &[
            "{}",
            "{\"\"}",
            "{NULL,\"NULL\",null,\"null\"}",
            "{a,\"b c\",\"d,e\",\"f\\\"g\",\"h\\\\i\",\"{j}\",\"k\nl\"}",
            "{{a,b},{NULL,\"\"}}",
            "{👩‍👩‍👧,é,\"\u{1}\"}",
            "[5:6]={a,b}",
        ],
    ),
    ("varchar(5)[]", &["{a,\"b c\"}", "{}"]),
    ("char(3)[]", &["{a,\"b c\"}", "{}"]),
    ("name[]", &["{a,\"b c\"}"]),
    ("uuid[]", &["{00000000-0000-0000-0000-000000000000,NULL}", "{}"]),
    ("timestamptz[]", &["{infinity,\"2026-01-31 12:30:00+05:30\",\"0044-03-15 00:00:00+00 BC\",NULL}", "{}"]),
    ("timestamp[]", &["{-infinity,\"2026-01-31 12:30:00\",NULL}"]),
    ("date[]", &["{infinity,2026-01-31,\"0044-03-15 BC\",NULL}", "{}"]),
    ("time[]", &["{24:00:00,NULL}"]),
    ("timetz[]", &["{12:30:00+05:30,NULL}"]),
    ("interval[]", &["{\"1 day\",\"-1 month\",NULL}", "{}"]),
    ("json[]", &["{\"{ \\\"a\\\" : 1 }\",\"[1,2]\",\"null\",NULL,\"\\\"x\\\"\"}", "{}"]),
    ("jsonb[]", &["{\"{\\\"a\\\": 1}\",\"[1, 2]\",\"null\",NULL,\"\\\"x\\\\\\\"y\\\"\"}", "{}"]),
    ("bytea[]", &["{\"\\\\x00ff\",NULL,\"\\\\x\"}", "{}"]),
    (
        "mood[]",
        &["{}", "{fine,\"not so fine\",NULL,\"NULL\",\"\\\"quoted\\\"\",\"a,b\"}", "{{fine},{it's}}", "[3:3]={fine}"],
    ),
    ("mood_domain[]", &["{fine}"]),
    ("inet[]", &["{192.168.1.1,NULL}", "{}"]),
    ("cidr[]", &["{10.0.0.0/8}"]),
    ("int4range[]", &["{\"[1,5)\",empty}"]),
    ("nummultirange[]", &["{\"{[1.0,2)}\",\"{}\"}"]),
    ("money[]", &["{1.5,NULL}"]),
    ("bit(2)[]", &["{10,NULL}"]),
    ("xml[]", &["{\"<a b=\\\"c\\\"/>\",NULL}"]),
    ("tsvector[]", &["{\"'a':1 'b'\"}"]),
    ("citext[]", &["{A,\"b c\",NULL}"]),
    ("hstore[]", &["{\"a=>1, b=>NULL\",NULL,\"\"}", "{}"]),
    ("oid[]", &["{4294967295,NULL}"]),
    ("\"char\"[]", &["{a,NULL}"]),
    ("point[]", &["{\"(1,2)\",NULL}"]),
    ("box[]", &["{(1,1),(0,0);(2,2),(1,1)}"]),
    ("regclass[]", &["{pg_catalog.pg_class}"]),
    ("integer[][]", &["{{1,2},{3,NULL}}", "{}", "{1}"]),
    ("numeric[][][]", &["{{{1.0},{2.50}}}", "{}"]),
    ("mood[][]", &["{{fine},{it's}}"]),
    ("text_domain[]", &["{a,\"\"}"]),
    ("int_array_domain[]", &["{\"{1,2}\",\"{}\",NULL}"]),
    ("inet_domain", &["192.168.1.1"]),
    ("inet_domain[]", &["{192.168.1.1}"]),
    ("hstore_domain", &["a=>1"]),
    ("nested_domain", &["12.50"]),
    ("char_domain", &["ab"]),
    ("range_domain", &["[1,3)"]),
    ("int2vector", &["1 2 3"]),
];

const PREPARE: &str = "CREATE TYPE mood AS ENUM ('fine', 'not so fine', 'it''s', 'NULL', '\"quoted\"', 'a,b', '{}'); \
     CREATE DOMAIN mood_domain AS mood; CREATE DOMAIN text_domain AS text; CREATE DOMAIN int_array_domain AS int[]; \
     CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE DOMAIN inet_domain AS inet; \
     CREATE DOMAIN hstore_domain AS hstore; CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN nested_domain AS price; \
     CREATE DOMAIN char_domain AS char(4); CREATE DOMAIN range_domain AS int4range; \
     CREATE TYPE spans AS RANGE (subtype = float8); \
     CREATE TYPE pair AS (a int, b text); CREATE DOMAIN pair_domain AS pair; \
     CREATE TYPE place AS (label text, at point, pair pair, pairs pair[], tags text[], \"Due Date\" date, price numeric, \
       stamp timestamptz, mood mood, doc jsonb, keys hstore, span numrange); \
     CREATE TABLE nasty_before (id int PRIMARY KEY, b varchar(5))";

/// A table with a column of each type, and in its rows each of their values, NULL, and random text.
async fn fill(pool: &PgPool, random: &mut StdRng) {
    raw_sql(PREPARE).execute(pool).await.expect("types");
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(n, (ty, _))| format!("c{n} {ty}")).collect();
    let table = format!("CREATE TABLE nasty (id integer PRIMARY KEY, {})", columns.join(", "));
    raw_sql(AssertSqlSafe(table)).execute(pool).await.expect("a table");
    let most = TYPES.iter().map(|(_, values)| values.len()).max().unwrap_or_default();
    for id in 0..most + 100 {
        let values = TYPES.iter().map(|(ty, values)| match values.get(id) {
            Some(value) => quoted(value),
            None if id < most => "NULL".to_owned(),
            None => random_value(ty, values, random),
        });
        let values: Vec<String> = values.collect();
        let insert = format!("INSERT INTO nasty VALUES ({id}, {})", values.join(", "));
        raw_sql(AssertSqlSafe(insert.clone())).execute(pool).await.unwrap_or_else(|error| panic!("{error}: {insert}"));
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn random_value(ty: &str, values: &[&str], random: &mut StdRng) -> String {
    match ty {
        "text" => quoted(&random_text(random)),
        "jsonb" => format!("to_jsonb({}::text)", quoted(&random_text(random))),
        "json" => format!("to_json({}::text)", quoted(&random_text(random))),
        "text[]" => format!("ARRAY[{}, {}]::text[]", quoted(&random_text(random)), quoted(&random_text(random))),
        "double precision" => {
            let number = f64::from_bits(random.random());
            if number.is_finite() { quoted(&format!("{number:e}")) } else { "'NaN'".to_owned() }
        }
        "real" => {
            let number = f32::from_bits(random.random());
            if number.is_finite() { quoted(&format!("{number:e}")) } else { "'NaN'".to_owned() }
        }
        "interval" => {
            let (months, days, micros) = (random.random::<i16>(), random.random::<i16>(), random.random::<i32>());
            quoted(&format!("{months} months {days} days {micros} microseconds"))
        }
        "timestamptz" => {
            format!("to_timestamp({}::float8 / 1000)", random.random_range(-100_000_000_000_i64..1_000_000_000_000))
        }
        _ => quoted(values[random.random_range(0..values.len())]),
    }
}

fn random_text(random: &mut StdRng) -> String {
    const NASTY: [char; 18] = [
        '"', '\\', '\'', '{', '}', ',', ' ', '\n', '\t', '\u{1}', '\u{1f}', '\u{7f}', 'é', '🌙', 'N', '\u{2028}', '/',
        '%',
    ];
    (0..random.random_range(0..12)).map(|_| NASTY[random.random_range(0..NASTY.len())]).collect()
}

/// The text of a column as the log has it: by the type's output function, which a cast to text is not always.
fn output(row: &PgRow, column: usize) -> Option<String> {
    let value = row.try_get_raw(column).expect("a column");
    (!value.is_null()).then(|| value.as_str().expect("text").to_owned())
}

#[tokio::test]
async fn a_row_reads_the_same_from_a_query_and_from_the_log() {
    let world = World::start().await;
    let options: PgConnectOptions = world.url().parse().expect("an address");
    let pool = request::connect(options, 2, std::time::Duration::from_secs(30));
    let mut random = StdRng::seed_from_u64(seed::take());
    fill(&pool, &mut random).await;
    let model = model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
    let (_, table) = model.tables().find(|(_, table)| table.sql.name == "nasty").expect("the table");
    // Simple queries give text, made by output functions.
    let rows = raw_sql("SELECT * FROM nasty ORDER BY id").fetch_all(&pool).await.expect("rows");
    let server = Server::over(world, &[]).await;
    let http = Client::new();
    let mut wrong = Vec::new();
    for (id, row) in rows.iter().enumerate() {
        for (column, _) in table.columns() {
            let text = output(row, column.0);
            let expected = written(&model, table, column, text.as_deref());
            let query = format!("{{ {}(id: {id}) {{ {} }} }}", table.names.one, selected(&model, table, column));
            if id < 15 {
                let found = ask(&http, &server.base, &query).await;
                if found != expected {
                    let what = TYPES.get(column.0.wrapping_sub(1)).map_or("id", |(ty, _)| *ty);
                    wrong.push(format!("{what} {text:?}\n  log:   {expected}\n  query: {found}"));
                }
            }
        }
        // All at once: a row of the whole table.
        let selection = table.columns().map(|(id, column)| (column.field.clone(), content(&model, table, id)));
        let selection = RowSelection { fields: selection.collect() };
        let texts: Vec<Option<String>> = (0..row.len()).map(|column| output(row, column)).collect();
        let mut json = format!(r#"{{"data":{{"{}":"#, table.names.one).into_bytes();
        selection.write_json(&model, table, "", &|id: ColumnId| texts[id.0].as_deref(), &mut json);
        json.extend_from_slice(b"}}");
        let fields: Vec<String> = table.columns().map(|(id, _)| selected(&model, table, id)).collect();
        let query = format!("{{ {}(id: {id}) {{ {} }} }}", table.names.one, fields.join(" "));
        let found = ask(&http, &server.base, &query).await;
        if found.as_bytes() != json && wrong.is_empty() {
            wrong.push(format!("row {id}\n  log:   {}\n  query: {found}", String::from_utf8_lossy(&json)));
        }
    }
    assert!(wrong.is_empty(), "{} values differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A column with all that is in it, as a selection.
fn content(model: &Model, table: &Table, id: ColumnId) -> RowField {
    parts(model, &table.column(id).kind).map_or(RowField::Column(id), |parts| RowField::Composite(id, parts))
}

fn parts(model: &Model, kind: &Kind) -> Option<ValueSelection> {
    let Kind::Composite(id) = kind.element() else { return None };
    let attributes = model.composite(*id).attributes.iter().enumerate();
    let fields = attributes.map(|(index, attribute)| {
        let inner = parts(model, &attribute.kind);
        let content = inner.map_or(ValueField::Attribute(index), |inner| ValueField::Composite(index, inner));
        (attribute.field.clone(), content)
    });
    Some(ValueSelection { fields: fields.chain([("type".to_owned(), ValueField::Typename)]).collect() })
}

/// The same in GraphQL.
fn selected(model: &Model, table: &Table, id: ColumnId) -> String {
    let column = table.column(id);
    field(model, &column.field, &column.kind)
}

fn field(model: &Model, name: &str, kind: &Kind) -> String {
    let Kind::Composite(id) = kind.element() else { return name.to_owned() };
    let attributes = model.composite(*id).attributes.iter();
    let fields: Vec<String> = attributes.map(|attribute| field(model, &attribute.field, &attribute.kind)).collect();
    format!("{name} {{ {} type: __typename }}", fields.join(" "))
}

fn written(model: &Model, table: &Table, column: ColumnId, text: Option<&str>) -> String {
    let fields = vec![(table.column(column).field.clone(), content(model, table, column))];
    let mut json = format!(r#"{{"data":{{"{}":"#, table.names.one).into_bytes();
    RowSelection { fields }.write_json(model, table, "", &|_| text, &mut json);
    json.extend_from_slice(b"}}");
    String::from_utf8(json).expect("UTF-8")
}

async fn ask(http: &Client, base: &str, query: &str) -> String {
    let request = http.post(format!("{base}/graphql")).json(&json!({ "query": query }));
    request.send().await.expect("an answer").text().await.expect("text")
}
