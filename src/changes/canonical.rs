//! Which filters are the same? Brings the operands of a filter into the one form that the log has for their
//! values, so that they can be compared and looked up, and equal filters are equal however they were written.

use sqlx::{AssertSqlSafe, PgPool, Row as _};

use super::copy::refused;
use crate::error::Error;
use crate::filter::{Filter, judge};
use crate::model::{Kind, Model, Table};
use crate::sql::{QualifiedName, Statement, array_literal};

/// Brings the filter into canonical form. Asks the database only about operands that it alone can bring there.
pub(super) async fn canonical(pool: &PgPool, model: &Model, table: &Table, filter: &mut Filter) -> Result<(), Error> {
    let mut open: Vec<(QualifiedName, Vec<String>)> = Vec::new();
    filter.operands_mut(model, table, &mut |column, operand| match local(&column.kind, operand) {
        Some(text) => *operand = text,
        None => match open.iter_mut().find(|(other, _)| *other == column.base_type) {
            Some((_, operands)) => operands.push(operand.clone()),
            None => open.push((column.base_type.clone(), vec![operand.clone()])),
        },
    });
    if open.is_empty() {
        return Ok(());
    }
    let mut answers = ask(pool, &open).await?;
    filter.operands_mut(model, table, &mut |column, operand| {
        if local(&column.kind, operand).is_none()
            && let Some(at) = open.iter().position(|(other, _)| *other == column.base_type)
            && let Some(text) = answers[at].next()
        {
            *operand = text;
        }
    });
    Ok(())
}

/// The canonical form where it is known without the database.
fn local(kind: &Kind, operand: &str) -> Option<String> {
    match kind {
        Kind::Int | Kind::BigInt => {
            Some(operand.parse::<i64>().map_or_else(|_| operand.to_owned(), |number| number.to_string()))
        }
        Kind::Boolean => Some(if matches!(operand, "t" | "true") { "t" } else { "f" }.to_owned()),
        Kind::Uuid => is_uuid(operand).then(|| operand.to_ascii_lowercase()),
        other => (!judge::needs_canonical(other)).then(|| operand.to_owned()),
    }
}

/// Eight, four, four, four and twelve hexadecimal digits: Postgres knows more ways to write one.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The values of these types as they are put out.
async fn ask(pool: &PgPool, open: &[(QualifiedName, Vec<String>)]) -> Result<Vec<std::vec::IntoIter<String>>, Error> {
    let mut sql = Statement::new();
    for (index, (sql_type, operands)) in open.iter().enumerate() {
        sql.keyword(if index == 0 { "SELECT " } else { ", " });
        // By the output function, as the log has values: a cast to text is another thing for some types.
        sql.keyword("ARRAY(SELECT pg_catalog.concat(o.operand::").qualified(sql_type);
        sql.keyword(") FROM pg_catalog.unnest(");
        let literal = array_literal(operands.iter().map(|operand| Some(operand.as_str())));
        sql.bind(Some(literal), &QualifiedName::builtin("_text"));
        sql.keyword(") WITH ORDINALITY AS o(operand, place) ORDER BY o.place)");
    }
    let mut query = sqlx::query(AssertSqlSafe(sql.text));
    for bind in sql.binds {
        query = query.bind(bind);
    }
    let row = query.fetch_one(pool).await.map_err(|error| refused(&error))?;
    let lists = (0..open.len()).map(|index| row.try_get::<Vec<String>, _>(index).map(Vec::into_iter));
    lists.collect::<Result<_, _>>().map_err(|error| refused(&error))
}
