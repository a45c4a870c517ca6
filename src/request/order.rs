//! In which order do rows come, and which rows come after a given one?

use crate::error::{Code, Error};
use crate::filter::condition;
use crate::input::Input;
use crate::model::{Column, ColumnId, Join, Model, Relation, Table, is_orderable};
use crate::sql::Statement;

/// Columns that one `orderBy` may name.
const MOST_TERMS: usize = 32;

/// The alias of a related row of which at most one is taken, within its join.
const RELATED: &str = "#one";

/// A total order of a table's rows, as far as the table has a key: the columns asked for, then the key.
#[derive(Debug)]
pub(super) struct Order<'a> {
    model: &'a Model,
    table: &'a Table,
    /// The related rows that columns are of, each after the one that it is related to.
    related: Vec<Related<'a>>,
    pub(super) terms: Vec<Term<'a>>,
}

/// A row that the row ordered, or another related one, leads to. There may be none.
#[derive(Debug)]
struct Related<'a> {
    /// `None`: the row that is ordered.
    from: Option<usize>,
    relation: &'a Relation,
    table: &'a Table,
    alias: String,
}

/// One column of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'a> {
    /// Of which related row it is; `None`: of the row that is ordered.
    place: Option<usize>,
    id: ColumnId,
    column: &'a Column,
    direction: Direction,
    nulls: Nulls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    First,
    Last,
}

/// Which way a list is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Forwards,
    Backwards,
}

impl<'a> Order<'a> {
    /// Reads `[TaskOrder!]` and completes it with the key.
    pub(super) fn read(model: &'a Model, table: &'a Table, input: Option<&Input>) -> Result<Self, Error> {
        let mut order = Self { model, table, related: Vec::new(), terms: Vec::new() };
        for item in input.map(Input::items).unwrap_or_default().iter().filter(|item| **item != Input::Null) {
            order.read_item(None, table, item)?;
            if order.terms.len() > MOST_TERMS {
                let message = format!("`orderBy` names more than {MOST_TERMS} columns");
                return Err(Error::new(Code::OrderLimit, message));
            }
        }
        let rest: Vec<ColumnId> = if table.key.is_empty() {
            table.columns().filter(|(_, column)| is_orderable(&column.kind)).map(|(id, _)| id).collect()
        } else {
            table.key.clone()
        };
        for id in rest {
            if !order.terms.iter().any(|term| term.place.is_none() && term.id == id) {
                let column = table.column(id);
                order.terms.push(Term { place: None, id, column, direction: Direction::Ascending, nulls: Nulls::Last });
            }
        }
        Ok(order)
    }

    /// Reads a `TaskOrder`, of the row at this place.
    fn read_item(&mut self, place: Option<usize>, table: &'a Table, item: &Input) -> Result<(), Error> {
        for (field, value) in item.fields() {
            match (table.column_by_field(field), table.relation_by_field(field), value) {
                (Some(id), _, Input::Enum(name)) => {
                    let (direction, nulls) = direction(name).ok_or_else(|| bad_order(name))?;
                    self.terms.push(Term { place, id, column: table.column(id), direction, nulls });
                }
                (None, Some(id), inner @ Input::Object(_)) => {
                    let relation = table.relation(id);
                    let place = self.place_of(place, relation);
                    self.read_item(Some(place), self.model.table(relation.target), inner)?;
                }
                _ => return Err(bad_order(field)),
            }
        }
        Ok(())
    }

    /// The place of a related row, which several columns can be of.
    fn place_of(&mut self, from: Option<usize>, relation: &'a Relation) -> usize {
        let known = |related: &Related<'_>| related.from == from && std::ptr::eq(related.relation, relation);
        self.related.iter().position(known).unwrap_or_else(|| {
            let place = self.related.len();
            let table = self.model.table(relation.target);
            self.related.push(Related { from, relation, table, alias: format!("#ordered by {place}") });
            place
        })
    }

