//! Walks through whole lists, page by page, forwards and backwards, against Postgres' own order.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::seed;
use crate::world::Server;

/// `orderBy`, the same as SQL, and a condition in both.
const LISTS: [(&str, &str, &str, &str); 10] = [
    ("[]", "id", "{}", "true"),
    ("{id: DESC}", "id DESC", "{}", "true"),
    ("{due: ASC}", "due, id", "{}", "true"),
    ("{due: DESC}", "due DESC, id", "{}", "true"),
    (
        "[{due: ASC_NULLS_FIRST}, {points: DESC_NULLS_LAST}]",
        "due NULLS FIRST, points DESC NULLS LAST, id",
        "{}",
        "true",
    ),
    (
        "[{assigneeId: DESC_NULLS_LAST}, {estimate: ASC_NULLS_FIRST}, {title: DESC}]",
        "assignee_id DESC NULLS LAST, estimate NULLS FIRST, title DESC, id",
        "{}",
        "true",
    ),
    ("[{status: DESC}, {note: ASC}, {position: DESC}]", "status DESC, note, position DESC, id", "{}", "true"),
    ("[{points: DESC}, {parentId: ASC_NULLS_FIRST}]", "points DESC, parent_id NULLS FIRST, id", "{}", "true"),
    ("[{createdAt: DESC}, {priority: ASC}, {id: DESC}]", "created_at DESC, priority, id DESC", "{}", "true"),
    (
        "[{priority: DESC}, {due: DESC_NULLS_LAST}, {id: DESC}]",
        "priority DESC, due DESC NULLS LAST, id DESC",
        "{or: [{status: {eq: TODO}}, {points: {isNull: true}}]}",
        "status = 'todo' OR points IS NULL",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Forwards,
    Backwards,
}

struct Walk<'a> {
    http: &'a Client,
    url: String,
    order: &'a str,
    filter: &'a str,
    keys: &'a [String],
}

impl Walk<'_> {
    async fn page(&self, arguments: &str) -> Value {
        let query = format!(
            "{{ tasks(orderBy: {}, where: {}, {arguments}) {{ nodes {{ id }} edges {{ cursor node {{ id }} }} totalCount \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}",
            self.order, self.filter
        );
        let answer = self.http.post(&self.url).json(&json!({ "query": query })).send().await.expect("an answer");
        let mut answer: Value = answer.json().await.expect("JSON");
        assert!(answer.get("errors").is_none(), "{answer} for {query}");
        answer["data"]["tasks"].take()
    }

    /// A page must be the rows `from..to` of the list and say the truth about itself.
    fn check(&self, page: &Value, from: usize, to: usize) {
        let list = |name: &str| page[name].as_array().expect("a list").clone();
        let keys: Vec<Value> = list("nodes").iter().map(|node| node["id"].clone()).collect();
        assert_eq!(keys, self.keys[from..to], "the rows {from} to {to} by {}", self.order);
        let edges = list("edges");
        let nodes: Vec<Value> = edges.iter().map(|edge| edge["node"]["id"].clone()).collect();
        assert_eq!(keys, nodes);
        let info = &page["pageInfo"];
        let place = format!("{from}..{to} of {} by {}", self.keys.len(), self.order);
        assert_eq!(page["totalCount"], self.keys.len());
        assert_eq!(info["hasNextPage"], to < self.keys.len(), "{place}");
        assert_eq!(info["hasPreviousPage"], from > 0, "{place}");
        let cursor = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
        assert_eq!(info["startCursor"], cursor(edges.first()), "{place}");
        assert_eq!(info["endCursor"], cursor(edges.last()), "{place}");
    }

    async fn walk(&self, way: Way, random: &mut StdRng) {
        let (mut done, mut cursor) = (0, String::new());
        let all = self.keys.len();
        while done < all {
            let size = random.random_range(1..=40);
            let rows = size.min(all - done);
            let (from, to, name, place) = match way {
                Way::Forwards => (done, done + rows, "first", "after"),
                Way::Backwards => (all - done - rows, all - done, "last", "before"),
            };
            let start = if cursor.is_empty() { String::new() } else { format!(", {place}: {cursor}") };
            let page = self.page(&format!("{name}: {size}{start}")).await;
            self.check(&page, from, to);
            let end = if way == Way::Forwards { "endCursor" } else { "startCursor" };
            cursor = page["pageInfo"][end].to_string();
            done += rows;
        }
    }

    /// Between two cursors, from either side, and by offset.
    async fn jump(&self, random: &mut StdRng) {
        let whole = self.page("first: 1000").await;
        self.check(&whole, 0, self.keys.len());
        let cursor = |row: usize| whole["edges"][row]["cursor"].to_string();
        let all = self.keys.len();
        let (a, b) = (random.random_range(0..all), random.random_range(0..all));
        let (low, high) = (a.min(b), a.max(b));
        let size = random.random_range(1..=all);
        let between = format!("after: {}, before: {}", cursor(low), cursor(high));
        let rows = size.min(high.saturating_sub(low + 1));
        if low < high {
            self.check(&self.page(&format!("first: {size}, {between}")).await, low + 1, low + 1 + rows);
            self.check(&self.page(&format!("last: {size}, {between}")).await, high - rows, high);
        }
        self.check(&self.page(&format!("first: {size}, offset: {low}")).await, low, (low + size).min(all));
        let end = all - low;
        self.check(&self.page(&format!("last: {size}, offset: {low}")).await, end.saturating_sub(size), end);
        let start = (low + 1 + a).min(all);
        let page = self.page(&format!("first: {size}, offset: {a}, after: {}", cursor(low))).await;
        self.check(&page, start, (start + size).min(all));
    }
}

async fn keys(pool: &PgPool, order: &str, filter: &str) -> Vec<String> {
    let sql = format!("SELECT id::text FROM task WHERE {filter} ORDER BY {order}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.expect("keys")
}

#[tokio::test]
async fn every_row_is_on_one_page_whichever_way_one_walks() {
    let server = Server::start(&[]).await;
    let (pool, http) = (server.world.pool().await, Client::new());
    let seed = seed::take();
    let mut random = StdRng::seed_from_u64(seed);
    for (order, sql_order, filter, sql_filter) in LISTS {
        let keys = keys(&pool, sql_order, sql_filter).await;
        assert!(keys.len() > 50);
        let walk = Walk { http: &http, url: format!("{}/graphql", server.base), order, filter, keys: &keys };
        for way in [Way::Forwards, Way::Backwards] {
            walk.walk(way, &mut random).await;
        }
        for _ in 0..5 {
            walk.jump(&mut random).await;
        }
    }
}
