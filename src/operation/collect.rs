//! Selections with fragments, conditions and repeated fields → a plain tree.
//! <https://spec.graphql.org/September2025/#sec-Field-Collection>

use apollo_compiler::ast::{self, DirectiveList, Type, Value};
use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Node};

use super::coerce::{self, Variables};
use crate::error::{Code, Error};
use crate::input::Input;
use crate::schema::{Meaning, Schema};
use crate::selection::{ValueField, ValueSelection};

/// A selected field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its key in the response: the alias, or the name.
    pub key: String,
    /// Its name in the schema.
    pub name: String,
    /// What it stands for.
    pub meaning: Meaning,
    /// What is selected in it.
    pub children: Children,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
struct Argument {
    name: String,
    ty: Node<Type>,
    value: Node<Value>,
}

/// What is selected in a field.
#[derive(Debug, Clone)]
pub enum Children {
    /// Nothing: a scalar or an enum; or introspection, which is answered elsewhere.
    None,
    /// The fields of an object.
    Object(Vec<Field>),
    /// The fields for each of the types that the value can have.
    Abstract(Vec<(String, Vec<Field>)>),
}

impl Field {
    /// The fields selected in an object.
    pub fn fields(&self) -> &[Field] {
        match &self.children {
            Children::Object(fields) => fields,
            Children::None | Children::Abstract(_) => &[],
        }
    }

    /// What is selected of a composite value; `None` for a value without parts.
    ///
    /// # Errors
    /// A defect: a field that is no part of such a value.
    pub fn value_selection(&self) -> Result<Option<ValueSelection>, Error> {
        let Children::Object(fields) = &self.children else { return Ok(None) };
        let field = |field: &Field| {
            let content = match (field.meaning, field.value_selection()?) {
                (Meaning::Typename, _) => ValueField::Typename,
                (Meaning::Attribute(index), None) => ValueField::Attribute(index),
                (Meaning::Attribute(index), Some(inner)) => ValueField::Composite(index, inner),
                _ => {
                    let message = format!("`{}` is no part of a composite value", field.name);
                    return Err(Error::new(Code::Internal, message));
                }
            };
            Ok((field.key.clone(), content))
        };
        Ok(Some(ValueSelection { fields: fields.iter().map(field).collect::<Result<_, _>>()? }))
    }

    /// The value of an argument, checked against its type; `None` if it was not given.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, naming the argument.
    pub fn argument(&self, schema: &Schema, name: &str, variables: &Variables) -> Result<Option<Input>, Error> {
        let Some(argument) = self.arguments.iter().find(|argument| argument.name == name) else { return Ok(None) };
        let Some(input) = coerce::literal(&argument.value, variables) else { return Ok(None) };
        coerce::coerce(&schema.document, &argument.ty, input, &format!("argument `{name}`")).map(Some)
    }
}

/// The fields of an operation.
pub(super) struct Collected {
    pub(super) fields: Vec<Field>,
    /// Other variables could give other fields.
    pub(super) depends_on_variables: bool,
}

pub(super) fn fields(
    schema: &Schema,
    document: &ExecutableDocument,
    root: &str,
    set: &SelectionSet,
    variables: &Variables,
) -> Result<Collected, Error> {
    let mut collector = Collector { schema, document, variables, depends_on_variables: false };
    let fields = collector.object(root, &[set])?;
    Ok(Collected { fields, depends_on_variables: collector.depends_on_variables })
}

struct Collector<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    depends_on_variables: bool,
}

/// All selections of one response key.
struct Group<'a> {
    first: &'a Node<apollo_compiler::executable::Field>,
    sets: Vec<&'a SelectionSet>,
}

impl<'a> Collector<'a> {
    fn object(&mut self, type_name: &str, sets: &[&'a SelectionSet]) -> Result<Vec<Field>, Error> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for set in sets {
            self.group(type_name, set, &mut groups);
        }
        groups.into_iter().map(|group| self.field(type_name, &group)).collect()
    }

    fn group(&mut self, type_name: &str, set: &'a SelectionSet, groups: &mut Vec<Group<'a>>) {
        for selection in &set.selections {
            if !self.included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let key = field.response_key();
                    match groups.iter_mut().find(|group| group.first.response_key() == key) {
                        Some(group) => group.sets.push(&field.selection_set),
                        None => groups.push(Group { first: field, sets: vec![&field.selection_set] }),
                    }
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|condition| self.applies(condition, type_name)) {
                        self.group(type_name, &fragment.selection_set, groups);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(self.document)
                        && self.applies(fragment.type_condition(), type_name)
                    {
                        self.group(type_name, &fragment.selection_set, groups);
                    }
                }
            }
        }
    }

    fn field(&mut self, parent: &str, group: &Group<'a>) -> Result<Field, Error> {
        let name = group.first.name.as_str();
        let meaning = self
            .schema
            .meanings
            .of(parent, name)
            .ok_or_else(|| Error::new(Code::Internal, format!("`{parent}.{name}` has no meaning")))?;
        let children = match meaning {
            Meaning::Introspection => Children::None,
            _ => self.children(group)?,
        };
        let arguments = group.first.arguments.iter().filter_map(|argument| {
            let definition = group.first.definition.arguments.iter().find(|known| known.name == argument.name)?;
            Some(Argument { name: argument.name.to_string(), ty: definition.ty.clone(), value: argument.value.clone() })
        });
        Ok(Field {
            key: group.first.response_key().to_string(),
            name: name.to_owned(),
            meaning,
            children,
            arguments: arguments.collect(),
        })
    }

    fn children(&mut self, group: &Group<'a>) -> Result<Children, Error> {
        let type_name = group.first.ty().inner_named_type().as_str();
        match self.schema.document.types.get(type_name) {
            Some(ExtendedType::Object(_)) => Ok(Children::Object(self.object(type_name, &group.sets)?)),
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                let mut possible: Vec<String> = self.possible_types(type_name);
                possible.sort_unstable();
                let each = possible.into_iter().map(|name| {
                    let fields = self.object(&name, &group.sets)?;
                    Ok((name, fields))
                });
                Ok(Children::Abstract(each.collect::<Result<_, Error>>()?))
            }
            _ => Ok(Children::None),
        }
    }

    fn possible_types(&self, interface: &str) -> Vec<String> {
        let types = self.schema.document.types.values();
        types
            .filter_map(|ty| match ty {
                ExtendedType::Object(object)
                    if object.implements_interfaces.iter().any(|name| name.as_str() == interface) =>
                {
                    Some(object.name.to_string())
                }
                _ => None,
            })
            .collect()
    }

    fn applies(&self, condition: &str, type_name: &str) -> bool {
        condition == type_name
            || self
                .schema
                .document
                .get_object(type_name)
                .is_some_and(|object| object.implements_interfaces.iter().any(|name| name.as_str() == condition))
    }

    fn included(&mut self, directives: &DirectiveList) -> bool {
        !self.condition(directives, "skip", false) && self.condition(directives, "include", true)
    }

    fn condition(&mut self, directives: &DirectiveList, name: &str, absent: bool) -> bool {
        let Some(value) = directives.get(name).and_then(|directive| directive.specified_argument_by_name("if")) else {
            return absent;
        };
        match &**value {
            ast::Value::Boolean(value) => *value,
            ast::Value::Variable(variable) => {
                self.depends_on_variables = true;
                matches!(self.variables.get(variable), Some(Input::Boolean(true)))
            }
            _ => absent,
        }
    }
}
