//! A server over the example database with some tables of a test more, and the ways to ask it and the database.

use everwire::model::Model;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, raw_sql};

use crate::client::Client;
use crate::world::{Server, World};

/// The server, a client of it, and connections to its database.
pub(crate) struct Target {
    /// The server.
    pub(crate) server: Server,
    /// Its database, as another program has it.
    pub(crate) pool: PgPool,
    http: reqwest::Client,
}

impl Target {
    /// Over a database to which this was done.
    pub(crate) async fn start(sql: &str) -> Self {
        Self::serving(sql, &[]).await
    }

    /// The same, with flags.
    pub(crate) async fn serving(sql: &str, flags: &[&str]) -> Self {
        Self::over(World::start().await, sql, flags).await
    }

    /// The same over a database that is there already.
    pub(crate) async fn over(world: World, sql: &str, flags: &[&str]) -> Self {
        let pool = world.pool().await;
        raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("tables");
        Self { server: Server::over(world, flags).await, pool, http: reqwest::Client::new() }
    }

    /// The whole answer.
    pub(crate) async fn send(&self, query: &str) -> Value {
        self.send_with(query, &json!({})).await
    }

    /// The whole answer, with variables.
    pub(crate) async fn send_with(&self, query: &str, variables: &Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.server.base)).json(&body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// The data of an answer without errors.
    pub(crate) async fn data(&self, query: &str) -> Value {
        let mut answer = self.send(query).await;
        assert!(answer.get("errors").is_none(), "{answer} for {query}");
        answer["data"].take()
    }

    /// The message of the only error of an answer.
    pub(crate) async fn refusal(&self, query: &str) -> String {
        let answer = self.send(query).await;
        let [error] = answer["errors"].as_array().map_or(&[][..], Vec::as_slice) else {
            panic!("{answer} for {query}")
        };
        error["message"].as_str().expect("a message").to_owned()
    }

    /// The code of the only error of an answer.
    pub(crate) async fn code(&self, query: &str) -> String {
        let answer = self.send(query).await;
        let [error] = answer["errors"].as_array().map_or(&[][..], Vec::as_slice) else {
            panic!("{answer} for {query}")
        };
        error["extensions"]["code"].as_str().expect("a code").to_owned()
    }

    /// Each filter finds the rows of its condition in SQL, by a query and by a subscription. `names` of the list and of
    /// the table.
    pub(crate) async fn filters_mean(&self, client: &mut Client, names: (&str, &str), filters: &[(&str, &str)]) {
        let (list, table) = names;
        for (number, (filter, condition)) in filters.iter().enumerate() {
            let wanted = self.ask(&format!("SELECT id::text FROM {table} WHERE {condition} ORDER BY id")).await;
            let wanted: Vec<Value> =
                wanted.iter().map(|id| json!({ "id": id.parse::<i32>().expect("an id") })).collect();
            assert!(!wanted.is_empty(), "{filter} finds nothing");
            let found = self.data(&format!("{{ {list}(where: {{{filter}}}) {{ nodes {{ id }} }} }}")).await;
            assert_eq!(found[list]["nodes"], json!(wanted), "{filter}");
            let id = number.to_string();
            let query = format!("subscription {{ {list}(where: {{{filter}}}) {{ changes {{ key {{ id }} }} }} }}");
            client.subscribe(&id, &query).await;
            let copied: Vec<Value> = wanted.iter().map(|key| json!({ "key": key })).collect();
            assert_eq!(client.expect("next", &id).await["data"][list]["changes"], json!(copied), "{filter}");
            client.complete(&id).await;
        }
    }

    /// What the database says.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.pool).await.expect("rows")
    }

    /// The model of these schemas as they are now.
    pub(crate) async fn model(&self, schemas: &[&str]) -> Model {
        let schemas: Vec<String> = schemas.iter().map(|schema| (*schema).to_owned()).collect();
        everwire::model::load(&self.pool, &schemas).await.expect("the catalog")
    }
}
