//! The types for the values of composite types: to read them, part by part, to give them, and to filter by their parts.

use async_graphql::dynamic::{InputObject, InputValue, Object, TypeRef};

use super::build::{Builder, constant};
use super::meaning::Meaning;
use super::scalars::{filter_name, input_type, value_type};
use crate::model::{CompositeType, Model};

pub(super) fn register(schema: &mut Builder, model: &Model) {
    for composite in &model.composites {
        output(schema, model, composite);
        input(schema, model, composite);
    }
}

fn output(schema: &mut Builder, model: &Model, composite: &CompositeType) {
    let name = &composite.type_name;
    let mut object = Object::new(name).description(composite.comment.as_deref().unwrap_or("A value of several parts."));
    for (index, attribute) in composite.attributes.iter().enumerate() {
        schema.note(name, &attribute.field, Meaning::Attribute(index));
        let mut field = constant(&attribute.field, value_type(model, &attribute.kind, false));
        if let Some(comment) = &attribute.comment {
            field = field.description(comment);
        }
        object = object.field(field);
    }
    schema.register(object);
}

fn input(schema: &mut Builder, model: &Model, composite: &CompositeType) {
    let mut object = InputObject::new(format!("{}Input", composite.type_name))
        .description(format!("A whole `{}`: a part that is left out is null.", composite.type_name));
    for attribute in &composite.attributes {
        let mut value = InputValue::new(&attribute.field, input_type(model, &attribute.kind, false));
        if let Some(comment) = &attribute.comment {
            value = value.description(comment);
        }
        object = object.field(value);
    }
    schema.register(object);
}

/// `AddressPartsFilter`.
pub(super) fn parts_filter(model: &Model, composite: &CompositeType) -> InputObject {
    let filter = InputObject::new(format!("{}PartsFilter", composite.type_name))
        .description("Conditions on the parts of one value; all of those given must hold.");
    composite.attributes.iter().fold(filter, |filter, attribute| {
        filter.field(InputValue::new(&attribute.field, TypeRef::named(filter_name(model, &attribute.kind))))
    })
}
