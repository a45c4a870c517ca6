//! The types of a row that is created, and with it the rows that it refers to and those that refer to it.

use async_graphql::dynamic::{InputObject, InputValue, TypeRef};

use super::build::{Builder, column_input};
use crate::model::{Cardinality, ColumnId, Join, Model, Nesting, Relation, Table, Writing};

/// Registers `TaskCreateInput`, and for each table whose rows can be created with a row of this one the type of them
/// that lacks what the row says.
pub(super) fn register(schema: &mut Builder, model: &Model, table: &Table) {
    let name = &table.names.type_name;
    schema.register(input(model, table, &format!("{name}CreateInput"), &[], &format!("A new `{name}`.")));
    for relation in &table.relations {
        let Nesting::Children(input_name) = &relation.nesting else { continue };
        let target = model.table(relation.target);
        let filled: Vec<ColumnId> = pairs(relation).iter().map(|(_, theirs)| *theirs).collect();
        let description = format!("A new `{}`, for the `{name}` that is created with it.", target.names.type_name);
        schema.register(input(model, target, input_name, &filled, &description));
    }
}

fn pairs(relation: &Relation) -> &[(ColumnId, ColumnId)] {
    match &relation.join {
        Join::Columns(pairs) => pairs,
        Join::Through(_) => &[],
    }
}

/// The input type of a new row whose columns `filled` are known.
fn input(model: &Model, table: &Table, name: &str, filled: &[ColumnId], description: &str) -> InputObject {
    let own = |relation: &Relation, id: ColumnId| pairs(relation).iter().any(|(own, _)| *own == id);
    let known = |relation: &Relation| filled.iter().any(|id| own(relation, *id));
    let parents = table.relations.iter().filter(|relation| relation.nesting == Nesting::Parent && !known(relation));
    let parents: Vec<&Relation> = parents.collect();
    let columns = table.columns().filter(|(id, column)| column.writing == Writing::Free && !filled.contains(id));
    let mut fields: Vec<InputValue> = columns
        .map(|(id, column)| {
            let named_otherwise = parents.iter().any(|relation| own(relation, id));
            column_input(model, column, column.not_null && !column.has_default && !named_otherwise)
        })
        .collect();
    fields.extend(parents.into_iter().map(|relation| parent(model, table, relation)));
    fields.extend(table.relations.iter().filter_map(|relation| children(model, relation)));
    if fields.is_empty() {
        // GraphQL has no input without fields.
        let nothing = InputValue::new("nothing", TypeRef::named("Boolean"));
        fields.push(nothing.description("No column can be written."));
    }
    fields.into_iter().fold(InputObject::new(name).description(description), InputObject::field)
}

fn parent(model: &Model, table: &Table, relation: &Relation) -> InputValue {
    let target = &model.table(relation.target).names.type_name;
    let columns = pairs(relation).iter().map(|(own, _)| format!("`{}`", table.column(*own).field));
    let description =
        format!("A new `{target}` to refer to, instead of {}.", columns.collect::<Vec<_>>().join(" and "));
    InputValue::new(&relation.field, TypeRef::named(format!("{target}CreateInput"))).description(description)
}

fn children(model: &Model, relation: &Relation) -> Option<InputValue> {
    let Nesting::Children(input_name) = &relation.nesting else { return None };
    let target = &model.table(relation.target).names.type_name;
    let (ty, what) = match relation.cardinality {
        Cardinality::One { .. } => (TypeRef::named(input_name), "A new"),
        Cardinality::Many => (TypeRef::named_nn_list(input_name), "New"),
    };
    let description = format!("{what} `{target}` that will refer to this row.");
    Some(InputValue::new(&relation.field, ty).description(description))
}
