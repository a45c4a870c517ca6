//! Pages of a list put together are the list: in random orders, by columns of related rows too, in pages of any size,
//! both ways, and between any two rows.

use std::sync::Arc;
use std::time::Duration;

use everwire::caller::Caller;
use everwire::model;
use everwire::operation::{Documents, Limits};
use everwire::request::{self, Requests};
use everwire::schema::Schema;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, raw_sql};

use crate::seed;
use crate::world::World;

const ORDERS: usize = 60;

/// Few values, many ties, nulls everywhere, and rows that lead nowhere.
const TABLES: &str = "
CREATE TYPE mood AS ENUM ('low', 'high', 'even');
CREATE TABLE city (id integer PRIMARY KEY, name text COLLATE \"und-x-icu\", size numeric);
CREATE TABLE owner (
    id integer PRIMARY KEY, city_id integer REFERENCES city, name text NOT NULL, mood mood, height double precision);
CREATE TABLE passport (number bigint PRIMARY KEY, owner_id integer UNIQUE REFERENCES owner, expires date);
CREATE TABLE pet (
    a integer, b text, owner_id integer REFERENCES owner, born timestamptz, tame boolean NOT NULL, weight interval,
    rival_a integer, rival_b text, PRIMARY KEY (a, b), FOREIGN KEY (rival_a, rival_b) REFERENCES pet);
CREATE VIEW travel AS SELECT owner_id AS id, expires AS until FROM passport;
COMMENT ON VIEW travel IS '@graphql({\"primary_key_columns\": [\"id\"], \"foreign_keys\": [{
    \"local_columns\": [\"id\"], \"foreign_table\": \"owner\", \"foreign_columns\": [\"id\"], \"local_name\": \"travel\"}]})';
-- What it says of its key is not true: an owner has several pets.
CREATE VIEW visit AS SELECT owner_id AS id, a AS number FROM pet;
COMMENT ON VIEW visit IS '@graphql({\"primary_key_columns\": [\"id\"], \"foreign_keys\": [{
    \"local_columns\": [\"id\"], \"foreign_table\": \"owner\", \"foreign_columns\": [\"id\"], \"local_name\": \"visit\"}]})';
";

const ROWS: &str = "
INSERT INTO city SELECT n, (ARRAY['a', 'B', 'é', NULL])[n % 4 + 1], (ARRAY['NaN', 1.0, 1, NULL])[n % 4 + 1]::numeric
    FROM generate_series(1, 6) AS n;
INSERT INTO owner SELECT n, CASE WHEN random() < 0.7 THEN 1 + floor(random() * 6) END, (ARRAY['x', 'y'])[n % 2 + 1],
        (ARRAY['low', 'high', 'even', NULL])[floor(random() * 4) + 1]::mood,
        (ARRAY['NaN', '0', '-0', 'Infinity', NULL])[floor(random() * 5) + 1]::float8
    FROM generate_series(1, 20) AS n;
INSERT INTO passport SELECT n * 9007199254740993, n, (ARRAY['infinity', '2026-01-31', NULL])[n % 3 + 1]::date
    FROM generate_series(1, 20, 3) AS n;
INSERT INTO pet SELECT n / 3, (ARRAY['a', '\"', ''])[n % 3 + 1], CASE WHEN random() < 0.8 THEN 1 + floor(random() * 20) END,
        (ARRAY['-infinity', '2026-01-31', '2026-01-31 00:00:00.000001', NULL])[floor(random() * 4) + 1]::timestamptz,
        random() < 0.5, (ARRAY['1 month', '30 days', '29 days', NULL])[floor(random() * 4) + 1]::interval
    FROM generate_series(1, 60) AS n;
UPDATE pet SET rival_a = r.a, rival_b = r.b FROM (SELECT a, b FROM pet ORDER BY random() LIMIT 5) AS r
    WHERE random() < 0.3;
";

/// What pets can be ordered by, as GraphQL with a `$` for the direction, and as SQL.
const BY: &[(&str, &str)] = &[
    ("{a: $}", "p.a"),
    ("{b: $}", "p.b"),
    ("{born: $}", "p.born"),
    ("{tame: $}", "p.tame"),
    ("{weight: $}", "p.weight"),
    ("{owner: {name: $}}", "(SELECT name FROM owner o WHERE o.id = p.owner_id)"),
    ("{owner: {mood: $}}", "(SELECT mood FROM owner o WHERE o.id = p.owner_id)"),
    ("{owner: {height: $}}", "(SELECT height FROM owner o WHERE o.id = p.owner_id)"),
    (
        "{owner: {city: {name: $}}}",
        "(SELECT c.name FROM owner o JOIN city c ON c.id = o.city_id WHERE o.id = p.owner_id)",
    ),
    (
        "{owner: {city: {size: $}}}",
        "(SELECT c.size FROM owner o JOIN city c ON c.id = o.city_id WHERE o.id = p.owner_id)",
    ),
    ("{owner: {passport: {number: $}}}", "(SELECT number FROM passport s WHERE s.owner_id = p.owner_id)"),
    ("{owner: {passport: {expires: $}}}", "(SELECT expires FROM passport s WHERE s.owner_id = p.owner_id)"),
    ("{owner: {travel: {until: $}}}", "(SELECT expires FROM passport s WHERE s.owner_id = p.owner_id)"),
    ("{pet: {born: $}}", "(SELECT born FROM pet r WHERE (r.a, r.b) = (p.rival_a, p.rival_b))"),
    (
        "{pet: {pet: {owner: {name: $}}}}",
        "(SELECT o.name FROM pet r JOIN pet s ON (s.a, s.b) = (r.rival_a, r.rival_b) JOIN owner o ON o.id = s.owner_id \
          WHERE (r.a, r.b) = (p.rival_a, p.rival_b))",
    ),
];

/// Directions in GraphQL and in SQL.
const DIRECTIONS: [(&str, &str); 6] = [
    ("ASC", "ASC"),
    ("DESC", "DESC"),
    ("ASC_NULLS_FIRST", "ASC NULLS FIRST"),
    ("ASC_NULLS_LAST", "ASC NULLS LAST"),
    ("DESC_NULLS_FIRST", "DESC NULLS FIRST"),
    ("DESC_NULLS_LAST", "DESC NULLS LAST"),
];

struct Pets {
    requests: Requests,
    documents: Documents,
    pool: PgPool,
}

/// A list in one order: its rows by key, and their cursors.
struct List<'a> {
    pets: &'a Pets,
    query: String,
    rows: Vec<Value>,
    cursors: Vec<Value>,
}

