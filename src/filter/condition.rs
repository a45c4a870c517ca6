//! How is a filter said in SQL? Prints the condition on a row; values of the request are bound.

use super::{Comparison, Containment, Filter, Keys, Lie, Match, Placement, Quantifier, Test};
use crate::model::{Column, ColumnId, Join, Kind, Model, Printed, Relation, Table, Through};
use crate::sql::{QualifiedName, Statement, array_literal, array_literal_with, output_text};

/// The aliases of related rows, in turns: a condition speaks of its own row and of the one that it is related to.
const RELATED: [&str; 2] = ["#related", "#further"];
/// The alias of the row of a join table.
const BETWEEN: &str = "#between";

impl Filter {
    /// Prints the condition on the row called `alias`.
    pub fn write(&self, model: &Model, table: &Table, alias: &str, sql: &mut Statement) {
        match self {
            Self::All(filters) => write_joined(filters, model, table, alias, sql, (" AND ", "true")),
            Self::Any(filters) => write_joined(filters, model, table, alias, sql, (" OR ", "false")),
            Self::Not(filter) => {
                sql.keyword("(NOT ");
                filter.write(model, table, alias, sql);
                sql.keyword(")");
            }
            Self::Test(id, test) => {
                let column = table.column(*id);
                test.write(model, column, &Statement::column_reference(alias, &column.name), sql);
            }
            Self::Related(id, quantifier, filter) => {
                let relation = table.relation(*id);
                let target = model.table(relation.target);
                let there = if alias == RELATED[0] { RELATED[1] } else { RELATED[0] };
                sql.keyword(match quantifier {
                    Quantifier::Some => "EXISTS (SELECT FROM ",
                    Quantifier::Every | Quantifier::None => "NOT EXISTS (SELECT FROM ",
                });
                sql.qualified(&target.sql).keyword(" AS ").identifier(there).keyword(" WHERE ");
                write_join(model, relation, (table, alias), (target, there), sql);
                sql.keyword(" AND ");
                filter.write(model, target, there, sql);
                sql.keyword(match quantifier {
                    Quantifier::Some | Quantifier::None => ")",
                    // A row of which nobody can tell does not pass.
                    Quantifier::Every => " IS NOT TRUE)",
                });
            }
        }
    }
}

fn write_joined(
    filters: &[Filter],
    model: &Model,
    table: &Table,
    alias: &str,
    sql: &mut Statement,
    (between, empty): (&'static str, &'static str),
) {
    if filters.is_empty() {
        sql.keyword(empty);
        return;
    }
    sql.keyword("(");
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            sql.keyword(between);
        }
        filter.write(model, table, alias, sql);
    }
    sql.keyword(")");
}

/// Prints that the relation leads from the row here to the row there; each a table and an alias.
pub fn write_join(
    model: &Model,
    relation: &Relation,
    here: (&Table, &str),
    there: (&Table, &str),
    sql: &mut Statement,
) {
    match &relation.join {
        Join::Columns(pairs) => write_equal(pairs, here, there, sql),
        Join::Through(Through { table, near, far }) => {
            let between = (model.table(*table), BETWEEN);
            sql.keyword("EXISTS (SELECT FROM ").qualified(&between.0.sql).keyword(" AS ").identifier(BETWEEN);
            sql.keyword(" WHERE ");
            write_equal(near, here, between, sql);
            sql.keyword(" AND ");
            write_equal(far, between, there, sql);
            sql.keyword(")");
        }
    }
}

/// Prints that a row here and a row there have equal columns.
fn write_equal(pairs: &[(ColumnId, ColumnId)], here: (&Table, &str), there: (&Table, &str), sql: &mut Statement) {
    for (index, (own, other)) in pairs.iter().enumerate() {
        if index > 0 {
            sql.keyword(" AND ");
        }
        let (own, other) = (here.0.column(*own), there.0.column(*other));
        // Between two types it is one that both become.
        let schema = other.operators.as_deref().filter(|_| own.base_type == other.base_type);
        sql.column(there.1, &other.name).operator("=", schema).column(here.1, &own.name);
    }
}

