//! Puts the schema together, table by table.

use async_graphql::dynamic::{
    self, Field, FieldFuture, InputValue, Object, Subscription, SubscriptionField, SubscriptionFieldFuture, Type,
    TypeRef,
};

use super::meaning::{Meaning, Meanings};
use super::{aggregates, changes, composites, functions, rows, scalars, writes};
use crate::model::{Column, Model, Table};

/// The schema being built.
pub(super) struct Builder {
    types: Vec<Type>,
    meanings: Meanings,
    query: Object,
    mutation: Object,
    subscription: Subscription,
    has_mutation: bool,
    has_subscription: bool,
}

impl Builder {
    pub(super) fn register(&mut self, ty: impl Into<Type>) {
        self.types.push(ty.into());
    }

    pub(super) fn note(&mut self, type_name: &str, field: &str, meaning: Meaning) {
        self.meanings.note(type_name, field, meaning);
    }

    /// A field of `Query`.
    pub(super) fn query(&mut self, field: Field, name: &str, meaning: Meaning) {
        self.note("Query", name, meaning);
        self.query = std::mem::replace(&mut self.query, Object::new("")).field(field);
    }

    /// A field of `Mutation`.
    pub(super) fn mutation(&mut self, field: Field, name: &str, meaning: Meaning) {
        self.note("Mutation", name, meaning);
        self.mutation = std::mem::replace(&mut self.mutation, Object::new("")).field(field);
        self.has_mutation = true;
    }

    /// A field of `Subscription`.
    pub(super) fn subscription(&mut self, field: SubscriptionField, name: &str, meaning: Meaning) {
        self.note("Subscription", name, meaning);
        self.subscription = std::mem::replace(&mut self.subscription, Subscription::new("")).field(field);
        self.has_subscription = true;
    }
}

/// A field whose value never comes from async-graphql: Postgres or the feed gives it.
pub(super) fn constant(name: &str, ty: TypeRef) -> Field {
    Field::new(name, ty, |_| FieldFuture::from_value(None))
}

/// The same for a subscription.
pub(super) fn stream(name: &str, ty: TypeRef) -> SubscriptionField {
    SubscriptionField::new(name, ty, |_| {
        SubscriptionFieldFuture::new(async {
            Ok(futures_util::stream::empty::<async_graphql::Result<dynamic::FieldValue<'_>>>())
        })
    })
}

/// An argument or input field for a column.
pub(super) fn column_input(model: &Model, column: &Column, required: bool) -> InputValue {
    let value = InputValue::new(&column.field, scalars::input_type(model, &column.kind, required));
    match &column.comment {
        Some(comment) => value.description(comment),
        None => value,
    }
}

/// The arguments that name a row by some of its columns.
pub(super) fn key_arguments(model: &Model, table: &Table, key: &[crate::model::ColumnId]) -> Vec<InputValue> {
    key.iter().map(|id| column_input(model, table.column(*id), true)).collect()
}

pub(super) fn build(model: &Model) -> (dynamic::SchemaBuilder, Meanings) {
    let mut schema = Builder {
        types: Vec::new(),
        meanings: Meanings::default(),
        query: Object::new("Query").description("Reads. Several fields in one request are one statement: one moment."),
        mutation: Object::new("Mutation")
            .description("Writes. Several fields in one request are one transaction: all or nothing."),
        subscription: Subscription::new("Subscription")
            .description("Follows the data, change by change, in the order of the commits."),
        has_mutation: false,
        has_subscription: false,
    };
    scalars::register(&mut schema, model);
    composites::register(&mut schema, model);
    for (id, table) in model.tables() {
        // GraphQL has no type without fields.
        if table.columns().next().is_none() {
            continue;
        }
        rows::register(&mut schema, model, id, table);
        aggregates::register(&mut schema, model, id, table);
        if table.is_written() {
            writes::register(&mut schema, model, id, table);
        }
        if table.is_followed() {
            changes::register(&mut schema, model, id, table);
        }
    }
    functions::register(&mut schema, model);
    if model.tables().any(|(_, table)| table.is_followed()) {
        changes::register_sync(&mut schema, model);
    }
    let called = model.functions().any(|(_, function)| function.is_query());
    if !called && model.tables().all(|(_, table)| table.columns().next().is_none()) {
        let nothing = constant("nothing", TypeRef::named("Boolean")).description("The schemas served have no table.");
        schema.query(nothing, "nothing", Meaning::Nothing);
    }
    finish(schema)
}

fn finish(schema: Builder) -> (dynamic::SchemaBuilder, Meanings) {
    let mutation = schema.has_mutation.then_some("Mutation");
    let subscription = schema.has_subscription.then_some("Subscription");
    let mut builder = dynamic::Schema::build("Query", mutation, subscription).register(schema.query);
    if schema.has_mutation {
        builder = builder.register(schema.mutation);
    }
    if schema.has_subscription {
        builder = builder.register(schema.subscription);
    }
    for ty in schema.types {
        builder = builder.register(ty);
    }
    (builder, schema.meanings)
}