impl Pets {
    async fn page(&self, query: &str, arguments: &Value) -> Value {
        let document =
            self.documents.prepare(&Caller::default(), query, None).unwrap_or_else(|e| panic!("{query}: {e:?}"));
        let raw = RawValue::from_string(arguments.to_string()).expect("JSON");
        let variables = document.variables(Some(&raw)).expect("variables");
        let answer = self.requests.answer(self.documents.schema(), &document, &variables).await;
        assert!(answer.errors.is_empty(), "{query} {arguments}: {:?}", answer.errors);
        let mut data: Value = serde_json::from_slice(&answer.data.expect("data")).expect("JSON");
        data["pets"].take()
    }

    async fn list(&self, order: &[(usize, usize)]) -> List<'_> {
        let by =
            order.iter().map(|(by, way)| BY[*by].0.replace('$', DIRECTIONS[*way].0)).collect::<Vec<_>>().join(", ");
        let query = format!(
            "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor, $offset: Int) {{
                pets(orderBy: [{by}], first: $first, after: $after, last: $last, before: $before, offset: $offset) {{
                    edges {{ cursor node {{ a b }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
        );
        let page = self.page(&query, &json!({})).await;
        let rows = rows(&page);
        let by: Vec<String> = order.iter().map(|(by, way)| format!("{} {}", BY[*by].1, DIRECTIONS[*way].1)).collect();
        let by = by.into_iter().chain(["p.a".to_owned(), "p.b".to_owned()]).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT json_agg(json_build_object('a', p.a, 'b', p.b) ORDER BY {by})::text FROM pet AS p");
        let expected: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.expect("rows");
        assert_eq!(Value::from(rows.clone()), serde_json::from_str::<Value>(&expected).expect("JSON"), "{query}");
        let edges = page["edges"].as_array().expect("edges");
        let cursors = edges.iter().map(|edge| edge["cursor"].clone()).collect();
        List { pets: self, query, rows, cursors }
    }
}

fn rows(page: &Value) -> Vec<Value> {
    page["edges"].as_array().expect("edges").iter().map(|edge| edge["node"].clone()).collect()
}

impl List<'_> {
    /// From the start to the end, each page after the last row of the one before.
    async fn forwards(&self, size: usize) -> Vec<Value> {
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = self.pets.page(&self.query, &json!({ "first": size, "after": after })).await;
            assert_eq!(page["pageInfo"]["hasPreviousPage"], !found.is_empty());
            found.extend(rows(&page));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                return found;
            }
        }
    }

    /// From the end to the start, each page before the first row of the one before.
    async fn backwards(&self, size: usize) -> Vec<Value> {
        let (mut found, mut before) = (Vec::new(), Value::Null);
        loop {
            let page = self.pets.page(&self.query, &json!({ "last": size, "before": before })).await;
            assert_eq!(page["pageInfo"]["hasNextPage"], !found.is_empty());
            found.splice(0..0, rows(&page));
            before = page["pageInfo"]["startCursor"].clone();
            if page["pageInfo"]["hasPreviousPage"] == false {
                return found;
            }
        }
    }

    /// What is between two rows, from either end.
    async fn between(&self, after: usize, before: usize, size: usize, offset: usize) {
        let inside = self.rows.get(after + 1..before).unwrap_or_default();
        let place = json!({ "after": self.cursors[after], "before": self.cursors[before], "offset": offset });
        let with = |name: &str| {
            let mut arguments = place.clone();
            arguments[name] = size.into();
            arguments
        };
        let first: Vec<Value> = inside.iter().skip(offset).take(size).cloned().collect();
        let last: Vec<Value> = inside.iter().rev().skip(offset).take(size).rev().cloned().collect();
        assert_eq!(rows(&self.pets.page(&self.query, &with("first")).await), first, "{}", self.query);
        assert_eq!(rows(&self.pets.page(&self.query, &with("last")).await), last, "{}", self.query);
    }
}

#[tokio::test]
async fn pages_put_together_are_the_list() {
    let world = World::start().await;
    let pool = world.pool().await;
    let mut random = StdRng::seed_from_u64(seed::take());
    // Postgres' random() follows a seed too.
    let setup = format!("SELECT setseed({}); {TABLES}{ROWS}", random.random_range(-1.0..1.0));
    raw_sql(AssertSqlSafe(setup)).execute(&pool).await.expect("tables and rows");
    let model = model::load(&pool, &["public".to_owned()]).await.expect("the catalog");
    let schema = Schema::build(Arc::new(model)).expect("a valid schema");
    let connections = request::connect(world.url().parse().expect("an address"), 1, Duration::from_secs(30));
    let requests = Requests::new(connections, request::Limits::default());
    let pets = Pets { requests, documents: Documents::new(Arc::new(schema), Limits::default()), pool };
    let every: Vec<usize> = (0..BY.len()).collect();
    for number in 0..ORDERS {
        // Each alone first, then several at random, the same one perhaps twice.
        let count = if number < BY.len() { 0 } else { random.random_range(0..4) };
        let alone = every.get(number).copied();
        let chosen = alone.into_iter().chain((0..count).map(|_| *every.choose(&mut random).expect("an order")));
        let order: Vec<(usize, usize)> =
            chosen.collect::<Vec<_>>().into_iter().map(|by| (by, random.random_range(0..6))).collect();
        let list = pets.list(&order).await;
        let size = random.random_range(1..list.rows.len() + 3);
        assert_eq!(list.forwards(size).await, list.rows, "{} by {size}", list.query);
        assert_eq!(list.backwards(size).await, list.rows, "{} by {size}", list.query);
        for _ in 0..3 {
            let row = |random: &mut StdRng| random.random_range(0..list.rows.len());
            let (one, other) = (row(&mut random), row(&mut random));
            list.between(one.min(other), one.max(other), size, random.random_range(0..3)).await;
        }
    }
    let page =
        pets.page("{ pets(orderBy: {owner: {visit: {number: ASC}}}) { edges { node { a b } } } }", &json!({})).await;
    assert_eq!(rows(&page).len(), 60, "no row is there twice, whatever a view says of itself");
}
