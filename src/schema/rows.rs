//! The types for reading a table: the row, its filter and order, and lists of rows as connections.

use async_graphql::dynamic::{Field, InputObject, InputValue, Object, TypeRef};

use super::aggregates::aggregates;
use super::build::{Builder, constant, key_arguments};
use super::functions;
use super::meaning::{ConnectionField, Meaning};
use super::scalars::{filter_name, value_type};
use crate::filter::Quantifier;
use crate::model::{Cardinality, Column, ColumnId, Join, Model, Relation, RelationId, Table, TableId, is_orderable};

pub(super) fn register(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    row(schema, model, id, table);
    filter(schema, model, table);
    order(schema, model, table);
    connection(schema, table);
    roots(schema, model, id, table);
}

/// The columns of a table, or of what a function gives, as fields of an object.
pub(super) fn columns(schema: &mut Builder, model: &Model, table: &Table, mut object: Object) -> Object {
    let name = &table.names.type_name;
    for (id, column) in table.columns() {
        let mut field = constant(&column.field, value_type(model, &column.kind, column.not_null));
        if let Some(comment) = &column.comment {
            field = field.description(comment);
        }
        schema.note(name, &column.field, Meaning::Column(id));
        object = object.field(field);
    }
    object
}

fn row(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    let name = &table.names.type_name;
    let object = Object::new(name).description(table.comment.as_deref().unwrap_or("A row."));
    let mut object = columns(schema, model, table, object);
    for (index, relation) in table.relations.iter().enumerate() {
        let target = model.table(relation.target);
        if target.columns().next().is_none() {
            continue;
        }
        let field = match relation.cardinality {
            Cardinality::One { required: true } => {
                constant(&relation.field, TypeRef::named_nn(&target.names.type_name))
            }
            Cardinality::One { required: false } => constant(&relation.field, TypeRef::named(&target.names.type_name)),
            Cardinality::Many => {
                let ty = TypeRef::named_nn(format!("{}Connection", target.names.type_name));
                list_arguments(constant(&relation.field, ty), model, target)
            }
        };
        let description = relation.comment.clone().unwrap_or_else(|| relation_description(model, table, relation));
        schema.note(name, &relation.field, Meaning::Relation(RelationId(index)));
        object = object.field(field.description(&description));
        if let Some(aggregate) = &relation.aggregate {
            schema.note(name, aggregate, Meaning::RelatedAggregates(RelationId(index)));
            object =
                object.field(aggregates(aggregate, target).description(format!("What they come to. {description}")));
        }
    }
    for (id, function) in functions::of_table(model, id) {
        schema.note(name, &function.field, Meaning::Call(id));
        object = object.field(functions::field(model, function));
    }
    schema.register(object);
}

fn relation_description(model: &Model, table: &Table, relation: &Relation) -> String {
    let target = model.table(relation.target);
    let subject = match relation.cardinality {
        Cardinality::One { .. } => format!("The `{}`", target.names.type_name),
        Cardinality::Many => format!("Every `{}`", target.names.type_name),
    };
    match &relation.join {
        Join::Columns(pairs) => {
            let pair = |(here, there): &(ColumnId, ColumnId)| {
                format!("`{}` = `{}`", target.column(*there).field, table.column(*here).field)
            };
            format!("{subject} with {}.", pairs.iter().map(pair).collect::<Vec<_>>().join(" and "))
        }
        Join::Through(through) => {
            let join = &model.table(through.table).names.type_name;
            format!("{subject} that a `{join}` ties to this `{}`.", table.names.type_name)
        }
    }
}

fn filter(schema: &mut Builder, model: &Model, table: &Table) {
    let name = format!("{}Filter", table.names.type_name);
    let mut filter = InputObject::new(&name)
        .description("Conditions on a row; all of those given must hold.")
        .field(InputValue::new("and", TypeRef::named_nn_list(&name)).description("All of these hold."))
        .field(InputValue::new("or", TypeRef::named_nn_list(&name)).description("One of these holds at least."))
        .field(InputValue::new("not", TypeRef::named(&name)).description("This does not hold."));
    for (_, column) in table.columns() {
        filter = filter.field(InputValue::new(&column.field, TypeRef::named(filter_name(model, &column.kind))));
    }
    for relation in &table.relations {
        let target = model.table(relation.target);
        if target.columns().next().is_none() {
            continue;
        }
        let (ty, description) = match relation.cardinality {
            Cardinality::One { .. } => ("Filter", "There is such a row, and it passes."),
            Cardinality::Many => ("RelationFilter", "How many of these rows pass."),
        };
        let ty = TypeRef::named(format!("{}{ty}", target.names.type_name));
        let description = format!("{description} Not in subscriptions.");
        filter = filter.field(InputValue::new(&relation.field, ty).description(description));
    }
    schema.register(filter);
    if is_one_of_many(model, table) {
        related_filter(schema, table, &name);
    }
}

/// Whether rows of another table, or of this one, have several rows of this table.
fn is_one_of_many(model: &Model, table: &Table) -> bool {
    let mut relations = model.tables().flat_map(|(_, other)| &other.relations);
    relations.any(|relation| match relation.cardinality {
        Cardinality::Many => std::ptr::eq(model.table(relation.target), table),
        Cardinality::One { .. } => false,
    })
}

