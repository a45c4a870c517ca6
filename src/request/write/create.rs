//! Plans a create: rows, and with them the rows that they refer to and those that refer to them.
//!
//! All of it is one statement. Each row that others refer to is a part of its own, so that they can name it; its key
//! is known to the statement alone. Rows that nobody refers to are written together.

use super::super::plan::Planner;
use super::insert::{self, Cell, OnConflict};
use super::step::{Refusal, Repetition};
use super::written::{Company, Extent, WRITTEN, Written};
use crate::error::{Code, Error};
use crate::input::{self, Input};
use crate::model::{Column, ColumnId, Join, Nesting, Relation, Table, Writing};
use crate::operation::Field;
use crate::sql::Statement;

pub(super) fn one<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    let input = planner.required(field, &table.names.one)?;
    let mut creation = Creation::new(*planner);
    let draft = creation.draft(table, &input, Vec::new())?;
    creation.write(table, WRITTEN, &[draft.cells]);
    creation.note_needed(WRITTEN);
    creation.write_children(table, WRITTEN, &draft.children)?;
    Ok(creation.finish(table, Extent::One))
}

pub(super) fn several<'a>(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Written<'a>, Error> {
    let input = planner.required(field, &table.names.many)?;
    insert::check_number(planner, table, &input)?;
    let mut creation = Creation::new(*planner);
    let drafts = input.items().iter().map(|row| creation.draft(table, row, Vec::new()));
    let drafts: Vec<Draft<'_, '_>> = drafts.collect::<Result<_, _>>()?;
    if drafts.iter().all(|draft| draft.children.is_empty()) {
        let rows: Vec<_> = drafts.into_iter().map(|draft| draft.cells).collect();
        creation.write(table, WRITTEN, &rows);
    } else {
        let mut parts = Vec::new();
        for draft in &drafts {
            let part = creation.write_needed(table, &draft.cells);
            creation.write_children(table, &part, &draft.children)?;
            parts.push(part);
        }
        creation.write_union(&parts);
    }
    Ok(creation.finish(table, Extent::AsGiven))
}

/// A row that is to be written.
struct Draft<'a, 'i> {
    cells: Vec<(ColumnId, Cell)>,
    /// The rows that will refer to it.
    children: Vec<(&'a Relation, &'i [Input])>,
}

/// A statement that creates, as far as it is written.
struct Creation<'a> {
    planner: Planner<'a>,
    sql: Statement,
    parts: usize,
    rows: u64,
    /// Parts of which the one row must have been written, since others refer to it.
    needed: Vec<String>,
}

impl<'a> Creation<'a> {
    fn new(planner: Planner<'a>) -> Self {
        Self { planner, sql: Statement::new(), parts: 0, rows: 0, needed: Vec::new() }
    }

