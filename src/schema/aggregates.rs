//! The types for what several rows of a table come to: counts, sums, averages, the least and the greatest, as a whole or
//! by groups.

use async_graphql::dynamic::{Enum, EnumItem, Field, InputValue, Object, TypeRef};

use super::build::{Builder, constant};
use super::meaning::{AggregateField, Meaning};
use super::scalars::value_type;
use crate::model::{Aggregate, Column, ColumnId, Kind, Model, Table, TableId};

pub(super) fn register(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    let row = &table.names.type_name;
    let columns = table.columns().map(|(_, column)| EnumItem::new(&column.field));
    schema.register(Enum::new(format!("{row}Column")).description(format!("The columns of `{row}`.")).items(columns));
    let name = format!("{row}Aggregate");
    let mut object = Object::new(&name).description(format!("What several `{row}` come to."));
    let mut field = |schema: &mut Builder, field: &str, ty: TypeRef, meaning: AggregateField, description: &str| {
        schema.note(&name, field, Meaning::Aggregate(meaning));
        object = std::mem::replace(&mut object, Object::new("")).field(constant(field, ty).description(description));
    };
    let nullable = |_: ColumnId, column: &Column| Some(value_type(model, &column.kind, false));
    parts(
        schema,
        table,
        "Group",
        "The values that the rows of a group have in common; null for all other columns.",
        nullable,
    );
    field(
        schema,
        "key",
        TypeRef::named(format!("{row}Group")),
        AggregateField::Key,
        "Which group; null if there are no groups.",
    );
    let count = "How many rows. Beyond 2^31 − 1, where GraphQL's `Int` ends, the number comes all the same, as it is.";
    field(schema, "count", TypeRef::named_nn("Int"), AggregateField::Count, count);
    let number = |_: ColumnId, _: &Column| Some(TypeRef::named_nn("Int"));
    parts(schema, table, "CountDistinct", "How many different values a column has, NULL not counted.", number);
    let ty = TypeRef::named_nn(format!("{row}CountDistinct"));
    field(schema, "countDistinct", ty, AggregateField::CountDistinct, "How many different values.");
    for aggregate in Aggregate::ALL {
        let (name, description) = match aggregate {
            Aggregate::Sum => ("sum", "The values added up."),
            Aggregate::Average => ("avg", "The average of the values."),
            Aggregate::Min => ("min", "The least of the values."),
            Aggregate::Max => ("max", "The greatest of the values."),
        };
        let suffix = AggregateField::Of(aggregate).suffix();
        let result = |_: ColumnId, column: &Column| {
            let kind: Kind = aggregate.result(&column.kind)?;
            Some(value_type(model, &kind, false))
        };
        let parts_description = format!("{description} NULL is left out; null if there are no others.");
        if parts(schema, table, suffix, &parts_description, result) {
            let ty = TypeRef::named_nn(format!("{row}{suffix}"));
            field(schema, name, ty, AggregateField::Of(aggregate), description);
        }
    }
    schema.register(object);
    let list = aggregates(&table.names.aggregate(), table)
        .description(format!("What every `{row}` that matches comes to: one element, or one for each group."));
    schema.query(list, &table.names.aggregate(), Meaning::Aggregates(id));
}

/// Registers an object with a field for each column that has a type in it; gives whether there is any.
fn parts(
    schema: &mut Builder,
    table: &Table,
    suffix: &str,
    description: &str,
    ty: impl Fn(ColumnId, &Column) -> Option<TypeRef>,
) -> bool {
    let name = format!("{}{suffix}", table.names.type_name);
    let mut object = Object::new(&name).description(description);
    let mut is_empty = true;
    for (id, column) in table.columns() {
        if let Some(ty) = ty(id, column) {
            schema.note(&name, &column.field, Meaning::Column(id));
            object = object.field(constant(&column.field, ty));
            is_empty = false;
        }
    }
    if !is_empty {
        schema.register(object);
    }
    !is_empty
}

/// A field that gives the aggregates of rows of this table.
pub(super) fn aggregates(field: &str, table: &Table) -> Field {
    let row = &table.names.type_name;
    let argument = |name: &str, ty: TypeRef, text: &str| InputValue::new(name, ty).description(text);
    constant(field, TypeRef::named_nn_list_nn(format!("{row}Aggregate")))
        .argument(argument("where", TypeRef::named(format!("{row}Filter")), "Which rows."))
        .argument(argument(
            "groupBy",
            TypeRef::named_nn_list(format!("{row}Column")),
            "One element for the rows that are equal in these columns, in the order of their values; one for all if not given.",
        ))
        .argument(argument("first", TypeRef::named("Int"), "So many groups from the start."))
        .argument(argument("offset", TypeRef::named("Int"), "Leave out so many groups first."))
}
