//! Databases that nobody would make up, and that people have: each file of `tests/nasty` is served, prints a schema,
//! and each of its tables that has a key is written, read, followed and emptied again, with values made from the types
//! that the API itself gives its inputs.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use everwire::model::{self, Column, ColumnId, Model, Table, TableId, Writing};
use everwire::schema::Schema;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, raw_sql};

use crate::client::Client;
use crate::world::{Running, World};

/// A test for each of the files.
macro_rules! databases {
    ($($name:ident),+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(#[tokio::test]
        async fn $name() {
            serve(stringify!($name)).await;
        })+
    };
}

databases!(
    empty,
    functions,
    inheritance,
    keys,
    pagila,
    prisma,
    rails,
    references,
    spelling,
    tenants,
    types,
    width,
    words
);

#[test]
fn each_file_is_served() {
    let files = fs::read_dir("tests/nasty").expect("the databases").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<String> = files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect();
    files.sort();
    assert_eq!(files, NAMES);
}

async fn serve(name: &str) {
    let world = World::start().await;
    let sql = fs::read_to_string(format!("tests/nasty/{name}.sql")).expect("SQL");
    let mut url = url::Url::parse(world.url()).expect("an address");
    url.set_path("nasty");
    let url = url.as_str();
    sqlx::query("CREATE DATABASE nasty").execute(&world.pool().await).await.expect("a database");
    let pool = PgPool::connect(url).await.expect("Postgres answers");
    raw_sql(AssertSqlSafe(sql.as_str())).execute(&pool).await.unwrap_or_else(|error| panic!("{name}: {error}"));

    // `-- Serves: a, b` in the second place names other schemas than `public`.
    let served = sql.lines().find_map(|line| line.strip_prefix("-- Serves: ")).unwrap_or("public");
    let schemas: Vec<String> = served.split(", ").map(str::to_owned).collect();
    let load = async || Arc::new(model::load(&pool, &schemas).await.expect("the catalog"));
    let model = load().await;
    let schema = Schema::build(Arc::clone(&model)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = Schema::build(load().await).expect("a valid schema");
    assert_eq!(schema.sdl(), again.sdl(), "{name}: the same database gives the same schema");

    // No message but those of commits.
    let silent = ["--progress-interval", "3600"];
    let flags: Vec<&str> = schemas.iter().flat_map(|schema| ["--schema", schema]).chain(silent).collect();
    let server = Running::at(url, &flags).await;
    let api = Api::of(name, &server, &model, &pool).await;
    for (id, table) in model.tables() {
        if table.is_written() && table.is_logged() && table.columns().next().is_some() {
            api.round(id).await;
        }
    }
    drop(server.stop);
    server.stopped.await.expect("it stops").expect("in good order");
    pool.close().await;
}

/// What a server says of its types, and a way to ask it.
struct Api<'a> {
    name: &'a str,
    model: &'a Model,
    base: &'a str,
    http: reqwest::Client,
    types: HashMap<String, Value>,
    references: Vec<Reference>,
    last: AtomicU32,
}

/// A foreign key: table and columns, and those referred to.
type Reference = (i64, Vec<i16>, i64, Vec<i16>);

/// Fields and the GraphQL literals given for them.
type Values = Vec<(String, String)>;

impl<'a> Api<'a> {
    async fn of(name: &'a str, server: &'a Running, model: &'a Model, pool: &PgPool) -> Self {
        let sql = "SELECT conrelid::int8, conkey, confrelid::int8, confkey FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
        let references = sqlx::query_as(sql).fetch_all(pool).await.expect("the foreign keys");
        let (http, types, last) = (reqwest::Client::new(), HashMap::new(), AtomicU32::new(1));
        let mut api = Self { name, model, base: &server.base, http, types, references, last };
        let reference = "type { name kind ofType { name kind ofType { name kind ofType { name kind } } } }";
        let query = format!(
            "{{ __schema {{ types {{ name kind fields {{ name {reference} }} inputFields {{ name {reference} }} enumValues {{ name }} }} }} }}"
        );
        let mut data = api.data(&query).await;
        let Value::Array(types) = data["__schema"]["types"].take() else { panic!("{name}: no types") };
        api.types = types.into_iter().map(|ty| (ty["name"].as_str().expect("a name").to_owned(), ty)).collect();
        api
    }

