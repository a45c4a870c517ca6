//! Sends the statements of a plan and puts the answer together from the bytes that come back.

use bytes::Bytes;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use super::database::public_error;
use super::plan::{self, Limits, Plan, Source, Step, Work};
use crate::error::{Code, Error};
use crate::operation::{Document, Kind, Variables};
use crate::schema::Schema;
use crate::selection::write_string;
use crate::sql::Statement;

/// Queries and mutations, over one pool.
pub struct Requests {
    pool: PgPool,
    limits: Limits,
}

/// The answer to a query or a mutation.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// JSON text of `data`; none means `null`, and with `executed: false` no `data` entry at all.
    pub data: Option<Bytes>,
    /// What went wrong.
    pub errors: Vec<Error>,
    /// `extensions.transaction`: the mutation's transaction as the stream of changes will name it.
    pub transaction: Option<String>,
    /// False: the request was refused before anything ran (parse, validation, variables).
    pub executed: bool,
}

impl Answer {
    /// The answer to a request that was refused before anything ran.
    pub fn refused(errors: Vec<Error>) -> Self {
        Self { data: None, errors, transaction: None, executed: false }
    }

    /// The same for one reason.
    pub fn request_error(error: Error) -> Self {
        Self::refused(vec![error])
    }

    fn failed(error: Error) -> Self {
        Self { data: None, errors: vec![error], transaction: None, executed: true }
    }
}

/// What the database gave: a JSON text for each result of the plan; `None` is null.
struct Results {
    values: Vec<Option<String>>,
    transaction: Option<String>,
}

impl Requests {
    /// Over this pool (see [`super::connect`]).
    pub fn new(pool: PgPool, limits: Limits) -> Self {
        Self { pool, limits }
    }

    /// The pool, to ask whether the database is there.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Plans and executes a query or a mutation.
    pub async fn answer(&self, schema: &Schema, document: &Document, variables: &Variables) -> Answer {
        let planned = document.fields(variables).and_then(|fields| {
            plan::plan(schema, document.kind, document.root_type(), &fields, variables, self.limits)
        });
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => return Answer::request_error(error),
        };
        let results = match &plan.work {
            Work::Nothing => Ok(Results { values: Vec::new(), transaction: None }),
            Work::Query(statement) => self.query(statement, &plan).await,
            Work::Mutation(steps) => self.mutation(steps, &plan).await,
        };
        let introspected = if plan.fields.iter().any(|(_, source)| *source == Source::Introspection) {
            introspect(schema, document, variables).await
        } else {
            Ok(async_graphql::Value::Null)
        };
        match (results, introspected) {
            (Ok(results), Ok(introspected)) => Answer {
                data: Some(assemble(&plan, &results, &introspected)),
                errors: Vec::new(),
                transaction: results.transaction,
                executed: true,
            },
            (Err(Failure { error, at }), _) => {
                let key = at.and_then(|at| result_key(&plan, at));
                Answer::failed(self.in_time(error_at(&schema.model, &error, key)))
            }
            (_, Err(error)) => Answer::failed(error),
        }
    }

    /// Says how long a statement may take, where one took longer.
    fn in_time(&self, error: Error) -> Error {
        if error.code != Code::Timeout {
            return error;
        }
        let seconds = self.limits.statement_timeout.as_secs_f64();
        let message = format!("the statement took longer than {seconds} seconds (setting: --statement-timeout)");
        Error { message, ..error }
    }

    async fn query(&self, statement: &Statement, plan: &Plan) -> Result<Results, Failure> {
        let at = (plan.fields.len() == 1).then_some(0);
        let row = self.fetch_one(statement).await.map_err(|error| Failure { error, at })?;
        let values = (0..row.len()).map(|index| text(&row, index)).collect::<Result<_, _>>();
        Ok(Results { values: values.map_err(|error| Failure { error, at })?, transaction: None })
    }

    async fn mutation(&self, steps: &[Step], _plan: &Plan) -> Result<Results, Failure> {
        let failed = |at: usize| move |error: sqlx::Error| Failure { error, at: Some(at) };
        // One statement is a transaction of its own and needs no BEGIN.
        if let [Step::Whole(statement)] = steps {
            let row = self.fetch_one(statement).await.map_err(failed(0))?;
            let value = text(&row, 0).map_err(failed(0))?;
            return Ok(Results { values: vec![value], transaction: text(&row, 1).map_err(failed(0))? });
        }
        let acquired = self.pool.acquire().await;
        let mut connection = acquired.map_err(|error| Failure { error, at: None })?;
        match transaction(&mut connection, steps).await {
            Err(Failure { error, .. }) if is_stale_plan(&error) => {
                let cleared = connection.clear_cached_statements().await;
                cleared.map_err(|error| Failure { error, at: None })?;
                transaction(&mut connection, steps).await
            }
            results => results,
        }
    }

    /// The one row of a statement. If the database was altered under a prepared statement it is prepared anew, once:
    /// the old one was refused before it did anything.
    async fn fetch_one(&self, statement: &Statement) -> Result<PgRow, sqlx::Error> {
        match run(statement).fetch_one(&self.pool).await {
            Err(error) if is_stale_plan(&error) => {
                let mut connection = self.pool.acquire().await?;
                connection.clear_cached_statements().await?;
                run(statement).fetch_one(&mut *connection).await
            }
            row => row,
        }
    }
}

