//! The types for following tables with a primary key, one or several: the message of a commit and the changes in it.

use async_graphql::dynamic::{InputValue, Interface, InterfaceField, Object, TypeRef};

use super::build::{Builder, constant, key_arguments, stream};
use super::meaning::{ChangeField, EnvelopeField, Meaning};
use super::scalars::value_type;
use crate::model::{Model, Table, TableId};

pub(super) fn register(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    message(schema, id, table);
    key_and_values(schema, model, table);
    changes(schema, table);
    roots(schema, model, id, table);
}

/// What every message says beside its changes.
fn envelope(schema: &mut Builder, mut object: Object) -> Object {
    use EnvelopeField::{CommittedAt, More, Previous, Reset, Sequence, Transaction};
    let fields = [
        (
            "sequence",
            TypeRef::named_nn("Sequence"),
            Sequence,
            "The position of this message. Give the last one you applied as `since` to go on from there.",
        ),
        (
            "previous",
            TypeRef::named("Sequence"),
            Previous,
            "The position of the message before it in this stream. Greater than the position you hold: you missed a message.",
        ),
        (
            "reset",
            TypeRef::named("ResetReason"),
            Reset,
            "Not null: drop your copy, this message starts a new one; and why.",
        ),
        ("more", TypeRef::named_nn("Boolean"), More, "True: the next message continues this one; apply them together."),
        (
            "transaction",
            TypeRef::named("ID"),
            Transaction,
            "The commit's transaction, as given in `extensions.transaction` of the mutation that made it.",
        ),
        ("committedAt", TypeRef::named("DateTime"), CommittedAt, "When the transaction was committed."),
    ];
    for (field, ty, meaning, description) in fields {
        schema.note(object.type_name(), field, Meaning::Envelope(meaning));
        object = object.field(constant(field, ty).description(description));
    }
    object
}

fn message(schema: &mut Builder, id: TableId, table: &Table) {
    let row = &table.names.type_name;
    let name = format!("{row}Changes");
    let object = Object::new(&name).description(
        "One message: all that one commit changed in the rows that this subscription covers, or a part of its starting copy.",
    );
    let list = TypeRef::named_nn_list_nn(format!("{row}Change"));
    schema.note(&name, "changes", Meaning::Envelope(EnvelopeField::Changes(id)));
    let changes = constant("changes", list).description("The changes, in the order of the log.");
    let object = envelope(schema, object).field(changes);
    schema.register(object);
}

/// `sync`: the tables with a primary key, followed together.
pub(super) fn register_sync(schema: &mut Builder, model: &Model) {
    let object = Object::new("Sync").description(
        "One message: all that one commit changed in the rows that this subscription covers, table by table, or a part \
         of its starting copy, which is of one moment for all tables.",
    );
    let mut object = envelope(schema, object);
    for (id, table) in model.tables().filter(|(_, table)| table.is_followed()) {
        let names = &table.names;
        schema.note("Sync", &names.many, Meaning::SyncRows(id));
        let field = constant(&names.many, TypeRef::named_nn_list_nn(format!("{}Change", names.type_name)))
            .description(format!("The changes of every `{}` that matches, in the order of the log.", names.type_name))
            .argument(filter_argument(table));
        object = object.field(field);
    }
    schema.register(object);
    let sync = stream("sync", TypeRef::named_nn("Sync")).argument(since()).description(
        "Follows several tables together: first a copy of all of them as of one moment, then one message for each \
         commit that touches any of them. Select the tables, each with its own filter; one can be selected several \
         times, under aliases.",
    );
    schema.subscription(sync, "sync", Meaning::Sync);
}

fn key_and_values(schema: &mut Builder, model: &Model, table: &Table) {
    let row = &table.names.type_name;
    let (key_name, values_name) = (format!("{row}Key"), format!("{row}PatchValues"));
    let mut key = Object::new(&key_name).description(format!("What tells one `{row}` from all others."));
    let mut values = Object::new(&values_name)
        .description("The values of the columns that changed; null for all others, and for those that are null now.");
    for (id, column) in table.columns() {
        if table.key.contains(&id) {
            schema.note(&key_name, &column.field, Meaning::Column(id));
            key = key.field(constant(&column.field, value_type(model, &column.kind, true)));
        }
        schema.note(&values_name, &column.field, Meaning::Column(id));
        values = values.field(constant(&column.field, value_type(model, &column.kind, false)));
    }
    schema.register(key);
    schema.register(values);
}

fn changes(schema: &mut Builder, table: &Table) {
    use ChangeField::{Changed, Key, Op, PatchValues, Row, Sequence};
    let row = &table.names.type_name;
    let shared = [
        ("op", TypeRef::named_nn("ChangeOp"), Op, "What to do."),
        ("sequence", TypeRef::named_nn("Sequence"), Sequence, "The position of this change."),
        ("key", TypeRef::named_nn(format!("{row}Key")), Key, "Which row."),
    ];
    let whole = (
        table.names.one.as_str(),
        TypeRef::named_nn(row),
        Row,
        "The row as it is now. Columns only: several tables are followed together with `sync`.",
    );
    let changed = (
        "changed",
        TypeRef::named_nn_list_nn(format!("{row}Column")),
        Changed,
        "Which of the selected columns changed.",
    );
    let patch = (
        "patch",
        TypeRef::named_nn(format!("{row}PatchValues")),
        PatchValues,
        "The new values of the columns in `changed`.",
    );
    let interface_name = format!("{row}Change");
    let mut interface = Interface::new(&interface_name).description(format!("A change of one `{row}`."));
    for (field, ty, meaning, description) in &shared {
        schema.note(&interface_name, field, Meaning::Change(*meaning));
        interface = interface.field(InterfaceField::new(*field, ty.clone()).description(*description));
    }
    schema.register(interface);
    let kinds = [
        ("Put", "Replace the row with this key, or add it.", vec![whole.clone()]),
        ("Patch", "Update parts of the row with this key.", vec![changed, patch, whole]),
        ("Delete", "Remove the row with this key: it is gone, or no longer matches.", vec![]),
    ];
    for (kind, description, own) in kinds {
        let name = format!("{row}{kind}");
        let mut object = Object::new(&name).description(description).implement(&interface_name);
        for (field, ty, meaning, description) in shared.iter().cloned().chain(own) {
            schema.note(&name, field, Meaning::Change(meaning));
            object = object.field(constant(field, ty).description(description));
        }
        schema.register(object);
    }
}

fn roots(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    let names = &table.names;
    let ty = || TypeRef::named_nn(format!("{}Changes", names.type_name));
    let mut one = stream(&names.one, ty()).description(format!("Follows the `{}` with this key.", names.type_name));
    for argument in key_arguments(model, table, &table.key) {
        one = one.argument(argument);
    }
    schema.subscription(one.argument(since()), &names.one, Meaning::FollowRow(id));
    let many = stream(&names.many, ty())
        .description(format!("Follows every `{}` that matches: first a copy, then each change.", names.type_name))
        .argument(filter_argument(table))
        .argument(since());
    schema.subscription(many, &names.many, Meaning::FollowRows(id));
}

fn since() -> InputValue {
    InputValue::new("since", TypeRef::named("Sequence"))
        .description("Go on after this position instead of starting with a copy.")
}

fn filter_argument(table: &Table) -> InputValue {
    let filter = TypeRef::named(format!("{}Filter", table.names.type_name));
    InputValue::new("where", filter).description("Which rows.")
}