    async fn data(&self, query: &str) -> Value {
        let request = self.http.post(format!("{}/graphql", self.base)).json(&json!({ "query": query }));
        let mut answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert!(answer.get("errors").is_none(), "{}: {answer}\nfor {query}", self.name);
        answer["data"].take()
    }

    /// Create, read, list, patch, delete; and what a subscription says of it.
    async fn round(&self, id: TableId) {
        let table = self.model.table(id);
        let (one, many, ty) = (&table.names.one, &table.names.many, &table.names.type_name);
        let values = self.row(id).await;
        let row = self.selection(table);
        let mut client = Client::ready(self.base).await;
        let followed = table.is_followed() && !table.inherited;
        if followed {
            let put = format!("... on {ty}Put {{ {one} {{ {row} }} }}");
            let changed = format!("... on {ty}Patch {{ changed {one} {{ {row} }} }}");
            client
                .subscribe("1", &format!("subscription {{ f: {many} {{ changes {{ op {put} {changed} }} }} }}"))
                .await;
            let copy = client.next_message().await;
            assert_eq!(copy["type"], "next", "{}: {copy}", self.name);
        }
        let create = format!("mutation {{ r: create{ty}({one}: {{{}}}) {{ {row} }} }}", object(&values));
        let mut created = self.data(&create).await["r"].take();
        if followed {
            let change = self.change(&mut client, one).await;
            assert_eq!(change, json!({ "op": "PUT", "row": created }), "{}: {ty}", self.name);
        }
        let key = self.key(table, &values, &created);
        let read = self.data(&format!("{{ r: {one}({}) {{ {row} }} }}", object(&key))).await;
        assert_eq!(read["r"], created, "{}: {ty}", self.name);
        let filter: Vec<String> = key.iter().map(|(field, value)| format!("{field}: {{eq: {value}}}")).collect();
        let list = format!("{{ r: {many}(where: {{{}}}) {{ totalCount nodes {{ {row} }} }} }}", filter.join(", "));
        if !self.compares_with_nothing(table) {
            assert_eq!(
                self.data(&list).await["r"],
                json!({ "totalCount": 1, "nodes": [created] }),
                "{}: {ty}",
                self.name
            );
        }
        if let Some((column, value)) = self.patch(table).filter(|_| !table.has_computed_key()) {
            let patch =
                format!("mutation {{ r: patch{ty}({}, patch: {{{column}: {value}}}) {{ {row} }} }}", object(&key));
            let patched = self.data(&patch).await["r"].take();
            // An enum of one value cannot be changed, and what is not changed is not told.
            if followed && patched != created {
                let change = self.change(&mut client, one).await;
                let (op, row) = (if change.get("changed").is_some() { "PATCH" } else { "PUT" }, &change["row"]);
                assert_eq!((&change["op"], row), (&json!(op), &patched), "{}: {ty}", self.name);
            }
            created = patched;
        }
        let deleted = self.data(&format!("mutation {{ r: delete{ty}({}) {{ {row} }} }}", object(&key))).await;
        assert_eq!(deleted["r"], created, "{}: {ty}", self.name);
        if followed {
            assert_eq!(self.change(&mut client, one).await["op"], "DELETE", "{}: {ty}", self.name);
        }
        let gone = self.data(&format!("{{ r: {one}({}) {{ __typename }} }}", object(&key))).await;
        assert_eq!(gone["r"], json!(null), "{}: {ty}", self.name);
    }

    /// The only change of the next message, its row under a name that is the same for all tables.
    async fn change(&self, client: &mut Client, one: &str) -> Value {
        let mut message = client.expect("next", "1").await;
        let changes = message["data"]["f"]["changes"].take();
        let Value::Array(changes) = changes else { panic!("{}: {message}", self.name) };
        let [change] = <[Value; 1]>::try_from(changes).unwrap_or_else(|changes| panic!("{}: {changes:?}", self.name));
        let Value::Object(mut change) = change else { panic!("{}: {change}", self.name) };
        if let Some(row) = change.remove(one) {
            change.insert("row".to_owned(), row);
        }
        Value::Object(change)
    }