fn related_filter(schema: &mut Builder, table: &Table, name: &str) {
    let related = InputObject::new(format!("{}RelationFilter", table.names.type_name))
        .description("Conditions on related rows; all of those given must hold.");
    schema.register(Quantifier::ALL.into_iter().fold(related, |related, quantifier| {
        let description = match quantifier {
            Quantifier::Some => "One of the rows passes at least.",
            Quantifier::Every => "All of the rows pass; also if there are none.",
            Quantifier::None => "None of the rows passes; also if there are none.",
        };
        related.field(InputValue::new(quantifier.field(), TypeRef::named(name)).description(description))
    }));
}

/// The columns that rows of a table can be ordered by.
fn ordering(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns().map(|(_, column)| column).filter(|column| is_orderable(&column.kind))
}

/// The relations by whose columns they can be, too: those to one row at most.
fn ordering_relations<'a>(model: &'a Model, table: &'a Table) -> impl Iterator<Item = (&'a Relation, &'a Table)> {
    let targets = table.relations.iter().map(|relation| (relation, model.table(relation.target)));
    targets.filter(|(relation, target)| match relation.cardinality {
        Cardinality::One { .. } => ordering(target).next().is_some(),
        Cardinality::Many => false,
    })
}

fn has_order(model: &Model, table: &Table) -> bool {
    ordering(table).next().is_some() || ordering_relations(model, table).next().is_some()
}

fn order(schema: &mut Builder, model: &Model, table: &Table) {
    if !has_order(model, table) {
        return;
    }
    let mut order = InputObject::new(format!("{}Order", table.names.type_name))
        .description("One column to order by. Rows that are equal by all the columns given come in the order of the primary key.")
        .oneof();
    for column in ordering(table) {
        order = order.field(InputValue::new(&column.field, TypeRef::named("OrderDirection")));
    }
    for (relation, target) in ordering_relations(model, table) {
        let ty = TypeRef::named(format!("{}Order", target.names.type_name));
        let description = "By a column of this row; where there is none it counts as null.";
        order = order.field(InputValue::new(&relation.field, ty).description(description));
    }
    schema.register(order);
}

pub(super) fn list_arguments(field: Field, model: &Model, table: &Table) -> Field {
    let name = &table.names.type_name;
    let argument = |name: &str, ty: TypeRef, text: &str| InputValue::new(name, ty).description(text);
    let field = field
        .argument(argument("where", TypeRef::named(format!("{name}Filter")), "Which rows."))
        .argument(argument("first", TypeRef::named("Int"), "So many rows from the start, or after `after`."))
        .argument(argument("after", TypeRef::named("Cursor"), "Only rows after this one."))
        .argument(argument("last", TypeRef::named("Int"), "So many rows from the end, or before `before`."))
        .argument(argument("before", TypeRef::named("Cursor"), "Only rows before this one."))
        .argument(argument("offset", TypeRef::named("Int"), "Leave out so many rows first."));
    if !has_order(model, table) {
        return field;
    }
    let ty = TypeRef::named_nn_list(format!("{name}Order"));
    field.argument(argument("orderBy", ty, "In which order; by the primary key if not given."))
}

fn connection(schema: &mut Builder, table: &Table) {
    use ConnectionField::{Cursor, Edges, Node, Nodes, PageInfo, TotalCount};
    let row = &table.names.type_name;
    let (name, edge) = (format!("{row}Connection"), format!("{row}Edge"));
    let fields = [
        (&name, "nodes", TypeRef::named_nn_list_nn(row), Nodes, "The rows."),
        (&name, "edges", TypeRef::named_nn_list_nn(&edge), Edges, "The rows, each with its cursor."),
        (
            &name,
            "totalCount",
            TypeRef::named_nn("Int"),
            TotalCount,
            "How many rows `where` lets pass, on all pages. Counted only if asked for.",
        ),
        (&name, "pageInfo", TypeRef::named_nn("PageInfo"), PageInfo, "Where this page stands in the list."),
        (&edge, "node", TypeRef::named_nn(row), Node, "The row."),
        (&edge, "cursor", TypeRef::named_nn("Cursor"), Cursor, "Its place in the list."),
    ];
    let mut connection = Object::new(&name).description(format!("A page of a list of `{row}`."));
    let mut edge_object = Object::new(&edge).description(format!("A `{row}` and its place in the list."));
    for (parent, field, ty, meaning, description) in fields {
        schema.note(parent, field, Meaning::Connection(meaning));
        let field = constant(field, ty).description(description);
        if *parent == name {
            connection = connection.field(field);
        } else {
            edge_object = edge_object.field(field);
        }
    }
    schema.register(connection);
    schema.register(edge_object);
}

fn roots(schema: &mut Builder, model: &Model, id: TableId, table: &Table) {
    let names = &table.names;
    let list = constant(&names.many, TypeRef::named_nn(format!("{}Connection", names.type_name)))
        .description(format!("Several `{}`.", names.type_name));
    schema.query(list_arguments(list, model, table), &names.many, Meaning::Rows(id));
    let mut by_key = |field: &str, key: &[crate::model::ColumnId], meaning: Meaning| {
        let description = format!("The `{}` with this key, or null.", names.type_name);
        let mut row = constant(field, TypeRef::named(&names.type_name)).description(description);
        for argument in key_arguments(model, table, key) {
            row = row.argument(argument);
        }
        schema.query(row, field, meaning);
    };
    if !table.key.is_empty() {
        by_key(&names.one, &table.key, Meaning::RowByKey(id));
    }
    for (index, unique) in table.unique_keys.iter().enumerate() {
        by_key(&unique.field, &unique.columns, Meaning::RowByUnique(id, index));
    }
}
