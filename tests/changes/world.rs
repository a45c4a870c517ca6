//! A database, a hub on it, and a client that keeps a copy and checks every promise of the stream on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everwire::caller::Caller;
use everwire::changes::{ChangeField, ChangeSelections, EnvelopeField, Follow, Hub, Options, Rows, Subscription};
use everwire::filter::Filter;
use everwire::input::Input;
use everwire::model::{self, Model, TableId};
use everwire::selection::{RowField, RowSelection};
use everwire::sequence::Sequence;
use futures_util::StreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::postgres::Postgres;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) model: Arc<Model>,
    pub(crate) pool: PgPool,
    pub(crate) postgres: Postgres,
}

pub(crate) const TABLES: &str = "
    CREATE TYPE status AS ENUM ('todo', 'doing', 'done');
    CREATE TABLE task (id int PRIMARY KEY, project int NOT NULL, title text, status status DEFAULT 'todo',
                       done boolean NOT NULL DEFAULT false, note text, estimate numeric);
    ALTER TABLE task REPLICA IDENTITY FULL;
    ALTER TABLE task ALTER note SET STORAGE EXTERNAL;
    CREATE TABLE plain (id int PRIMARY KEY, project int, title text, note text);
    ALTER TABLE plain ALTER note SET STORAGE EXTERNAL;
    CREATE TABLE keyless (a int);";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let postgres = Postgres::start().await;
        let pool = postgres.pool().await;
        sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
        let model = Arc::new(model::load(&pool, &["public".to_owned()]).await.unwrap());
        let mut options = Options::new(postgres.url());
        change(&mut options);
        let hub = Hub::start(Arc::clone(&model), options).await.unwrap_or_else(|error| panic!("{error}"));
        Self { hub, model, pool, postgres }
    }

    pub(crate) async fn run(&self, sql: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&self.pool).await.unwrap();
    }

    pub(crate) fn table(&self, name: &str) -> TableId {
        self.model.tables().find(|(_, table)| table.sql.name == name).unwrap().0
    }

    /// Follows all columns of the rows that match.
    pub(crate) fn follow(&self, table: &str, filter: &Value) -> Follow {
        let id = self.table(table);
        let columns: Vec<&str> = self.model.table(id).columns.iter().map(|column| column.field.as_str()).collect();
        self.follow_columns(table, filter, &columns)
    }

    pub(crate) fn follow_columns(&self, table: &str, filter: &Value, columns: &[&str]) -> Follow {
        let id = self.table(table);
        let described = self.model.table(id);
        let row = |columns: &[&str]| {
            let field = |name: &&str| ((*name).to_owned(), RowField::Column(described.column_by_field(name).unwrap()));
            RowSelection { fields: columns.iter().map(field).collect() }
        };
        let named = |fields: &[(&str, ChangeField)]| -> Vec<(String, ChangeField)> {
            fields.iter().map(|(key, field)| ((*key).to_owned(), field.clone())).collect()
        };
        let shared = [
            ("__typename", ChangeField::Typename),
            ("op", ChangeField::Op),
            ("sequence", ChangeField::Sequence),
            ("key", ChangeField::Key(row(&["id"]))),
        ];
        let put = [("row", ChangeField::Row(row(columns)))];
        let patch = [("changed", ChangeField::Changed), ("patch", ChangeField::PatchValues(row(columns)))];
        let changes = ChangeSelections {
            put: named(&[&shared[..], &put[..]].concat()),
            patch: named(&[&shared[..], &put[..], &patch[..]].concat()),
            delete: named(&shared),
        };
        let envelope = [
            ("__typename", EnvelopeField::Typename),
            ("sequence", EnvelopeField::Sequence),
            ("previous", EnvelopeField::Previous),
            ("reset", EnvelopeField::Reset),
            ("more", EnvelopeField::More),
            ("transaction", EnvelopeField::Transaction),
            ("committedAt", EnvelopeField::CommittedAt),
            ("changes", EnvelopeField::Changes(0, changes)),
        ];
        Follow {
            caller: Caller::default(),
            rows: vec![Rows { table: id, filter: Filter::read(&self.model, described, &input(filter)).unwrap() }],
            root_key: "tasks".to_owned(),
            type_name: format!("{}Changes", described.names.type_name),
            envelope: envelope.into_iter().map(|(key, field)| (key.to_owned(), field)).collect(),
        }
    }

    pub(crate) async fn client(&self, table: &str, filter: Value) -> Client {
        Client::new(self.hub.subscribe(self.follow(table, &filter), None).await.unwrap())
    }

    pub(crate) async fn resume(&self, table: &str, filter: Value, since: &str) -> Client {
        let since: Sequence = since.parse().unwrap();
        let mut client = Client::new(self.hub.subscribe(self.follow(table, &filter), Some(since)).await.unwrap());
        client.held = Some(since.to_string());
        client
    }
}