    /// The foreign keys of a table to one that is served: pairs of columns here and there.
    fn references(&self, table: &Table) -> Vec<(TableId, Vec<(ColumnId, ColumnId)>)> {
        let column = |table: &Table, number: &i16| {
            table.columns().find(|(_, column)| column.number == *number).map(|(id, _)| id).expect("a column")
        };
        let own = self.references.iter().filter(|(here, ..)| *here == i64::from(table.oid));
        own.filter_map(|(_, own, there, far)| {
            let id = self.model.table_by_oid(u32::try_from(*there).expect("an oid"))?;
            let far = far.iter().map(|far| column(self.model.table(id), far));
            Some((id, own.iter().map(|own| column(table, own)).zip(far).collect()))
        })
        .collect()
    }

    /// Values for a new row, in which what it refers to is there.
    async fn row(&self, id: TableId) -> Values {
        let table = self.model.table(id);
        let mut values = Values::new();
        for (parent, pairs) in self.references(table) {
            let needed = |(own, _): &(ColumnId, ColumnId)| {
                let column = table.column(*own);
                column.not_null && !column.has_default || table.key.contains(own)
            };
            let known = |(own, _): &(ColumnId, ColumnId)| given(&values, &table.column(*own).field).is_some();
            if parent == id || !pairs.iter().any(needed) || pairs.iter().all(known) {
                continue;
            }
            let there = Box::pin(self.parent(parent, &values, table, &pairs)).await;
            for (own, target) in pairs {
                let field = &table.column(own).field;
                if given(&values, field).is_none() {
                    values.push((field.clone(), there[&self.model.table(parent).column(target).field].to_string()));
                }
            }
        }
        for (id, column) in table.columns() {
            let free = column.writing == Writing::Free && given(&values, &column.field).is_none();
            let wanted = free && (!self.refers(table, id) || table.key.contains(&id));
            if let Some(value) = wanted.then(|| self.value(table, "CreateInput", column)).flatten() {
                values.push((column.field.clone(), value));
            }
        }
        values
    }

    fn refers(&self, table: &Table, id: ColumnId) -> bool {
        let own = self.references.iter().filter(|(here, ..)| *here == i64::from(table.oid));
        own.flat_map(|(_, own, ..)| own).any(|number| *number == table.column(id).number)
    }

    /// A new row of another table, with what the row that refers to it has already; gives it.
    async fn parent(&self, id: TableId, known: &Values, child: &Table, pairs: &[(ColumnId, ColumnId)]) -> Value {
        let table = self.model.table(id);
        let mut values = self.row(id).await;
        for (own, target) in pairs {
            let (own, target) = (&child.column(*own).field, &table.column(*target).field);
            if let Some(value) = given(known, own) {
                values.retain(|(field, _)| field != target);
                values.push((target.clone(), value.to_owned()));
            }
        }
        let (ty, one, row) = (&table.names.type_name, &table.names.one, self.selection(table));
        let create = format!("mutation {{ r: create{ty}({one}: {{{}}}) {{ {row} }} }}", object(&values));
        self.data(&create).await["r"].take()
    }

    fn key(&self, table: &Table, values: &Values, created: &Value) -> Values {
        let literal = |id: &ColumnId| {
            let field = &table.column(*id).field;
            let given = values.iter().find(|(known, _)| known == field).map(|(_, value)| value.clone());
            (field.clone(), given.unwrap_or_else(|| created[field].to_string()))
        };
        table.key.iter().map(literal).collect()
    }

    /// Values of json and lists have no order, and what has none has fewer operators.
    fn compares_with_nothing(&self, table: &Table) -> bool {
        table.key.iter().any(|id| !model::is_orderable(&table.column(*id).kind))
    }

    /// A column that can be changed without further ado, and a new value for it.
    fn patch(&self, table: &Table) -> Option<(String, String)> {
        let mut columns = table.columns().filter(|(id, column)| {
            column.writing == Writing::Free && !table.key.contains(id) && !self.refers(table, *id)
        });
        columns.find_map(|(_, column)| {
            let value = self.value(table, "PatchInput", column)?;
            Some((column.field.clone(), value))
        })
    }