/// Postgres says `cached plan must not change result type`.
fn is_stale_plan(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("0A000"))
}

/// All steps or none.
async fn transaction(connection: &mut PgConnection, steps: &[Step]) -> Result<Results, Failure> {
    let unplaced = |error: sqlx::Error| Failure { error, at: None };
    let mut transaction = connection.begin().await.map_err(unplaced)?;
    let mut results = Results { values: Vec::new(), transaction: None };
    for (index, step) in steps.iter().enumerate() {
        let done = execute_step(&mut transaction, step).await;
        let (value, id) = done.map_err(|error| Failure { error, at: Some(index) })?;
        results.values.push(value);
        results.transaction = id.or(results.transaction);
    }
    if results.transaction.is_none() {
        // No step found a row. The answer names its transaction all the same, as that of one step does.
        let id = sqlx::query_scalar("SELECT pg_catalog.pg_current_xact_id()::text").fetch_one(&mut *transaction);
        results.transaction = id.await.map_err(unplaced)?;
    }
    transaction.commit().await.map_err(unplaced)?;
    Ok(results)
}

/// An error of the database, at one of the plan's results if it is known at which.
struct Failure {
    error: sqlx::Error,
    at: Option<usize>,
}

fn error_at(model: &crate::model::Model, error: &sqlx::Error, key: Option<&str>) -> Error {
    let public = public_error(model, error);
    match key {
        Some(key) => public.at(key),
        None => public,
    }
}

fn result_key(plan: &Plan, at: usize) -> Option<&str> {
    plan.fields.iter().find(|(_, source)| *source == Source::Result(at)).map(|(key, _)| key.as_str())
}

fn run(statement: &Statement) -> sqlx::query::Query<'_, sqlx::Postgres, PgArguments> {
    run_with(statement, statement.binds.iter().map(Option::as_deref))
}

fn run_with<'q, 'b>(
    statement: &'q Statement,
    binds: impl Iterator<Item = Option<&'b str>>,
) -> sqlx::query::Query<'q, sqlx::Postgres, PgArguments> {
    let mut arguments = PgArguments::default();
    for bind in binds {
        // Text always encodes; sqlx' signature is for types that may not.
        if let Err(error) = arguments.add(bind) {
            tracing::error!(%error, "a parameter could not be encoded");
        }
    }
    sqlx::query_with(AssertSqlSafe(statement.text.as_str()), arguments)
}

fn text(row: &PgRow, index: usize) -> Result<Option<String>, sqlx::Error> {
    row.try_get(index)
}

/// Gives the row's JSON and the transaction.
async fn execute_step(
    connection: &mut PgConnection,
    step: &Step,
) -> Result<(Option<String>, Option<String>), sqlx::Error> {
    match step {
        Step::Whole(statement) => {
            let row = run(statement).fetch_one(connection).await?;
            Ok((text(&row, 0)?, text(&row, 1)?))
        }
        Step::ThenRead { write, read } => {
            let Some(row) = run(write).fetch_optional(&mut *connection).await? else { return Ok((None, None)) };
            let key: Vec<Option<String>> =
                (0..row.len() - 1).map(|index| text(&row, index)).collect::<Result<_, _>>()?;
            let id = text(&row, row.len() - 1)?;
            let rest = read.binds.iter().skip(key.len()).map(Option::as_deref);
            let read = run_with(read, key.iter().map(Option::as_deref).chain(rest)).fetch_one(connection).await?;
            Ok((text(&read, 0)?, id))
        }
    }
}

async fn introspect(
    schema: &Schema,
    document: &Document,
    variables: &Variables,
) -> Result<async_graphql::Value, Error> {
    debug_assert_eq!(document.kind, Kind::Query);
    let response = schema.introspect(&document.text(), document.operation_name(), variables.to_json()).await;
    match response.errors.first() {
        None => Ok(response.data),
        Some(error) => Err(Error::new(Code::Validation, error.message.clone())),
    }
}

fn assemble(plan: &Plan, results: &Results, introspected: &async_graphql::Value) -> Bytes {
    let size: usize = results.values.iter().flatten().map(String::len).sum();
    let mut data = Vec::with_capacity(size + 64);
    data.push(b'{');
    for (index, (key, source)) in plan.fields.iter().enumerate() {
        if index > 0 {
            data.push(b',');
        }
        write_string(key, &mut data);
        data.push(b':');
        match source {
            Source::Constant(json) => data.extend_from_slice(json.as_bytes()),
            Source::Result(result) => {
                let value = results.values.get(*result).and_then(Option::as_deref);
                data.extend_from_slice(value.unwrap_or("null").as_bytes());
            }
            Source::Introspection => {
                let value = match introspected {
                    async_graphql::Value::Object(fields) => fields.get(key.as_str()),
                    _ => None,
                };
                let json = value.map(|value| serde_json::to_vec(value).unwrap_or_default());
                data.extend_from_slice(json.as_deref().unwrap_or(b"null"));
            }
        }
    }
    data.push(b'}');
    data.into()
}
