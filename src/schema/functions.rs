//! The fields for calling functions, and the types of what only they give.

use async_graphql::dynamic::{Field, InputValue, Object, TypeRef};

use super::build::{Builder, constant};
use super::meaning::Meaning;
use super::rows::{columns, list_arguments};
use super::scalars::{input_type, value_type};
use crate::model::{Absence, Effect, Function, FunctionId, Model, Returned, TableId};

/// The fields of the roots; those of rows stand with the rows.
pub(super) fn register(schema: &mut Builder, model: &Model) {
    for (id, function) in model.functions() {
        if let Returned::Record(table) = &function.returned {
            let text = format!("What `{}` gives.", function.field);
            let object = columns(schema, model, table, Object::new(&table.names.type_name).description(text));
            schema.register(object);
        }
        let meaning = Meaning::Call(id);
        match (function.of, function.effect) {
            (Some(_), _) => {}
            (None, Effect::Reads) => schema.query(field(model, function), &function.field, meaning),
            (None, Effect::MayWrite) => schema.mutation(field(model, function), &function.field, meaning),
        }
    }
}

/// The fields of the rows of a table.
pub(super) fn of_table(model: &Model, table: TableId) -> impl Iterator<Item = (FunctionId, &Function)> {
    model.functions().filter(move |(_, function)| function.of == Some(table))
}

/// The field that calls it.
pub(super) fn field(model: &Model, function: &Function) -> Field {
    let mut field = constant(&function.field, returned(model, function));
    if function.many {
        field = match &function.returned {
            Returned::Row(table) => list_arguments(field, model, model.table(*table)),
            Returned::Nothing | Returned::Value(_) | Returned::Record(_) => field
                .argument(InputValue::new("first", TypeRef::named("Int")).description("So many from the start."))
                .argument(InputValue::new("offset", TypeRef::named("Int")).description("Leave out so many first.")),
        };
    }
    for argument in &function.arguments {
        let required = match argument.absence {
            Absence::Refused => true,
            Absence::Null | Absence::Default => false,
        };
        let value = InputValue::new(&argument.field, input_type(model, &argument.kind, required));
        field = field.argument(match argument.absence {
            Absence::Default => value.description("The function's own default if it is left out."),
            Absence::Refused | Absence::Null => value,
        });
    }
    let derived = || format!("What the function `{}` gives.", function.sql.name);
    field.description(function.comment.clone().unwrap_or_else(derived))
}

fn returned(model: &Model, function: &Function) -> TypeRef {
    let several = |ty: TypeRef| TypeRef::NonNull(Box::new(TypeRef::List(Box::new(ty))));
    match (&function.returned, function.many) {
        (Returned::Nothing, _) => TypeRef::named("Boolean"),
        (Returned::Value(kind), false) => value_type(model, kind, false),
        (Returned::Value(kind), true) => several(value_type(model, kind, false)),
        (Returned::Row(table), false) => TypeRef::named(&model.table(*table).names.type_name),
        (Returned::Row(table), true) => TypeRef::named_nn(format!("{}Connection", model.table(*table).names.type_name)),
        (Returned::Record(table), false) => TypeRef::named(&table.names.type_name),
        (Returned::Record(table), true) => several(TypeRef::named_nn(&table.names.type_name)),
    }
}