fn input(value: &Value) -> Input {
    match value {
        Value::Null => Input::Null,
        Value::Bool(value) => Input::Boolean(*value),
        Value::Number(number) => Input::Number(number.to_string()),
        Value::String(text) => match text.strip_prefix("enum:") {
            Some(name) => Input::Enum(name.to_owned()),
            None => Input::String(text.clone()),
        },
        Value::Array(items) => Input::List(items.iter().map(input).collect()),
        Value::Object(fields) => Input::Object(fields.iter().map(|(key, value)| (key.clone(), input(value))).collect()),
    }
}

/// Keeps a copy.
pub(crate) struct Client {
    pub(crate) stream: Subscription,
    pub(crate) copy: BTreeMap<String, Value>,
    /// The position held.
    pub(crate) held: Option<String>,
    pub(crate) resets: Vec<String>,
    /// PATCHes of rows that were not held.
    pub(crate) strays: usize,
    unfinished: bool,
}

impl Client {
    pub(crate) fn new(stream: Subscription) -> Self {
        Self { stream, copy: BTreeMap::new(), held: None, resets: Vec::new(), strays: 0, unfinished: false }
    }

    pub(crate) async fn raw(&mut self) -> Bytes {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message in time");
        next.expect("a stream that goes on").expect("no error")
    }

    /// The next message, applied.
    pub(crate) async fn next(&mut self) -> Value {
        let message = self.raw().await;
        self.take(&message)
    }

    /// A message, applied.
    pub(crate) fn take(&mut self, message: &[u8]) -> Value {
        let mut message: Value = serde_json::from_slice(message).unwrap();
        let message = message["tasks"].take();
        self.apply(&message);
        message
    }

    /// The next message that has changes or a reset, applied.
    pub(crate) async fn change(&mut self) -> Value {
        loop {
            let message = self.next().await;
            if message["changes"] != serde_json::json!([]) || !message["reset"].is_null() {
                return message;
            }
        }
    }

    /// The error that ends the stream.
    pub(crate) async fn error(&mut self) -> everwire::error::Error {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("an end in time");
            if let Err(errors) = next.expect("an error before the end") {
                return errors[0].clone();
            }
        }
    }

    /// Applies messages until the copy is this.
    pub(crate) async fn until(&mut self, wanted: &BTreeMap<String, Value>) {
        let reached = async {
            while self.unfinished || self.copy != *wanted {
                self.next().await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("the copy is {:#?}\nand should be {wanted:#?}", self.copy);
        }
    }

    fn apply(&mut self, message: &Value) {
        let sequence = message["sequence"].as_str().unwrap();
        let fresh = !message["reset"].is_null() && message["reset"] != "TRUNCATED";
        if let Some(reset) = message["reset"].as_str() {
            self.copy.clear();
            self.resets.push(reset.to_owned());
        }
        if let Some(held) = self.held.as_deref().filter(|_| !fresh) {
            assert!(sequence > held, "{sequence} does not come after {held}");
            let previous = message["previous"].as_str().expect("only a first message has none before it");
            assert!(previous <= held, "missed what is between {held} and {previous}");
        }
        self.held = Some(sequence.to_owned());
        self.unfinished = message["more"] == true;
        for change in message["changes"].as_array().unwrap() {
            let key = change["key"]["id"].to_string();
            match change["op"].as_str().unwrap() {
                "PUT" => {
                    self.copy.insert(key, change["row"].clone());
                }
                "PATCH" => {
                    let Some(row) = self.copy.get_mut(&key) else {
                        self.strays += 1;
                        continue;
                    };
                    for column in change["changed"].as_array().unwrap() {
                        let column = column.as_str().unwrap();
                        row[column] = change["patch"][column].clone();
                    }
                    assert_eq!(*row, change["row"]);
                }
                _ => {
                    self.copy.remove(&key);
                }
            }
        }
    }
}

/// Operation and key of each change.
pub(crate) fn ops(message: &Value) -> Vec<String> {
    let op = |change: &Value| format!("{} {}", change["op"].as_str().unwrap(), change["key"]["id"]);
    message["changes"].as_array().unwrap().iter().map(op).collect()
}