impl Test {
    /// Prints the test of a value, which is an expression over the column, or over that of which it is a part.
    fn write(&self, model: &Model, column: &Column, value: &str, sql: &mut Statement) {
        match self {
            Self::IsNull(wanted) => {
                // Not `IS NULL`, which holds for a composite value of nothing but NULLs.
                sql.expression(value);
                sql.keyword(if *wanted { " IS NOT DISTINCT FROM NULL" } else { " IS DISTINCT FROM NULL" });
            }
            Self::Part(index, test) => match model.part(&column.kind, *index) {
                Some(part) => {
                    let mut reference = Statement::new();
                    reference.keyword("(").expression(value).keyword(").").identifier(&part.name);
                    test.write(model, part, &reference.text, sql);
                }
                None => {
                    sql.keyword("NULL");
                }
            },
            Self::Lie(lie, operand) => write_call(lie.sql(), (column, value), operand, None, sql),
            Self::Distance(from, distance) => {
                write_call("st_dwithin", (column, value), from, Some(distance), sql);
            }
            Self::Compare(..)
            | Self::In(_)
            | Self::NotIn(_)
            | Self::Match(..)
            | Self::Contain(..)
            | Self::Keys(..)
            | Self::Path(_)
            | Self::Place(..)
            | Self::Matches(_) => {
                if let Some(contrary) = self.contrary(&column.kind) {
                    sql.keyword("(NOT ");
                    contrary.write(model, column, value, sql);
                    sql.keyword(")");
                    return;
                }
                let compared = Compared::of(column);
                let value = match self {
                    Self::Contain(..) => compared.elements(column, value),
                    _ => compared.expression(column, value),
                };
                self.write_compared(column, &compared, sql.expression(&value));
            }
        }
    }

    /// Prints what follows the value.
    fn write_compared(&self, column: &Column, compared: &Compared, sql: &mut Statement) {
        let text = QualifiedName::builtin("text");
        match self {
            Self::IsNull(_) | Self::Part(..) | Self::Lie(..) | Self::Distance(..) => sql,
            Self::Compare(comparison, operand) => {
                compared.write_operator(comparison.sql(), sql);
                sql.bind(Some(operand.clone()), &compared.operand).keyword(compared.cast)
            }
            Self::In(operands) => write_list(sql, compared, ("=", "ANY("), operands, column),
            Self::NotIn(operands) => write_list(sql, compared, ("<>", "ALL("), operands, column),
            // A pattern is no value of an enum or a domain.
            Self::Match(how, operand) => {
                compared.write_operator(how.sql(), sql);
                sql.bind(Some(how.pattern(operand)), &text)
            }
            Self::Contain(containment, operand) => {
                compared.write_own_operator(containment.sql(), sql);
                sql.bind(Some(operand.clone()), &compared.operand).keyword(compared.list_cast())
            }
            Self::Keys(Keys::One, keys) => {
                compared.write_own_operator("?", sql);
                sql.bind(keys.first().cloned(), &text)
            }
            Self::Keys(how @ (Keys::Any | Keys::All), keys) => {
                compared.write_own_operator(if *how == Keys::Any { "?|" } else { "?&" }, sql);
                let literal = array_literal(keys.iter().map(|key| Some(key.as_str())));
                sql.bind(Some(literal), &QualifiedName::builtin("_text"))
            }
            // The operator takes an error within a document, such as a missing key in strict mode, for nothing found.
            Self::Path(path) => {
                sql.keyword(" OPERATOR(pg_catalog.@?) ").bind(Some(path.clone()), &QualifiedName::builtin("jsonpath"))
            }
            Self::Place(placement, operand) => {
                sql.keyword(placement.sql()).bind(Some(operand.clone()), &placement.operand_type(column))
            }
            Self::Matches(search) => {
                sql.keyword(" OPERATOR(pg_catalog.@@) pg_catalog.websearch_to_tsquery(");
                sql.bind(Some(search.clone()), &text).keyword(")")
            }
        };
    }
}

