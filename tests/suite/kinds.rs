//! Every type through the whole API: a value is created, read, filtered by, ordered by, patched and followed, alone and
//! in arrays, and Postgres says what it is.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use everwire::model::{self, Table};
use everwire::request;
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool, Row, ValueRef, raw_sql};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::client;
use crate::world::{Server, World};

/// A type, and what its values are in GraphQL.
struct Case {
    sql: &'static str,
    graphql: &'static str,
    offers: Offers,
    /// As a client writes them and as Postgres prints them, in ascending order where there is one.
    values: Vec<(Value, &'static str)>,
}

/// What its filter has beside `isNull`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offers {
    /// Equality, and order.
    Order,
    /// The same, but order only where Postgres judges it.
    OrderInQueries,
    /// Equality only.
    Equality,
    /// Equality, but only where Postgres judges it; and no lists of values.
    EqualityInQueries,
}

fn case(sql: &'static str, graphql: &'static str, offers: Offers, values: &[(Value, &'static str)]) -> Case {
    Case { sql, graphql, offers, values: values.to_vec() }
}

/// Values that are written as they are printed.
fn plain(sql: &'static str, graphql: &'static str, offers: Offers, values: &[&'static str]) -> Case {
    Case { sql, graphql, offers, values: values.iter().map(|text| (json!(text), *text)).collect() }
}

fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(texts());
    cases.extend(moments());
    cases.extend(documents());
    cases.extend(ranges());
    cases.extend(others());
    cases
}

fn numbers() -> Vec<Case> {
    use Offers::{Order, OrderInQueries};
    vec![
        case("boolean", "Boolean", Order, &[(json!(false), "f"), (json!(true), "t")]),
        case("smallint", "Int", Order, &[(json!(-32768), "-32768"), (json!(32767), "32767")]),
        case("integer", "Int", Order, &[(json!(i32::MIN), "-2147483648"), (json!(i32::MAX), "2147483647")]),
        case(
            "bigint",
            "BigInt",
            Order,
            &[
                (json!(i64::MIN), "-9223372036854775808"),
                (json!(9_007_199_254_740_993_i64), "9007199254740993"),
                (json!("9223372036854775807"), "9223372036854775807"),
            ],
        ),
        case("oid", "BigInt", Order, &[(json!(0), "0"), (json!("4294967295"), "4294967295")]),
        case("real", "Float", Order, &[(json!("-Infinity"), "-Infinity"), (json!(0.1), "0.1"), (json!("NaN"), "NaN")]),
        case(
            "double precision",
            "Float",
            Order,
            &[
                (json!(-1.5), "-1.5"),
                (json!(0.1), "0.1"),
                (json!(1e300), "1e+300"),
                (json!("Infinity"), "Infinity"),
                (json!("NaN"), "NaN"),
            ],
        ),
        case(
            "numeric",
            "BigDecimal",
            Order,
            &[
                (json!("-Infinity"), "-Infinity"),
                (json!("12345678901234567890123456789.0123456789"), "12345678901234567890123456789.0123456789"),
                (json!("Infinity"), "Infinity"),
                (json!("NaN"), "NaN"),
            ],
        ),
        case("numeric(10,3)", "BigDecimal", Order, &[(json!(-1.5), "-1.500"), (json!("2"), "2.000")]),
        case("money", "Money", OrderInQueries, &[(json!("-0.01"), "-$0.01"), (json!("$1,234.50"), "$1,234.50")]),
    ]
}

fn texts() -> Vec<Case> {
    use Offers::{Equality, EqualityInQueries, Order, OrderInQueries};
    vec![
        plain("text COLLATE \"C\"", "String", Order, &["", "NULL", "a\"\\\n\t{,}", "é 👩‍👩‍👧"]),
        plain("varchar(20) COLLATE \"C\"", "String", Order, &["  a ", "b"]),
        case(
            "char(4) COLLATE \"C\"",
            "String",
            Order,
            &[(json!(""), "    "), (json!("ab"), "ab  "), (json!("é"), "é   ")],
        ),
        plain("name", "String", Order, &["a b", "é\"\\"]),
        plain("\"char\"", "String", OrderInQueries, &["a", "b"]),
        plain("citext", "String", EqualityInQueries, &["Ab", "b"]),
        plain("mood", "Mood", Order, &["low", "NULL", "a,b"]),
        plain("uuid", "UUID", Order, &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        plain("bytea", "Bytes", Order, &["\\x", "\\x00ff", "\\xdeadbeef5c22"]),
        plain("xml", "XML", Equality, &["", "<a b=\"c\">é</a>"]),
    ]
    .into_iter()
    .map(|case| if case.graphql == "Mood" { Case { values: moods(), ..case } } else { case })
    .collect()
}

fn moods() -> Vec<(Value, &'static str)> {
    vec![(json!("LOW"), "low"), (json!("NULL"), "NULL"), (json!("A_B"), "a,b")]
}

fn moments() -> Vec<Case> {
    use Offers::{Order, OrderInQueries};
    vec![
        case(
            "timestamptz",
            "DateTime",
            Order,
            &[
                (json!("-infinity"), "-infinity"),
                (json!("4713-01-01T00:00:00+00:00 BC"), "4713-01-01 00:00:00+00 BC"),
                (json!("2026-01-31T12:30:00.5+05:30"), "2026-01-31 07:00:00.5+00"),
                (json!("294276-12-31T23:59:59.999999Z"), "294276-12-31 23:59:59.999999+00"),
                (json!("infinity"), "infinity"),
            ],
        ),
        case(
            "timestamp",
            "LocalDateTime",
            Order,
            &[(json!("0044-03-15T00:00:00 BC"), "0044-03-15 00:00:00 BC"), (json!("infinity"), "infinity")],
        ),
        plain("date", "Date", Order, &["-infinity", "4713-01-01 BC", "2026-02-28", "5874897-12-31", "infinity"]),
        plain("time", "Time", Order, &["00:00:00", "12:30:00.5", "24:00:00"]),
        plain("timetz", "Time", OrderInQueries, &["12:30:00.5+05:30", "24:00:00-15:59"]),
        case(
            "interval",
            "Duration",
            Order,
            &[
                (json!("P-1Y-2M3DT-4H-5M-6.7S"), "P-1Y-2M3DT-4H-5M-6.7S"),
                (json!("PT0S"), "PT0S"),
                (json!("90 minutes"), "PT1H30M"),
                (json!("P178000000Y"), "P178000000Y"),
            ],
        ),
    ]
}

fn documents() -> Vec<Case> {
    use Offers::{Equality, EqualityInQueries};
    vec![
        case(
            "json",
            "JSON",
            EqualityInQueries,
            &[
                (json!({"b": [1, null], "a": "é\u{1}"}), "{\"b\":[1,null],\"a\":\"é\\u0001\"}"),
                (json!("x"), "\"x\""),
                (json!([]), "[]"),
            ],
        ),
        case(
            "jsonb",
            "JSON",
            EqualityInQueries,
            &[(json!({"b": 1.5, "a": {}}), "{\"a\": {}, \"b\": 1.5}"), (json!(false), "false")],
        ),
        case(
            "hstore",
            "HStore",
            Equality,
            &[
                (json!({}), ""),
                (json!({"bb": null, "a": "NULL"}), "\"a\"=>\"NULL\", \"bb\"=>NULL"),
                (json!({"\"\\": "é\n"}), "\"\\\"\\\\\"=>\"é\n\""),
            ],
        ),
        case("tsvector", "TSVector", Equality, &[(json!("b:2A a"), "'a' 'b':2A"), (json!(""), "")]),
        plain("jsonpath", "Opaque", Equality, &["$.\"a\"[*]?(@ > 1)"]),
    ]
}

fn ranges() -> Vec<Case> {
    use Offers::{Equality, Order};
    vec![
        case(
            "int4range",
            "IntRange",
            Order,
            &[(json!("empty"), "empty"), (json!("(,)"), "(,)"), (json!("[1,4]"), "[1,5)")],
        ),
        case("int8range", "BigIntRange", Order, &[(json!("(,9223372036854775806]"), "(,9223372036854775807)")]),
        plain("numrange", "BigDecimalRange", Order, &["(-Infinity,1)", "[1.0,2.50]", "[1.00,3)"]),
        case("daterange", "DateRange", Order, &[(json!("[-infinity,2026-01-31]"), "[-infinity,2026-02-01)")]),
        plain("tsrange", "LocalDateTimeRange", Order, &["[\"2026-01-31 12:30:00\",)"]),
        case(
            "tstzrange",
            "DateTimeRange",
            Order,
            &[
                (json!("(,2026-01-31T12:30:00Z)"), "(,\"2026-01-31 12:30:00+00\")"),
                (json!("[2026-01-31 12:30+01,infinity)"), "[\"2026-01-31 11:30:00+00\",infinity)"),
            ],
        ),
        case(
            "int4multirange",
            "IntMultirange",
            Order,
            &[(json!("{}"), "{}"), (json!("{[1,2],[3,4]}"), "{[1,5)}"), (json!("{[1,5],[7,8)}"), "{[1,6),[7,8)}")],
        ),
        plain("int8multirange", "BigIntMultirange", Order, &["{[1,3)}"]),
        plain("nummultirange", "BigDecimalMultirange", Order, &["{[1.0,3),(5,7.00]}"]),
        plain("datemultirange", "DateMultirange", Order, &["{[2026-01-31,2026-03-01),[2026-03-15,)}"]),
        plain("tsmultirange", "LocalDateTimeMultirange", Order, &["{[\"2026-01-31 12:30:00\",)}"]),
        plain("tstzmultirange", "DateTimeMultirange", Order, &["{(,\"2026-01-31 12:30:00+00\"]}"]),
        plain("spans", "Opaque", Equality, &["[0.5,1)"]),
    ]
}

fn others() -> Vec<Case> {
    use Offers::{Equality, Order};
    vec![
        case(
            "inet",
            "Inet",
            Order,
            &[
                (json!("192.168.1.0/24"), "192.168.1.0/24"),
                (json!("192.168.1.1/32"), "192.168.1.1"),
                (json!("FE80::1/64"), "fe80::1/64"),
            ],
        ),
        case("cidr", "CIDR", Order, &[(json!("10"), "10.0.0.0/8"), (json!("::/0"), "::/0")]),
        case("macaddr", "MacAddr", Order, &[(json!("08002b010203"), "08:00:2b:01:02:03")]),
        plain("macaddr8", "MacAddr", Order, &["08:00:2b:01:02:03:04:05"]),
        plain("bit(3)", "BitString", Order, &["000", "101"]),
        plain("varbit", "BitString", Order, &["", "0000000000001", "1"]),
        plain("point", "Opaque", Equality, &["(1,-0.5)"]),
        plain("circle", "Opaque", Equality, &["<(0,0),1.5>"]),
        plain("polygon", "Opaque", Equality, &["((0,0),(1,1),(1,0))"]),
        plain("pg_lsn", "Opaque", Equality, &["16/B374D848"]),
        plain("tsquery", "Opaque", Equality, &["'a' & !'b':*A"]),
        plain("xid8", "Opaque", Equality, &["18446744073709551615"]),
        plain("price", "BigDecimal", Order, &["-1.50", "2.00"]),
        plain("inet_domain", "Inet", Order, &["10.0.0.1"]),
        plain("mood_domain", "Mood", Order, &[]),
    ]
    .into_iter()
    .map(|case| if case.graphql == "Mood" { Case { values: moods(), ..case } } else { case })
    .collect()
}

#[test]
fn every_type_is_documented() {
    let page = std::fs::read_to_string("docs/types.md").expect("the page");
    for case in
        cases().iter().filter(|case| !matches!(case.sql, "mood" | "mood_domain" | "price" | "inet_domain" | "spans"))
    {
        let sql = case.sql.split(['(']).next().unwrap_or_default().split(" COLLATE").next().unwrap_or_default();
        let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{sql}`")));
        assert!(row.is_some_and(|row| row.contains(&format!("`{}`", case.graphql))), "{sql}: {}", case.graphql);
    }
}

const PREPARE: &str = "CREATE EXTENSION citext; CREATE EXTENSION hstore; \
     CREATE TYPE mood AS ENUM ('low', 'NULL', 'a,b'); CREATE DOMAIN mood_domain AS mood; \
     CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN inet_domain AS inet; \
     CREATE TYPE spans AS RANGE (subtype = float8)";

/// The server, and ways to speak to it and to its database.
struct Target {
    server: Server,
    http: reqwest::Client,
    pool: PgPool,
}

impl Target {
    /// With a table for each case: a key, a value, an array of values.
    async fn start(cases: &[Case]) -> (Self, Vec<Table>) {
        let world = World::start().await;
        let options: PgConnectOptions = world.url().parse().expect("an address");
        let pool = request::connect(options, 2, std::time::Duration::from_secs(30));
        raw_sql(PREPARE).execute(&pool).await.expect("types");
        for (number, case) in cases.iter().enumerate() {
            let (ty, collation) = case.sql.split_once(" COLLATE").unwrap_or((case.sql, ""));
            let collate = if collation.is_empty() { String::new() } else { format!(" COLLATE{collation}") };
            let columns = format!("v {ty}{collate}, list {ty}[]{collate}");
            let create = format!("CREATE TABLE sample_{number} (id integer PRIMARY KEY, {columns})");
            raw_sql(AssertSqlSafe(create)).execute(&pool).await.unwrap_or_else(|error| panic!("{}: {error}", case.sql));
        }
        let model = model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
        let found: HashMap<String, Table> =
            model.tables().map(|(_, table)| (table.sql.name.clone(), table.clone())).collect();
        let tables = (0..cases.len()).map(|number| found[&format!("sample_{number}")].clone()).collect();
        (Self { server: Server::over(world, &[]).await, http: reqwest::Client::new(), pool }, tables)
    }

    /// The text of an answer without errors.
    async fn ask(&self, query: &str, variables: Value) -> String {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.server.base)).json(&body);
        let text = request.send().await.expect("an answer").text().await.expect("text");
        assert!(!text.contains("\"errors\""), "{text} for {query} {variables}");
        text
    }

    /// The same as JSON.
    async fn answer(&self, query: &str, variables: Value) -> Value {
        serde_json::from_str(&self.ask(query, variables).await).expect("JSON")
    }

    /// The texts of a column as psql shows them.
    async fn printed(&self, sql: String) -> Vec<Option<String>> {
        let rows = raw_sql(AssertSqlSafe(sql)).fetch_all(&self.pool).await.expect("rows");
        let text = |row: &sqlx::postgres::PgRow| {
            let value = row.try_get_raw(0).expect("a column");
            (!value.is_null()).then(|| value.as_str().expect("text").to_owned())
        };
        rows.iter().map(text).collect()
    }
}

/// A socket that gives frames as they came.
struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    async fn open(base: &str) -> Self {
        let mut frames =
            Self(client::open(base, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.expect("a socket"));
        frames.send(json!({ "type": "connection_init" })).await;
        assert!(frames.next().await.contains("connection_ack"));
        frames
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open socket");
    }

    async fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next text frame. One without changes, which only tells a position, is left out.
    async fn next(&mut self) -> String {
        loop {
            let frame = tokio::time::timeout(std::time::Duration::from_secs(30), self.0.next()).await;
            match frame.expect("a frame in time").expect("an open socket").expect("a frame") {
                Message::Text(text) if text.contains("\"reset\":null,\"changes\":[]") => {}
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}

/// The selected row in an answer or a frame, as it is written there.
fn row(text: &str) -> &str {
    let from = text.find("{\"v\":").unwrap_or_else(|| panic!("no row in {text}"));
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (index, character) in text[from..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' if !in_string => depth += 1,
            '}' if !in_string => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[from..=from + index];
        }
    }
    panic!("no end of the row in {text}");
}

#[tokio::test]
async fn every_type_goes_through_the_whole_api() {
    let cases = cases();
    let (target, tables) = Target::start(&cases).await;
    let mut failed = Vec::new();
    for (number, (case, table)) in cases.iter().zip(&tables).enumerate() {
        let steps = async {
            let mut frames = Frames::open(&target.server.base).await;
            is_of_type(&target, table, case).await;
            is_written_and_followed(&target, &mut frames, number, table, case).await;
            is_found(&target, number, table, case).await;
            is_filtered_while_followed(&target, &mut frames, number, table, case).await;
        };
        // What is wrong with one type hides nothing of the others.
        if AssertUnwindSafe(steps).catch_unwind().await.is_err() {
            failed.push(case.sql);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

async fn is_of_type(target: &Target, table: &Table, case: &Case) {
    let query = format!(
        "{{ __type(name: \"{}\") {{ fields {{ name type {{ name ofType {{ name }} }} }} }} }}",
        table.names.type_name
    );
    let answer: Value = serde_json::from_str(&target.ask(&query, json!({})).await).expect("JSON");
    let fields = answer["data"]["__type"]["fields"].as_array().expect("fields").clone();
    let of = |name: &str| fields.iter().find(|field| field["name"] == name).expect("the field")["type"].clone();
    assert_eq!(of("v")["name"], case.graphql, "{}", case.sql);
    assert_eq!(of("list")["ofType"]["name"], case.graphql, "{}[]", case.sql);
}

/// Each value is created, patched to the next, and read the same in the answer, by a query and in the stream.
async fn is_written_and_followed(target: &Target, frames: &mut Frames, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    let id = format!("follow-{number}");
    let subscription = format!(
        "subscription {{ {many} {{ reset changes {{ ... on {ty}Put {{ {one} {{ v list }} }} \
         ... on {ty}Patch {{ {one} {{ v list }} }} }} }} }}"
    );
    frames.subscribe(&id, &subscription, &json!({})).await;
    assert!(frames.next().await.contains("START"), "{}", case.sql);
    for (turn, (input, text)) in case.values.iter().enumerate() {
        let variables = json!({ "v": input, "list": [input, null, input] });
        let write = if turn == 0 {
            format!("create{ty}({one}: {{id: 1, v: $v, list: $list}})")
        } else {
            format!("patch{ty}(id: 1, patch: {{v: $v, list: $list}})")
        };
        let mutation = format!("mutation($v: {0}, $list: [{0}]) {{ {write} {{ v list }} }}", case.graphql);
        let written = target.ask(&mutation, variables.clone()).await;
        let read = target.ask(&format!("{{ {one}(id: 1) {{ v list }} }}"), json!({})).await;
        assert_eq!(row(&written), row(&read), "{}", case.sql);
        let frame = frames.next().await;
        assert_eq!(row(&frame), row(&read), "{}", case.sql);
        let printed = target.printed(format!("SELECT v FROM sample_{number} WHERE id = 1")).await;
        assert_eq!(printed, [Some((*text).to_owned())], "{}", case.sql);
        // What was read can be written, and is the same.
        let again: Value = serde_json::from_str(row(&read)).expect("JSON");
        assert_eq!(again["list"], json!([again["v"], null, again["v"]]), "{}", case.sql);
        let rewrite = format!(
            "mutation($v: {0}, $list: [{0}]) {{ patch{ty}(id: 1, patch: {{v: $v, list: $list}}) {{ v list }} }}",
            case.graphql
        );
        let rewritten = target.ask(&rewrite, again).await;
        assert_eq!(row(&rewritten), row(&read), "{}", case.sql);
    }
    frames.send(json!({ "type": "complete", "id": id })).await;
    let empty = json!({ "v": null, "list": [] });
    let clear = format!("mutation {{ patch{ty}(id: 1, patch: {{v: null, list: []}}) {{ v list }} }}");
    assert_eq!(row(&target.ask(&clear, json!({})).await), empty.to_string(), "{}", case.sql);
}

/// Each value is found by its own filter, and all of them in their order.
async fn is_found(target: &Target, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    for (index, (input, _)) in case.values.iter().enumerate() {
        let mutation =
            format!("mutation($v: {}) {{ create{ty}({one}: {{id: {}, v: $v}}) {{ id }} }}", case.graphql, 10 + index);
        target.ask(&mutation, json!({ "v": input })).await;
    }
    let list = |condition: &str| {
        format!("query($v: {}) {{ {many}(where: {{v: {condition}}}) {{ nodes {{ id }} }} }}", case.graphql)
    };
    let ids = |ids: &[usize]| {
        let nodes: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "data": { many: { "nodes": nodes } } })
    };
    let all: Vec<usize> = (10..10 + case.values.len()).collect();
    for (index, (input, _)) in case.values.iter().enumerate() {
        let variables = json!({ "v": input });
        let own = ids(&[10 + index]);
        assert_eq!(target.answer(&list("{eq: $v}"), variables.clone()).await, own, "{}", case.sql);
        let others: Vec<usize> = all.iter().copied().filter(|id| *id != 10 + index).collect();
        assert_eq!(target.answer(&list("{ne: $v}"), variables.clone()).await, ids(&others), "{}", case.sql);
        if !matches!(case.sql, "json" | "jsonb") {
            assert_eq!(target.answer(&list("{in: $v}"), variables.clone()).await, own, "{}", case.sql);
            assert_eq!(target.answer(&list("{notIn: $v}"), variables.clone()).await, ids(&others), "{}", case.sql);
        }
        if matches!(case.offers, Offers::Order | Offers::OrderInQueries) {
            let less = &all[..index];
            assert_eq!(target.answer(&list("{lt: $v}"), variables.clone()).await, ids(less), "{}", case.sql);
            assert_eq!(target.answer(&list("{gte: $v}"), variables).await, ids(&all[index..]), "{}", case.sql);
        }
    }
    assert_eq!(
        target.answer(&list("{isNull: true}").replace(&format!("($v: {})", case.graphql), ""), json!({})).await,
        ids(&[1])
    );
    if matches!(case.offers, Offers::Order | Offers::OrderInQueries) || case.sql == "citext" {
        let mut expected = all.clone();
        expected.reverse();
        expected.insert(0, 1);
        let ordered = format!("{{ {many}(orderBy: {{v: DESC}}) {{ nodes {{ id }} }} }}");
        assert_eq!(target.answer(&ordered, json!({})).await, ids(&expected), "{}", case.sql);
    }
    assert_eq!(
        target.printed(format!("SELECT count(*) FROM sample_{number}")).await,
        [Some((all.len() + 1).to_string())]
    );
}

/// A subscription takes the same filters, or refuses them by name.
async fn is_filtered_while_followed(target: &Target, frames: &mut Frames, number: usize, table: &Table, case: &Case) {
    let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
    let Some((input, _)) = case.values.last() else { return };
    let variables = json!({ "v": input });
    let last = 9 + case.values.len();
    for (operator, followed) in
        [("eq", case.offers != Offers::EqualityInQueries), ("gte", case.offers == Offers::Order)]
    {
        if operator == "gte" && matches!(case.offers, Offers::Equality | Offers::EqualityInQueries) {
            continue;
        }
        let id = format!("{operator}-{number}");
        let subscription = format!(
            "subscription($v: {}) {{ {many}(where: {{v: {{{operator}: $v}}}}) {{ reset changes {{ key {{ id }} \
             ... on {ty}Put {{ {one} {{ v }} }} }} }} }}",
            case.graphql
        );
        frames.subscribe(&id, &subscription, &variables).await;
        let frame = frames.next().await;
        if !followed {
            assert!(frame.contains("UNSUPPORTED") && frame.contains(&format!("`v: {{{operator}: …}}`")), "{frame}");
            continue;
        }
        assert!(
            frame.contains("START") && frame.contains(&format!("\"key\":{{\"id\":{last}}}")),
            "{}: {frame}",
            case.sql
        );
        let patch = format!("mutation($v: {}) {{ patch{ty}(id: 1, patch: {{v: $v}}) {{ v }} }}", case.graphql);
        let entered = target.ask(&patch, variables.clone()).await;
        let frame = frames.next().await;
        assert_eq!(row(&frame), row(&entered), "{}", case.sql);
        target.ask(&patch, json!({ "v": null })).await;
        let frame = frames.next().await;
        assert!(frame.contains("\"key\":{\"id\":1}") && !frame.contains("{\"v\":"), "{}: {frame}", case.sql);
        frames.send(json!({ "type": "complete", "id": id })).await;
    }
}