    /// Reads a row, of which some cells are known, and writes the rows that it refers to.
    fn draft<'i>(
        &mut self,
        table: &'a Table,
        input: &'i Input,
        known: Vec<(ColumnId, Cell)>,
    ) -> Result<Draft<'a, 'i>, Error> {
        self.rows += 1;
        let most = self.planner.limits.max_rows;
        if self.rows > most {
            let message = format!("more than {most} rows would be created, related ones counted (setting: --max-rows)");
            return Err(Error::new(Code::RowsLimit, message));
        }
        let mut draft = Draft { cells: known, children: Vec::new() };
        let mut parents = Vec::new();
        for (name, value) in input.fields() {
            if let Some(id) = table.column_by_field(name) {
                let text = input::to_text(self.planner.model(), &table.column(id).kind, value)?;
                draft.cells.push((id, Cell::Value(text)));
                continue;
            }
            let relation = table.relation_by_field(name).map(|id| table.relation(id));
            match relation.map(|relation| (relation, &relation.nesting)) {
                Some((relation, Nesting::Parent)) if *value != Input::Null => parents.push((relation, value)),
                Some((relation, Nesting::Children(_))) if *value != Input::Null && !value.items().is_empty() => {
                    draft.children.push((relation, value.items()));
                }
                Some((_, Nesting::Parent | Nesting::Children(_))) => {}
                Some((_, Nesting::Never)) | None => return Err(insert::unknown(table, name)),
            }
        }
        check_references(table, &draft.cells, &parents)?;
        for (relation, value) in parents {
            self.write_parent(relation, value, &mut draft.cells)?;
        }
        Ok(draft)
    }

    /// Writes the row that a row refers to, and fills in the columns that do.
    fn write_parent(
        &mut self,
        relation: &'a Relation,
        input: &Input,
        cells: &mut Vec<(ColumnId, Cell)>,
    ) -> Result<(), Error> {
        let table = self.planner.table(relation.target);
        let draft = self.draft(table, input, Vec::new())?;
        let part = self.write_needed(table, &draft.cells);
        self.write_children(table, &part, &draft.children)?;
        for (own, target) in pairs(relation) {
            cells.push((*own, Cell::Of { part: part.clone(), column: table.column(*target).name.clone() }));
        }
        Ok(())
    }

    /// Writes the rows that refer to the one row of a part.
    fn write_children(
        &mut self,
        table: &Table,
        part: &str,
        children: &[(&'a Relation, &[Input])],
    ) -> Result<(), Error> {
        for (relation, items) in children {
            let target = self.planner.table(relation.target);
            let mut leaves = Vec::new();
            for item in *items {
                let known = pairs(relation).iter().map(|(own, theirs)| {
                    (*theirs, Cell::Of { part: part.to_owned(), column: table.column(*own).name.clone() })
                });
                let draft = self.draft(target, item, known.collect())?;
                if draft.children.is_empty() {
                    leaves.push(draft.cells);
                } else {
                    let part = self.write_needed(target, &draft.cells);
                    self.write_children(target, &part, &draft.children)?;
                }
            }
            if !leaves.is_empty() {
                let name = self.name();
                self.write(target, &name, &leaves);
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("created {}", self.parts + 1)
    }

    /// Writes a part that others refer to; gives its name.
    fn write_needed(&mut self, table: &Table, cells: &[(ColumnId, Cell)]) -> String {
        let name = self.name();
        self.write(table, &name, std::slice::from_ref(&cells.to_vec()));
        self.note_needed(&name);
        name
    }

    fn note_needed(&mut self, part: &str) {
        self.needed.push(part.to_owned());
    }

    /// Prints a part of the statement that inserts rows.
    fn write(&mut self, table: &Table, name: &str, rows: &[Vec<(ColumnId, Cell)>]) {
        self.sql.keyword(if self.parts == 0 { "WITH " } else { ", " }).identifier(name).keyword(" AS (");
        insert::write(table, rows, OnConflict::Fail, &mut self.sql);
        self.sql.keyword(")");
        self.parts += 1;
    }

    /// Prints the part that has the rows of several parts, in their order.
    fn write_union(&mut self, parts: &[String]) {
        self.sql.keyword(", ").identifier(WRITTEN).keyword(" AS (");
        for (index, part) in parts.iter().enumerate() {
            self.sql.keyword(if index == 0 { "SELECT * FROM " } else { " UNION ALL SELECT * FROM " }).identifier(part);
        }
        self.sql.keyword(")");
        self.parts += 1;
    }

    fn finish(mut self, table: &'a Table, extent: Extent) -> Written<'a> {
        let company = if self.parts == 1 { Company::None } else { Company::Related };
        if !self.needed.is_empty() {
            self.sql.keyword(", \"kept\" AS (SELECT WHERE ");
            for (index, part) in self.needed.iter().enumerate() {
                self.sql.keyword(if index == 0 { "" } else { " OR " }).keyword("NOT EXISTS (SELECT FROM ");
                self.sql.identifier(part).keyword(")");
            }
            self.sql.keyword(")");
        }
        let refusal = (!self.needed.is_empty()).then_some((Refusal::Kept, "EXISTS (SELECT FROM \"kept\")"));
        let repetition = match (extent, company) {
            (Extent::One, Company::None) => Repetition::Usual,
            (Extent::One | Extent::AsGiven | Extent::ByKey, _) => Repetition::Unlikely,
        };
        Written { table, sql: self.sql, extent, company, refusal, repetition }
    }
}

/// The columns of a relation that is a foreign key: here, there.
fn pairs(relation: &Relation) -> &[(ColumnId, ColumnId)] {
    match &relation.join {
        Join::Columns(pairs) => pairs,
        Join::Through(_) => &[],
    }
}

/// What a row refers to is given by columns, or as a row to be created: by one of both, and by one where it is needed.
fn check_references(table: &Table, cells: &[(ColumnId, Cell)], parents: &[(&Relation, &Input)]) -> Result<(), Error> {
    let field = |id: ColumnId| table.column(id).field.as_str();
    let mut filled: Vec<(ColumnId, &str)> = cells.iter().map(|(id, _)| (*id, field(*id))).collect();
    for (relation, _) in parents {
        for (own, _) in pairs(relation) {
            if let Some((_, other)) = filled.iter().find(|(id, _)| id == own) {
                let message =
                    format!("`{}` and `{other}` both say what the row refers to: give one of them", relation.field);
                return Err(Error::new(Code::BadUserInput, message));
            }
        }
        filled.extend(pairs(relation).iter().map(|(own, _)| (*own, relation.field.as_str())));
    }
    let needed = |column: &Column| column.writing == Writing::Free && column.not_null && !column.has_default;
    for (id, column) in table.columns().filter(|(_, column)| needed(column)) {
        if filled.iter().any(|(known, _)| *known == id) {
            continue;
        }
        let relations = table.relations.iter().filter(|relation| relation.nesting == Nesting::Parent);
        let named = relations.filter(|relation| pairs(relation).iter().any(|(own, _)| *own == id));
        let names: Vec<&str> = std::iter::once(column.field.as_str()).chain(named.map(|r| r.field.as_str())).collect();
        let message = format!("`{}` of `{}` is needed", names.join("` or `"), table.names.type_name);
        return Err(Error::new(Code::BadUserInput, message));
    }
    Ok(())
}