/// Prints a call of a function of PostGIS, which knows the index that serves it.
fn write_call(
    function: &'static str,
    (column, value): (&Column, &str),
    operand: &str,
    distance: Option<&String>,
    sql: &mut Statement,
) {
    let compared = Compared::of(column);
    sql.identifier(&column.base_type.schema).keyword(".").keyword(function).keyword("(");
    sql.expression(&compared.expression(column, value)).keyword(", ").bind(Some(operand.to_owned()), &compared.operand);
    if let Some(distance) = distance {
        sql.keyword(", ").bind(Some(distance.clone()), &QualifiedName::builtin("float8"));
    }
    sql.keyword(")");
}

impl Test {
    /// What must not hold, where there is no operator for what must: PostGIS has `=`, but no `<>`.
    fn contrary(&self, kind: &Kind) -> Option<Self> {
        match (kind, self) {
            (Kind::Spatial(_), Self::Compare(Comparison::Ne, operand)) => {
                Some(Self::Compare(Comparison::Eq, operand.clone()))
            }
            (Kind::Spatial(_), Self::NotIn(operands)) => Some(Self::In(operands.clone())),
            _ => None,
        }
    }
}

impl Comparison {
    fn sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

impl Match {
    /// Parts of text are patterns too, so that an index for patterns (`text_pattern_ops`, `gin_trgm_ops`) serves them.
    fn sql(self) -> &'static str {
        match self {
            Self::Like | Self::StartsWith | Self::EndsWith | Self::Contains => "~~",
            Self::Ilike => "~~*",
            Self::Regex => "~",
            Self::Iregex => "~*",
        }
    }

    fn pattern(self, operand: &str) -> String {
        match self {
            Self::Like | Self::Ilike | Self::Regex | Self::Iregex => operand.to_owned(),
            Self::StartsWith => format!("{}%", literal(operand)),
            Self::EndsWith => format!("%{}", literal(operand)),
            Self::Contains => format!("%{}%", literal(operand)),
        }
    }
}

/// The pattern that matches this text alone.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

impl Containment {
    fn sql(self) -> &'static str {
        match self {
            Self::Contains => "@>",
            Self::ContainedBy => "<@",
            Self::Overlaps => "&&",
        }
    }
}

impl Placement {
    fn sql(self) -> &'static str {
        match self {
            Self::Contains | Self::ContainsRange => " OPERATOR(pg_catalog.@>) ",
            Self::ContainedBy => " OPERATOR(pg_catalog.<@) ",
            Self::Overlaps => " OPERATOR(pg_catalog.&&) ",
            Self::Before => " OPERATOR(pg_catalog.<<) ",
            Self::After => " OPERATOR(pg_catalog.>>) ",
            Self::Adjacent => " OPERATOR(pg_catalog.-|-) ",
        }
    }

    /// What the operand is read as: a value between the bounds, or another of the column's type.
    fn operand_type(self, column: &Column) -> QualifiedName {
        match (self, &column.kind) {
            (Self::Contains, Kind::Printed(Printed::Range(bound) | Printed::Multirange(bound))) => {
                QualifiedName::builtin(bound.sql())
            }
            _ => column.base_type.clone(),
        }
    }
}

impl Lie {
    fn sql(self) -> &'static str {
        match self {
            Self::Intersects => "st_intersects",
            Self::Disjoint => "st_disjoint",
            Self::Contains => "st_contains",
            Self::Within => "st_within",
            Self::Covers => "st_covers",
            Self::CoveredBy => "st_coveredby",
            Self::Overlaps => "st_overlaps",
            Self::Touches => "st_touches",
            Self::Crosses => "st_crosses",
            Self::Equals => "st_equals",
        }
    }
}

/// As what values of a column are compared, where not as themselves.
struct Compared {
    form: Form,
    operand: QualifiedName,
    /// What an operand is brought into form by, after it was read as that type.
    cast: &'static str,
    /// The schema of its operators, where they are not Postgres' own.
    operators: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Itself,
    Jsonb,
    /// The text of the output function, which is what a row of the log has.
    Text,
}

/// SQL of a column's value in the form in which it is compared: values that a filter takes for equal are equal in it.
pub fn comparable(column: &Column, alias: &str) -> String {
    Compared::of(column).expression(column, &Statement::column_reference(alias, &column.name))
}

