//! Sends the statements of a plan and puts the answer together from the bytes that come back.

use std::collections::HashMap;

use bytes::Bytes;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use super::database::public_error;
use super::plan::{self, Limits, Plan, Source, Work};
use super::write::{Refusal, Repetition, Step};
use crate::error::{Code, Error};
use crate::operation::{Document, Kind, Variables};
use crate::schema::{Question, Schema};
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
            Work::Mutation(steps) => self.mutation(steps).await,
        };
        let introspected = if plan.fields.iter().any(|(_, source)| *source == Source::Introspection) {
            introspect(schema, document, variables).await
        } else {
            Ok(HashMap::new())
        };
        match (results, introspected) {
            (Ok(results), Ok(introspected)) => Answer {
                data: Some(assemble(&plan, &results, &introspected)),
                errors: Vec::new(),
                transaction: results.transaction,
                executed: true,
            },
            (Err(Failure { cause, at }), _) => {
                let error = match cause {
                    Cause::Database(error) => public_error(&schema.model, &error),
                    Cause::Refused(refusal) => refusal.error(self.limits.max_rows),
                };
                let key = at.and_then(|at| result_key(&plan, at));
                Answer::failed(self.in_time(match key {
                    Some(key) => error.at(key),
                    None => error,
                }))
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
        let failed = |error: sqlx::Error| Failure { cause: error.into(), at };
        let row = self.fetch_one(statement, Repetition::Usual).await.map_err(failed)?;
        let values = (0..row.len()).map(|index| text(&row, index)).collect::<Result<_, _>>();
        Ok(Results { values: values.map_err(failed)?, transaction: None })
    }

    async fn mutation(&self, steps: &[Step]) -> Result<Results, Failure> {
        // One statement is a transaction of its own and needs no BEGIN.
        if let [Step { write, read: None, repetition }] = steps {
            let failed = |cause: Cause| Failure { cause, at: Some(0) };
            let row = self.fetch_one(write, *repetition).await.map_err(|error| failed(error.into()))?;
            let Done { mut answer, transaction } = Done::read(&row).map_err(failed)?;
            return Ok(Results { values: vec![answer.remove(0)], transaction });
        }
        let unplaced = |error: sqlx::Error| Failure { cause: error.into(), at: None };
        let mut connection = self.pool.acquire().await.map_err(unplaced)?;
        match transaction(&mut connection, steps).await {
            Err(Failure { cause: Cause::Database(error), .. }) if is_stale_plan(&error) => {
                connection.clear_cached_statements().await.map_err(unplaced)?;
                transaction(&mut connection, steps).await
            }
            results => results,
        }
    }

    /// The one row of a statement. If the database was altered under a prepared statement it is prepared anew, once:
    /// the old one was refused before it did anything.
    async fn fetch_one(&self, statement: &Statement, repetition: Repetition) -> Result<PgRow, sqlx::Error> {
        match run(statement, repetition).fetch_one(&self.pool).await {
            Err(error) if is_stale_plan(&error) => {
                let mut connection = self.pool.acquire().await?;
                connection.clear_cached_statements().await?;
                run(statement, repetition).fetch_one(&mut *connection).await
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
    let unplaced = |error: sqlx::Error| Failure { cause: error.into(), at: None };
    let mut transaction = connection.begin().await.map_err(unplaced)?;
    let mut results = Results { values: Vec::new(), transaction: None };
    for (index, step) in steps.iter().enumerate() {
        let done = execute_step(&mut transaction, step).await;
        let (value, id) = done.map_err(|cause| Failure { cause, at: Some(index) })?;
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

/// What failed, at one of the plan's results if it is known at which.
struct Failure {
    cause: Cause,
    at: Option<usize>,
}

/// Why nothing was done.
enum Cause {
    /// The database could not or would not.
    Database(sqlx::Error),
    /// The statement itself found a reason.
    Refused(Refusal),
}

impl From<sqlx::Error> for Cause {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

fn result_key(plan: &Plan, at: usize) -> Option<&str> {
    plan.fields.iter().find(|(_, source)| *source == Source::Result(at)).map(|(key, _)| key.as_str())
}

fn run(statement: &Statement, repetition: Repetition) -> sqlx::query::Query<'_, sqlx::Postgres, PgArguments> {
    let query = run_with(statement, statement.binds.iter().map(Option::as_deref));
    query.persistent(repetition == Repetition::Usual)
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

/// What a step's first statement gave.
struct Done {
    /// A JSON text, or the keys of what is to be read; NULL where there is none.
    answer: Vec<Option<String>>,
    transaction: Option<String>,
}

impl Done {
    fn read(row: &PgRow) -> Result<Self, Cause> {
        let mut columns = (0..row.len()).map(|index| text(row, index)).collect::<Result<Vec<_>, _>>()?;
        if let Some(refusal) = columns.pop().flatten().as_deref().and_then(Refusal::of_word) {
            return Err(Cause::Refused(refusal));
        }
        let transaction = columns.pop().flatten();
        Ok(Self { answer: columns, transaction })
    }
}

/// Gives the step's JSON and the transaction.
async fn execute_step(connection: &mut PgConnection, step: &Step) -> Result<(Option<String>, Option<String>), Cause> {
    let row = run(&step.write, step.repetition).fetch_one(&mut *connection).await?;
    let Done { mut answer, transaction } = Done::read(&row)?;
    let Some(read) = &step.read else { return Ok((answer.remove(0), transaction)) };
    if answer.iter().all(Option::is_none) {
        return Ok((None, transaction));
    }
    let rest = read.binds.iter().skip(answer.len()).map(Option::as_deref);
    let read = run_with(read, answer.iter().map(Option::as_deref).chain(rest)).fetch_one(connection).await?;
    Ok((text(&read, 0)?, transaction))
}

async fn introspect(
    schema: &Schema,
    document: &Document,
    variables: &Variables,
) -> Result<HashMap<String, Bytes>, Error> {
    debug_assert_eq!(document.kind, Kind::Query);
    let answer = schema.introspect(Question {
        text: document.text(),
        operation: document.operation_name().map(str::to_owned),
        variables: variables.to_json().to_string(),
    });
    // The bytes are shared: only their places are copied.
    (*answer.await).clone().map_err(|message| Error::new(Code::Validation, message))
}

fn assemble(plan: &Plan, results: &Results, introspected: &HashMap<String, Bytes>) -> Bytes {
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
                let value = introspected.get(key).map_or(&b"null"[..], |json| json);
                data.extend_from_slice(value);
            }
        }
    }
    data.push(b'}');
    data.into()
}
