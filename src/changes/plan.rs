//! Reads what a subscription's operation asks for. Pure; refuses early what cannot be followed.

use super::follow::{ChangeField, ChangeSelections, EnvelopeField, Follow, Rows};
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::filter::Filter;
use crate::input::{self, Input};
use crate::model::{Table, TableId, Writing};
use crate::operation::{Children, Field, Variables};
use crate::schema::{self, Meaning, Schema};
use crate::selection::{RowField, RowSelection};
use crate::sequence::Sequence;

/// How many fields for tables one `sync` may have: each is one more part of its starting copy's statement, and one
/// more judgement of each change of its table.
const MOST_TABLES: usize = 20;

/// What to follow, and the position to go on from, if one is given.
///
/// # Errors
/// What cannot be followed, at the field concerned.
pub fn plan(
    schema: &Schema,
    caller: &Caller,
    fields: &[Field],
    variables: &Variables,
) -> Result<(Follow, Option<Sequence>), Error> {
    // @skip and @include can leave any number of fields: https://spec.graphql.org/September2025/#sec-Single-Root-Field
    let [field] = fields else {
        return Err(Error::new(Code::Validation, "a subscription selects exactly one root field"));
    };
    read(schema, caller, field, variables).map_err(|error| error.at(&field.key))
}

fn read(
    schema: &Schema,
    caller: &Caller,
    field: &Field,
    variables: &Variables,
) -> Result<(Follow, Option<Sequence>), Error> {
    let changes_of = |id| format!("{}Changes", schema.model.table(id).names.type_name);
    let (rows, type_name) = match field.meaning {
        Meaning::FollowRow(id) => (vec![row_by_key(schema, field, id, variables)?], changes_of(id)),
        Meaning::FollowRows(id) => (vec![rows_that_match(schema, field, id, variables)?], changes_of(id)),
        // Each table's field adds its own.
        Meaning::Sync => (Vec::new(), "Sync".to_owned()),
        _ => return Err(Error::new(Code::Validation, format!("`{}` cannot be followed", field.name))),
    };
    let since = match field.argument(schema, "since", variables)? {
        Some(Input::String(text)) => Some(text.parse().map_err(|()| {
            let message = format!("{text:?} is not a Sequence: give one exactly as a message of a subscription had it");
            Error::new(Code::BadUserInput, message)
        })?),
        _ => None,
    };
    let mut follow =
        Follow { caller: caller.clone(), rows, root_key: field.key.clone(), type_name, envelope: Vec::new() };
    for inner in field.fields() {
        let content = envelope_field(schema, inner, variables, &mut follow.rows)?;
        follow.envelope.push((inner.key.clone(), content));
    }
    match follow.rows.len() {
        0 => {
            Err(Error::new(Code::Validation, format!("`{}` selects no table: there is nothing to follow", field.name)))
        }
        1..=MOST_TABLES => Ok((follow, since)),
        _ => {
            let message = format!("`{}` follows at most {MOST_TABLES} fields for tables at a time", field.name);
            Err(Error::new(Code::TablesLimit, message))
        }
    }
}

fn row_by_key(schema: &Schema, field: &Field, id: TableId, variables: &Variables) -> Result<Rows, Error> {
    let table = schema.model.table(id);
    let mut pairs = Vec::with_capacity(table.key.len());
    for id in &table.key {
        let column = table.column(*id);
        let missing = || Error::new(Code::BadUserInput, format!("argument `{}` is required", column.field));
        let input = field.argument(schema, &column.field, variables)?.ok_or_else(missing)?;
        pairs.push((*id, input::to_text(&schema.model, &column.kind, &input)?.ok_or_else(missing)?));
    }
    Ok(Rows { table: id, filter: Filter::key(pairs) })
}

fn rows_that_match(schema: &Schema, field: &Field, id: TableId, variables: &Variables) -> Result<Rows, Error> {
    let filter = match field.argument(schema, "where", variables)? {
        None | Some(Input::Null) => Filter::everything(),
        Some(input) => Filter::read(&schema.model, schema.model.table(id), &input)?,
    };
    Ok(Rows { table: id, filter })
}