    /// Prints the joins that the order needs, after the table that it is of.
    pub(super) fn write_joins(&self, alias: &str, sql: &mut Statement) {
        for Related { from, relation, table, alias: there } in &self.related {
            let here = match from {
                None => (self.table, alias),
                Some(place) => (self.related[*place].table, self.related[*place].alias.as_str()),
            };
            if is_single(relation, table) {
                sql.keyword(" LEFT JOIN ").qualified(&table.sql).keyword(" AS ").identifier(there).keyword(" ON ");
                condition::write_join(self.model, relation, here, (table, there), sql);
            } else {
                sql.keyword(" LEFT JOIN LATERAL (SELECT * FROM ").qualified(&table.sql).keyword(" AS ");
                sql.identifier(RELATED).keyword(" WHERE ");
                condition::write_join(self.model, relation, here, (table, RELATED), sql);
                sql.keyword(" LIMIT 1) AS ").identifier(there).keyword(" ON true");
            }
        }
    }

    /// Prints ` ORDER BY …`, nothing if the table has nothing to order by.
    pub(super) fn write(&self, alias: &str, walk: Walk, sql: &mut Statement) {
        for (index, term) in self.terms.iter().enumerate() {
            let term = term.walked(walk);
            sql.keyword(if index == 0 { " ORDER BY " } else { ", " });
            self.write_column(&term, alias, sql);
            if term.direction == Direction::Descending {
                sql.keyword(" DESC");
            }
            let usual = match term.direction {
                Direction::Ascending => Nulls::Last,
                Direction::Descending => Nulls::First,
            };
            // Left out where it says nothing, so that a plain index serves the order.
            if term.nulls != usual && term.is_nullable() {
                sql.keyword(if term.nulls == Nulls::First { " NULLS FIRST" } else { " NULLS LAST" });
            }
        }
    }

    /// Prints the column of a term.
    pub(super) fn write_column(&self, term: &Term<'_>, alias: &str, sql: &mut Statement) {
        let alias = term.place.map_or(alias, |place| &self.related[place].alias);
        sql.column(alias, &term.column.name);
    }

