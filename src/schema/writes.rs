//! The types for writing a table with a primary key: create, put, patch and delete.

use async_graphql::dynamic::{InputObject, InputValue, TypeRef};

use super::build::{Builder, column_input, constant, key_arguments};
use super::meaning::Meaning;
use crate::model::{Model, Table, TableId, Writing};

pub(super) fn register(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    inputs(schema, model, table);
    let name = &table.names.type_name;
    let input = |kind: &str| TypeRef::named_nn(format!("{name}{kind}Input"));
    let create = constant(&format!("create{name}"), TypeRef::named_nn(name))
        .description(format!("Adds a `{name}`."))
        .argument(InputValue::new(&table.names.one, input("Create")));
    schema.mutation(create, &format!("create{name}"), Meaning::Create(id));
    let put = constant(&format!("put{name}"), TypeRef::named_nn(name))
        .description(format!("Adds the `{name}`, or replaces the whole of the one with its key: a column that is left out gets its default, or null."))
        .argument(InputValue::new(&table.names.one, input("Put")));
    schema.mutation(put, &format!("put{name}"), Meaning::Put(id));
    let mut patch = constant(&format!("patch{name}"), TypeRef::named(name)).description(format!(
        "Changes only the parts of a `{name}` that are given; null clears a part. Null if there is no such row."
    ));
    let mut delete = constant(&format!("delete{name}"), TypeRef::named(name))
        .description(format!("Removes a `{name}` and returns it as it was. Null if there is no such row."));
    for argument in key_arguments(model, table, &table.key) {
        patch = patch.argument(argument);
    }
    for argument in key_arguments(model, table, &table.key) {
        delete = delete.argument(argument);
    }
    patch = patch.argument(InputValue::new("patch", input("Patch")));
    schema.mutation(patch, &format!("patch{name}"), Meaning::Patch(id));
    schema.mutation(delete, &format!("delete{name}"), Meaning::Delete(id));
}

fn inputs(schema: &mut Builder, model: &Model, table: &Table) {
    let name = &table.names.type_name;
    let mut create = InputObject::new(format!("{name}CreateInput")).description(format!("A new `{name}`."));
    let mut put = InputObject::new(format!("{name}PutInput")).description(format!("A whole `{name}`, with its key."));
    let mut patch = InputObject::new(format!("{name}PatchInput")).description(format!("Parts of a `{name}`."));
    for (id, column) in table.columns() {
        let needed = column.not_null && !column.has_default;
        if column.writing == Writing::Free {
            create = create.field(column_input(model, column, needed));
            patch = patch.field(column_input(model, column, false));
        }
        if column.writing != Writing::Generated {
            put = put.field(column_input(model, column, needed || table.key.contains(&id)));
        }
    }
    // GraphQL has no input without fields; such a table has nothing that a client could write.
    let empty = |input: InputObject| {
        input.field(InputValue::new("nothing", TypeRef::named("Boolean")).description("No column can be written."))
    };
    let writable = table.columns().any(|(_, column)| column.writing == Writing::Free);
    schema.register(if writable { create } else { empty(create) });
    schema.register(put);
    schema.register(if writable { patch } else { empty(patch) });
}