fn envelope_field(
    schema: &Schema,
    field: &Field,
    variables: &Variables,
    rows: &mut Vec<Rows>,
) -> Result<EnvelopeField, Error> {
    let meaning = match field.meaning {
        Meaning::Envelope(meaning) => meaning,
        Meaning::SyncRows(id) => {
            let selections = change_selections(schema.model.table(id), field)?;
            rows.push(rows_that_match(schema, field, id, variables)?);
            return Ok(EnvelopeField::Changes(rows.len() - 1, selections));
        }
        _ => return typename(field).map(|()| EnvelopeField::Typename),
    };
    Ok(match meaning {
        schema::EnvelopeField::Sequence => EnvelopeField::Sequence,
        schema::EnvelopeField::Previous => EnvelopeField::Previous,
        schema::EnvelopeField::Reset => EnvelopeField::Reset,
        schema::EnvelopeField::More => EnvelopeField::More,
        schema::EnvelopeField::Transaction => EnvelopeField::Transaction,
        schema::EnvelopeField::CommittedAt => EnvelopeField::CommittedAt,
        schema::EnvelopeField::Changes(id) => {
            EnvelopeField::Changes(0, change_selections(schema.model.table(id), field)?)
        }
    })
}

fn change_selections(table: &Table, field: &Field) -> Result<ChangeSelections, Error> {
    let mut selections = ChangeSelections::default();
    let Children::Abstract(types) = &field.children else { return Ok(selections) };
    for (type_name, fields) in types {
        let fields = fields.iter().map(|field| Ok((field.key.clone(), change_field(table, field)?)));
        let fields = fields.collect::<Result<Vec<_>, Error>>()?;
        match type_name.strip_prefix(table.names.type_name.as_str()) {
            Some("Put") => selections.put = fields,
            Some("Patch") => selections.patch = fields,
            Some("Delete") => selections.delete = fields,
            _ => return Err(Error::new(Code::Internal, format!("`{type_name}` is no kind of change"))),
        }
    }
    Ok(selections)
}

fn change_field(table: &Table, field: &Field) -> Result<ChangeField, Error> {
    let Meaning::Change(meaning) = field.meaning else { return typename(field).map(|()| ChangeField::Typename) };
    Ok(match meaning {
        schema::ChangeField::Op => ChangeField::Op,
        schema::ChangeField::Sequence => ChangeField::Sequence,
        schema::ChangeField::Key => ChangeField::Key(row_selection(table, field)?),
        schema::ChangeField::Row => ChangeField::Row(row_selection(table, field)?),
        schema::ChangeField::Changed => ChangeField::Changed,
        schema::ChangeField::PatchValues => ChangeField::PatchValues(row_selection(table, field)?),
    })
}

fn row_selection(table: &Table, field: &Field) -> Result<RowSelection, Error> {
    let mut selection = RowSelection::default();
    for inner in field.fields() {
        let content = match inner.meaning {
            Meaning::Column(id) if table.column(id).writing == Writing::Generated => {
                let message = format!("`{}` is computed by Postgres and not in its log: leave it out", inner.name);
                return Err(Error::new(Code::Unsupported, message));
            }
            Meaning::Column(id) => match inner.value_selection()? {
                Some(parts) => RowField::Composite(id, parts),
                None => RowField::Column(id),
            },
            Meaning::Relation(_) | Meaning::RelatedAggregates(_) => {
                let message = format!(
                    "`{}` is a relation: in a subscription `{}` offers its columns. Follow both tables with `sync`, in \
                     which each is a field of one subscription",
                    inner.name, table.names.type_name
                );
                return Err(Error::new(Code::Unsupported, message));
            }
            Meaning::Call(_) => {
                let message = format!(
                    "`{}` is a function of the database: in a subscription `{}` offers its columns. Query it when the row \
                     has changed",
                    inner.name, table.names.type_name
                );
                return Err(Error::new(Code::Unsupported, message));
            }
            _ => typename(inner).map(|()| RowField::Typename)?,
        };
        selection.fields.push((inner.key.clone(), content));
    }
    Ok(selection)
}

/// What is left where all other meanings have been dealt with.
fn typename(field: &Field) -> Result<(), Error> {
    match field.meaning {
        Meaning::Typename => Ok(()),
        _ => Err(Error::new(Code::Internal, format!("`{}` has no place in a subscription", field.name))),
    }
}