    /// Prints the condition that a row comes after the one with these values, in the direction walked.
    pub(super) fn write_after(&self, alias: &str, walk: Walk, values: &[Option<String>], sql: &mut Statement) {
        let terms: Vec<(Term<'_>, Option<&str>)> =
            self.terms.iter().zip(values).map(|(term, value)| (term.walked(walk), value.as_deref())).collect();
        let Some(((first, value), rest)) = terms.split_first() else {
            sql.keyword("false");
            return;
        };
        let alike = |term: &Term<'_>| !term.is_nullable() && term.direction == first.direction;
        if !(alike(first) && rest.iter().all(|(term, _)| alike(term))) {
            self.write_terms_after(alias, &terms, sql);
        } else if rest.iter().all(|(term, _)| term.column.operators == first.column.operators) {
            self.write_row_after(alias, &terms, sql);
        } else {
            // A comparison of rows has one operator. What is said of the first column serves its index.
            sql.keyword("(");
            self.write_compared(first, alias, sql);
            first.write_operator(first.direction.from(), sql);
            sql.bind(value.map(str::to_owned), &first.column.base_type).keyword(" AND ");
            self.write_terms_after(alias, &terms, sql);
            sql.keyword(")");
        }
    }

    /// Prints `(a, b) > (x, y)`, which an index over both columns serves.
    fn write_row_after(&self, alias: &str, terms: &[(Term<'_>, Option<&str>)], sql: &mut Statement) {
        for (index, (term, _)) in terms.iter().enumerate() {
            sql.keyword(if index == 0 { "(" } else { ", " });
            self.write_compared(term, alias, sql);
        }
        sql.keyword(")");
        if let Some((term, _)) = terms.first() {
            term.write_operator(term.direction.beyond(), sql);
        }
        for (index, (term, value)) in terms.iter().enumerate() {
            sql.keyword(if index == 0 { "(" } else { ", " });
            sql.bind(value.map(str::to_owned), &term.column.base_type);
        }
        sql.keyword(")");
    }

    /// Prints `(a > x OR (a = x AND (b > y OR …)))`.
    fn write_terms_after(&self, alias: &str, terms: &[(Term<'_>, Option<&str>)], sql: &mut Statement) {
        for (index, (term, value)) in terms.iter().enumerate() {
            sql.keyword("(");
            self.write_beyond(term, alias, *value, sql);
            if index + 1 < terms.len() {
                sql.keyword(" OR (");
                self.write_equal(term, alias, *value, sql);
                sql.keyword(" AND ");
            }
        }
        for index in 0..terms.len() {
            sql.keyword(if index == 0 { ")" } else { "))" });
        }
    }

    fn write_beyond(&self, term: &Term<'_>, alias: &str, value: Option<&str>, sql: &mut Statement) {
        match (value, term.nulls) {
            (None, Nulls::First) => {
                self.write_column(term, alias, sql);
                sql.keyword(" IS NOT NULL");
            }
            (None, Nulls::Last) => {
                sql.keyword("false");
            }
            (Some(value), nulls) => {
                self.write_compared(term, alias, sql);
                term.write_operator(term.direction.beyond(), sql);
                sql.bind(Some(value.to_owned()), &term.column.base_type);
                if nulls == Nulls::Last && term.is_nullable() {
                    sql.keyword(" OR ");
                    self.write_column(term, alias, sql);
                    sql.keyword(" IS NULL");
                }
            }
        }
    }

    fn write_equal(&self, term: &Term<'_>, alias: &str, value: Option<&str>, sql: &mut Statement) {
        self.write_compared(term, alias, sql);
        match value {
            Some(value) => {
                term.write_operator("=", sql);
                sql.bind(Some(value.to_owned()), &term.column.base_type);
            }
            None => {
                sql.keyword(" IS NULL");
            }
        }
    }

    /// As a value of the type under all domains: of a domain of an enum Postgres knows no order.
    fn write_compared(&self, term: &Term<'_>, alias: &str, sql: &mut Statement) {
        self.write_column(term, alias, sql);
        if term.column.sql_type != term.column.base_type {
            sql.keyword("::").qualified(&term.column.base_type);
        }
    }

    /// Tells this order from others, for cursors.
    pub(super) fn signature(&self) -> String {
        let mut text = self.table.sql.quoted();
        for term in &self.terms {
            text.push(',');
            self.push_path(term.place, &mut text);
            text.push_str(&format!("{} {:?} {:?}", term.column.name, term.direction, term.nulls));
        }
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// The way to a related row.
    fn push_path(&self, place: Option<usize>, text: &mut String) {
        if let Some(place) = place {
            let related = &self.related[place];
            self.push_path(related.from, text);
            text.push_str(&related.relation.field);
            text.push('.');
        }
    }
}

/// Whether the database holds that there is at most one such row; a view's comment only says so.
fn is_single(relation: &Relation, target: &Table) -> bool {
    let Join::Columns(pairs) = &relation.join else { return false };
    let unique = |key: &[ColumnId]| !key.is_empty() && key.iter().all(|id| pairs.iter().any(|(_, there)| there == id));
    let is_held = target.is_logged() && !target.inherited;
    is_held && (unique(&target.key) || target.unique_keys.iter().any(|key| unique(&key.columns)))
}

fn direction(name: &str) -> Option<(Direction, Nulls)> {
    Some(match name {
        "ASC" | "ASC_NULLS_LAST" => (Direction::Ascending, Nulls::Last),
        "ASC_NULLS_FIRST" => (Direction::Ascending, Nulls::First),
        "DESC" | "DESC_NULLS_FIRST" => (Direction::Descending, Nulls::First),
        "DESC_NULLS_LAST" => (Direction::Descending, Nulls::Last),
        _ => return None,
    })
}

impl Direction {
    fn beyond(self) -> &'static str {
        match self {
            Self::Ascending => ">",
            Self::Descending => "<",
        }
    }

    fn from(self) -> &'static str {
        match self {
            Self::Ascending => ">=",
            Self::Descending => "<=",
        }
    }
}

impl Term<'_> {
    /// Related rows can be missing.
    fn is_nullable(&self) -> bool {
        self.place.is_some() || !self.column.not_null
    }

    fn write_operator(&self, operator: &'static str, sql: &mut Statement) {
        sql.operator(operator, self.column.operators.as_deref());
    }

    fn walked(self, walk: Walk) -> Self {
        match walk {
            Walk::Forwards => self,
            Walk::Backwards => Self {
                direction: match self.direction {
                    Direction::Ascending => Direction::Descending,
                    Direction::Descending => Direction::Ascending,
                },
                nulls: match self.nulls {
                    Nulls::First => Nulls::Last,
                    Nulls::Last => Nulls::First,
                },
                ..self
            },
        }
    }
}

fn bad_order(what: &str) -> Error {
    Error::new(Code::BadUserInput, format!("cannot order by `{what}`"))
}
