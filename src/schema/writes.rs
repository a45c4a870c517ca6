//! The types for writing a table with a primary key: create, put, patch and delete, of one row or of several.

use async_graphql::dynamic::{Field, InputObject, InputValue, Object, TypeRef};

use super::build::{Builder, column_input, constant, key_arguments};
use super::creates;
use super::meaning::{BatchField, Meaning};
use super::operations::Operation;
use crate::model::{Model, Table, TableId, Writing};

pub(super) fn register(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    creates::register(schema, model, table);
    inputs(schema, model, table);
    batch(schema, table);
    one(schema, model, id, table);
    several(schema, id, table);
}

/// `TaskCreateInput!`
fn input(table: &Table, kind: &str) -> TypeRef {
    TypeRef::named_nn(format!("{}{kind}Input", table.names.type_name))
}

fn one(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    let name = &table.names.type_name;
    let create = constant(&format!("create{name}"), TypeRef::named_nn(name))
        .description(format!("Adds a `{name}`."))
        .argument(InputValue::new(&table.names.one, input(table, "Create")));
    schema.mutation(create, &format!("create{name}"), Meaning::Create(id));
    if table.is_put() {
        put_one(schema, id, table);
    }
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
    patch = changes(patch, table).argument(condition(table));
    schema.mutation(patch, &format!("patch{name}"), Meaning::Patch(id));
    schema.mutation(delete.argument(condition(table)), &format!("delete{name}"), Meaning::Delete(id));
}

fn put_one(schema: &mut Builder, id: TableId, table: &Table) {
    let name = &table.names.type_name;
    let put = constant(&format!("put{name}"), TypeRef::named_nn(name))
        .description(format!("Adds the `{name}`, or replaces the whole of the one with its key: a column that is left out gets its default, or null."))
        .argument(InputValue::new(&table.names.one, input(table, "Put")))
        .argument(condition(table));
    schema.mutation(put, &format!("put{name}"), Meaning::Put(id));
    for (index, unique) in table.unique_keys.iter().enumerate() {
        let columns: Vec<String> = unique.columns.iter().map(|id| format!("`{}`", table.column(*id).field)).collect();
        let columns = columns.join(" and ");
        let put = constant(&unique.put_field(), TypeRef::named_nn(name))
            .description(format!("Adds the `{name}`, or replaces the whole of the one with this {columns}, which must be given: a column that is left out gets its default, or null; only the key stays unless it is given."))
            .argument(InputValue::new(&table.names.one, input(table, "Create")))
            .argument(condition(table));
        schema.mutation(put, &unique.put_field(), Meaning::PutByUnique(id, index));
    }
}

/// `ifMatch`
fn condition(table: &Table) -> InputValue {
    InputValue::new("ifMatch", TypeRef::named(format!("{}Filter", table.names.type_name))).description(
        "Only if the row passes this, such as the version that the client saw; if not, nothing is written and the \
         error is `CONFLICT`.",
    )
}

/// The arguments that say what to change.
fn changes(mut field: Field, table: &Table) -> Field {
    let patch = InputValue::new("patch", TypeRef::named(format!("{}PatchInput", table.names.type_name)));
    field = field.argument(patch.description("Columns and their new values."));
    for operation in Operation::ALL {
        if operation.columns(table).next().is_some() {
            let ty = TypeRef::named(operation.input_name(table));
            field = field.argument(InputValue::new(operation.argument(), ty));
        }
    }
    field
}

fn several(schema: &mut Builder, id: TableId, table: &Table) {
    let (name, several) = (&table.names.type_name, table.names.several());
    let field = |verb: &str, description: String| -> Field {
        constant(&format!("{verb}{several}"), TypeRef::named_nn(format!("{name}Batch"))).description(description)
    };
    let list = |kind: &str| InputValue::new(&table.names.many, TypeRef::named_nn_list_nn(format!("{name}{kind}Input")));
    let filter = || {
        InputValue::new("where", TypeRef::named_nn(format!("{name}Filter")))
            .description("Which rows. A filter that holds for every row, whatever is in it, is refused.")
    };
    let create = field("create", format!("Adds several `{name}`: all of them or none.")).argument(list("Create"));
    schema.mutation(create, &format!("create{several}"), Meaning::CreateRows(id));
    if table.is_put() {
        let put = field("put", format!("Adds or replaces several `{name}`, each by its key: all of them or none."));
        schema.mutation(put.argument(list("Put")), &format!("put{several}"), Meaning::PutRows(id));
    }
    let patch =
        field("patch", format!("Changes the parts that are given of every `{name}` that matches.")).argument(filter());
    schema.mutation(changes(patch, table), &format!("patch{several}"), Meaning::PatchRows(id));
    let delete = field("delete", format!("Removes every `{name}` that matches, and returns them as they were."));
    schema.mutation(delete.argument(filter()), &format!("delete{several}"), Meaning::DeleteRows(id));
}

fn batch(schema: &mut Builder, table: &Table) {
    let row = &table.names.type_name;
    let name = format!("{row}Batch");
    let count = constant("count", TypeRef::named_nn("Int")).description("How many.");
    let nodes = constant("nodes", TypeRef::named_nn_list_nn(row)).description(
        "The rows, in the order given or else by their key. Where they are more than a list may have, nothing is \
         written and the error says so.",
    );
    schema.note(&name, "count", Meaning::Batch(BatchField::Count));
    schema.note(&name, "nodes", Meaning::Batch(BatchField::Nodes));
    let batch = Object::new(&name).description(format!("Several `{row}` that were written together."));
    schema.register(batch.field(count).field(nodes));
}

fn inputs(schema: &mut Builder, model: &Model, table: &Table) {
    let name = &table.names.type_name;
    let mut put = InputObject::new(format!("{name}PutInput")).description(format!("A whole `{name}`, with its key."));
    let mut patch = InputObject::new(format!("{name}PatchInput")).description(format!("Parts of a `{name}`."));
    for (id, column) in table.columns() {
        let needed = column.not_null && !column.has_default;
        if column.writing == Writing::Free {
            patch = patch.field(column_input(model, column, false));
        }
        if column.writing != Writing::Generated {
            put = put.field(column_input(model, column, needed || table.key.contains(&id)));
        }
    }
    for operation in Operation::ALL {
        if let Some(input) = operation.input(model, table) {
            schema.register(input);
        }
    }
    // GraphQL has no input without fields; such a table has nothing that a client could write.
    let empty = |input: InputObject| {
        input.field(InputValue::new("nothing", TypeRef::named("Boolean")).description("No column can be written."))
    };
    let writable = table.columns().any(|(_, column)| column.writing == Writing::Free);
    if table.is_put() {
        schema.register(put);
    }
    schema.register(if writable { patch } else { empty(patch) });
}