impl Compared {
    fn of(Column { kind, base_type, operators, .. }: &Column) -> Self {
        let builtin = |form, name| Self { form, operand: QualifiedName::builtin(name), cast: "", operators: None };
        match kind {
            Kind::Json => builtin(Form::Jsonb, "jsonb"),
            Kind::Opaque => builtin(Form::Text, "text"),
            // There is no equality of XML: that of its text.
            Kind::Printed(Printed::Xml) => builtin(Form::Text, "text"),
            // Not every part of a composite value can be compared.
            kind if matches!(kind.element(), Kind::Composite(_)) => {
                Self { form: Form::Text, operand: base_type.clone(), cast: "::pg_catalog.text", operators: None }
            }
            // Of such elements Postgres may not know which are equal.
            Kind::Array(element)
                if matches!(element.element(), Kind::Opaque | Kind::Json | Kind::Printed(Printed::Xml)) =>
            {
                Self { form: Form::Text, operand: base_type.clone(), cast: "::pg_catalog.text", operators: None }
            }
            // A cast to `name` or "char" would cut a long operand, and so make it equal to another.
            Kind::String if ["name", "char"].map(QualifiedName::builtin).contains(base_type) => {
                builtin(Form::Itself, "text")
            }
            // A cast to `oid` would take -1 for the greatest one.
            Kind::BigInt if *base_type == QualifiedName::builtin("oid") => builtin(Form::Itself, "int8"),
            Kind::Boolean
            | Kind::Int
            | Kind::BigInt
            | Kind::Float
            | Kind::BigDecimal
            | Kind::String
            | Kind::Padded
            | Kind::Uuid
            | Kind::DateTime
            | Kind::LocalDateTime
            | Kind::Date
            | Kind::Time
            | Kind::Duration
            | Kind::Jsonb
            | Kind::Bytes
            | Kind::Enum(_)
            | Kind::Composite(_)
            | Kind::HStore
            | Kind::Spatial(_)
            | Kind::Printed(_)
            | Kind::Array(_) => {
                Self { form: Form::Itself, operand: base_type.clone(), cast: "", operators: operators.clone() }
            }
        }
    }

    fn write_operator(&self, operator: &'static str, sql: &mut Statement) {
        sql.operator(operator, self.operators.as_deref());
    }

    /// Prints an operator of which other extensions have one of the same name: those of intarray refuse NULL.
    fn write_own_operator(&self, operator: &'static str, sql: &mut Statement) {
        sql.operator(operator, Some(self.operators.as_deref().unwrap_or("pg_catalog")));
    }

    /// The same cast for each element of an array.
    fn list_cast(&self) -> &'static str {
        if self.cast.is_empty() { "" } else { "::pg_catalog.text[]" }
    }

    /// A value of which the elements are in the form.
    fn elements(&self, column: &Column, value: &str) -> String {
        match self.form {
            Form::Itself | Form::Jsonb => self.expression(column, value),
            Form::Text => format!("{value}::pg_catalog.text[]"),
        }
    }

    fn expression(&self, column: &Column, reference: &str) -> String {
        match self.form {
            // A value of a domain would be equal to nothing but values of that domain.
            Form::Itself if column.sql_type != column.base_type => {
                format!("{reference}::{}", column.base_type.quoted())
            }
            Form::Itself => reference.to_owned(),
            Form::Jsonb => format!("{reference}::pg_catalog.jsonb"),
            Form::Text => format!("({})", output_text(reference)),
        }
    }
}

fn write_list<'s>(
    sql: &'s mut Statement,
    compared: &Compared,
    (operator, quantifier): (&'static str, &'static str),
    operands: &[String],
    column: &Column,
) -> &'s mut Statement {
    let builtin_array = QualifiedName::builtin(&format!("_{}", compared.operand.name));
    let own_array = column.array_type.as_ref().filter(|_| compared.operand == column.base_type);
    let array_type = own_array.unwrap_or(&builtin_array);
    let literal = array_literal_with(column.kind.delimiter(), operands.iter().map(|operand| Some(operand.as_str())));
    compared.write_operator(operator, sql);
    sql.keyword(quantifier).bind(Some(literal), array_type).keyword(compared.list_cast()).keyword(")")
}