    fn field<'t>(&'t self, type_name: &str, list: &str, field: &str) -> Option<&'t Value> {
        let fields = self.types.get(type_name)?[list].as_array()?;
        fields.iter().find(|known| known["name"] == field).map(|known| &known["type"])
    }

    fn value(&self, table: &Table, input: &str, column: &Column) -> Option<String> {
        let ty = self.field(&format!("{}{input}", table.names.type_name), "inputFields", &column.field)?;
        let value = self.literal(ty, &column.sql_type.name);
        assert!(value.is_some() || !column.not_null || column.has_default, "{}: no value for {ty}", self.name);
        value
    }

    fn literal(&self, ty: &Value, sql: &str) -> Option<String> {
        let name = ty["name"].as_str().unwrap_or_default();
        match ty["kind"].as_str()? {
            "NON_NULL" => self.literal(&ty["ofType"], sql),
            "LIST" => Some(format!("[{}]", self.literal(&ty["ofType"], sql.trim_start_matches('_'))?)),
            "ENUM" => self.types[name]["enumValues"][0]["name"].as_str().map(str::to_owned),
            "INPUT_OBJECT" => {
                let fields = self.types[name]["inputFields"].as_array()?;
                let values = fields
                    .iter()
                    .filter_map(|field| Some((field["name"].as_str()?.to_owned(), self.literal(&field["type"], "")?)));
                Some(format!("{{{}}}", object(&values.collect())))
            }
            _ => scalar(name, sql, self.last.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// All columns but those that Postgres computes, which the log does not have; of an object, all of its fields.
    fn selection(&self, table: &Table) -> String {
        let stored =
            |(id, column): &(ColumnId, &Column)| column.writing != Writing::Generated || table.key.contains(id);
        let columns = table.columns().filter(stored).filter_map(|(_, column)| {
            let ty = self.field(&table.names.type_name, "fields", &column.field)?;
            Some(self.select(&column.field, ty))
        });
        columns.collect::<Vec<_>>().join(" ")
    }

    fn select(&self, field: &str, ty: &Value) -> String {
        let name = std::iter::successors(Some(ty), |ty| ty.get("ofType").filter(|inner| !inner.is_null()))
            .last()
            .and_then(|ty| ty["name"].as_str())
            .unwrap_or_default();
        let Some(fields) = self.types[name]["fields"].as_array() else { return field.to_owned() };
        let inner: Vec<String> = fields
            .iter()
            .map(|inner| self.select(inner["name"].as_str().unwrap_or_default(), &inner["type"]))
            .collect();
        format!("{field} {{ {} }}", inner.join(" "))
    }
}

/// The value given for a field.
fn given<'v>(values: &'v Values, field: &str) -> Option<&'v str> {
    values.iter().find(|(known, _)| known == field).map(|(_, value)| value.as_str())
}

fn object(values: &Values) -> String {
    values.iter().map(|(field, value)| format!("{field}: {value}")).collect::<Vec<_>>().join(", ")
}

/// A value of a scalar type; of a text that stands for a type of SQL, by the name of that.
fn scalar(name: &str, sql: &str, number: u32) -> Option<String> {
    let text = |text: String| Some(format!("\"{text}\""));
    match name {
        // Within what a domain for years takes.
        "Int" => Some((1_950 + number).to_string()),
        "Float" => Some(format!("{number}.5")),
        "Boolean" => Some("true".to_owned()),
        "String" => text(format!("t{number}")),
        "BigInt" if sql == "oid" => text(number.to_string()),
        "BigInt" => text(format!("90071992547409{number:02}")),
        "BigDecimal" => text(format!("{number}.25")),
        "UUID" => text(format!("00000000-0000-4000-8000-{number:012}")),
        "DateTime" => text(format!("2026-01-01T00:00:{:02}+00:00", number % 60)),
        "LocalDateTime" => text(format!("2026-01-01T00:00:{:02}", number % 60)),
        "Date" => text(format!("2026-01-{:02}", number % 28 + 1)),
        "Time" => text(format!("10:00:{:02}", number % 60)),
        "Duration" => text(format!("PT{number}S")),
        "JSON" => Some(format!("{{number: {number}}}")),
        "Bytes" => text(format!("\\\\x{number:08x}")),
        _ => match sql {
            "bpchar" => text(format!("{number:08}")),
            "inet" | "cidr" => text(format!("10.0.0.{}", number % 256)),
            "int4range" => text(format!("[{number},{})", number + 1)),
            _ => None,
        },
    }
}
