//! Reads what a subscription's operation asks for. Pure; refuses early what cannot be followed.

use super::follow::{ChangeField, ChangeSelections, EnvelopeField, Follow};
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::filter::Filter;
use crate::input::{self, Input};
use crate::model::{Table, Writing};
use crate::operation::{Children, Field, Variables};
use crate::schema::{self, Meaning, Schema};
use crate::selection::{RowField, RowSelection};
use crate::sequence::Sequence;

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
    let (id, filter) = match field.meaning {
        Meaning::FollowRow(id) => (id, key_filter(schema, field, schema.model.table(id), variables)?),
        Meaning::FollowRows(id) => {
            let filter = match field.argument(schema, "where", variables)? {
                None | Some(Input::Null) => Filter::everything(),
                Some(input) => Filter::read(&schema.model, schema.model.table(id), &input)?,
            };
            (id, filter)
        }
        _ => return Err(Error::new(Code::Validation, format!("`{}` cannot be followed", field.name))),
    };
    let since = match field.argument(schema, "since", variables)? {
        Some(Input::String(text)) => Some(text.parse().map_err(|()| {
            let message = format!("{text:?} is not a Sequence: give one exactly as a message of a subscription had it");
            Error::new(Code::BadUserInput, message)
        })?),
        _ => None,
    };
    let table = schema.model.table(id);
    let envelope = field.fields().iter().map(|field| Ok((field.key.clone(), envelope_field(table, field)?)));
    let follow = Follow {
        caller: caller.clone(),
        table: id,
        filter,
        root_key: field.key.clone(),
        envelope: envelope.collect::<Result<_, Error>>()?,
    };
    Ok((follow, since))
}

fn key_filter(schema: &Schema, field: &Field, table: &Table, variables: &Variables) -> Result<Filter, Error> {
    let mut pairs = Vec::with_capacity(table.key.len());
    for id in &table.key {
        let column = table.column(*id);
        let missing = || Error::new(Code::BadUserInput, format!("argument `{}` is required", column.field));
        let input = field.argument(schema, &column.field, variables)?.ok_or_else(missing)?;
        pairs.push((*id, input::to_text(&schema.model, &column.kind, &input)?.ok_or_else(missing)?));
    }
    Ok(Filter::key(pairs))
}

fn envelope_field(table: &Table, field: &Field) -> Result<EnvelopeField, Error> {
    let Meaning::Envelope(meaning) = field.meaning else { return typename(field).map(|()| EnvelopeField::Typename) };
    Ok(match meaning {
        schema::EnvelopeField::Sequence => EnvelopeField::Sequence,
        schema::EnvelopeField::Previous => EnvelopeField::Previous,
        schema::EnvelopeField::Reset => EnvelopeField::Reset,
        schema::EnvelopeField::More => EnvelopeField::More,
        schema::EnvelopeField::Transaction => EnvelopeField::Transaction,
        schema::EnvelopeField::CommittedAt => EnvelopeField::CommittedAt,
        schema::EnvelopeField::Changes => EnvelopeField::Changes(change_selections(table, field)?),
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
            Meaning::Column(id) => RowField::Column(id),
            Meaning::Relation(_) => {
                let message = format!(
                    "`{}` is a relation: in a subscription `{}` offers its columns. Follow the other table by a \
                     subscription of its own",
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
