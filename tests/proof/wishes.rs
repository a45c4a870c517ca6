//! What does a subscriber ask for? A random table, filter and selection, as GraphQL and as SQL.

use crate::dice::Dice;
use crate::tables::{ACCOUNT, ENTRY, LANES, LINK, PARCEL, TASK, TASKS, Table};

/// What a subscription covers.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) table: &'static Table,
    /// The rows, in SQL.
    pub(crate) condition: String,
    /// Columns selected, by index.
    pub(crate) columns: Vec<usize>,
    pub(crate) document: String,
}

/// A filter in both languages: the inside of a `where`, and a condition.
struct Filter(String, String);

impl Wish {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let table = match dice.roll(100) {
            0..45 => &TASK,
            45..75 => &ENTRY,
            75..90 => &LINK,
            90..98 => &ACCOUNT,
            _ => &PARCEL,
        };
        let count = table.columns.len();
        let mut columns: Vec<usize> = (0..count).filter(|_| !dice.one_in(3)).collect();
        if columns.is_empty() {
            columns.push(0);
        }
        if table.name == "task" && dice.one_in(6) {
            let id = task_id(dice);
            return Self::of(table, "task", &format!("id: \"{id}\""), format!("id = '{id}'"), columns, dice);
        }
        let Filter(graphql, condition) = filter(table, dice);
        Self::of(table, table.list, &format!("where: {{{graphql}}}"), condition, columns, dice)
    }

    /// Every row of a table, and every column.
    pub(crate) fn whole(table: &'static Table, dice: &mut Dice) -> Self {
        let columns = (0..table.columns.len()).collect();
        Self::of(table, table.list, "where: {}", "true".to_owned(), columns, dice)
    }

    fn of(
        table: &'static Table,
        root: &str,
        arguments: &str,
        condition: String,
        columns: Vec<usize>,
        dice: &mut Dice,
    ) -> Self {
        let names: Vec<&str> = columns.iter().map(|index| table.columns[*index].0).collect();
        let (row, key) = (names.join(" "), table.key.join(" "));
        let (kind, name) = (table.type_name, table.name);
        // What a client may apply: the parts, the row, or both, which must agree.
        let parts = format!("changed patch {{ {row} }}");
        let whole = format!("row: {name} {{ {row} }}");
        let patch = match dice.roll(3) {
            0 => parts,
            1 => whole.clone(),
            _ => format!("{parts} {whole}"),
        };
        let document = format!(
            "subscription($since: Sequence) {{ c: {root}({arguments}, since: $since) {{ sequence previous reset more \
             changes {{ op key {{ {key} }} ... on {kind}Put {{ {whole} }} ... on {kind}Patch {{ {patch} }} }} }} }}"
        );
        Self { table, condition, columns, document }
    }

    /// Whether all rows are covered.
    pub(crate) fn is_whole(&self) -> bool {
        self.condition == "true"
    }
}

pub(crate) fn task_id(dice: &mut Dice) -> String {
    format!("00000000-0000-4000-8000-{:012}", dice.roll(TASKS))
}

fn filter(table: &'static Table, dice: &mut Dice) -> Filter {
    let lanes = matches!(table.name, "task" | "entry" | "link");
    match dice.roll(10) {
        // Most front-ends follow what belongs to one thing.
        0..6 if lanes => {
            let lane = dice.roll(LANES);
            let first = Filter(format!("lane: {{eq: {lane}}}"), format!("lane = {lane}"));
            if dice.one_in(2) { first } else { both(first, leaf(table, dice)) }
        }
        0..7 => leaf(table, dice),
        7 => {
            let Filter(graphql, sql) = leaf(table, dice);
            Filter(format!("not: {{{graphql}}}"), format!("NOT ({sql})"))
        }
        8 => {
            let (Filter(a, sql_a), Filter(b, sql_b)) = (leaf(table, dice), leaf(table, dice));
            Filter(format!("or: [{{{a}}}, {{{b}}}]"), format!("({sql_a} OR {sql_b})"))
        }
        _ => {
            let (Filter(a, sql_a), Filter(b, sql_b)) = (leaf(table, dice), leaf(table, dice));
            Filter(format!("and: [{{{a}}}, {{not: {{{b}}}}}]"), format!("({sql_a} AND NOT ({sql_b}))"))
        }
    }
}

fn both(Filter(a, sql_a): Filter, Filter(b, sql_b): Filter) -> Filter {
    Filter(format!("and: [{{{a}}}, {{{b}}}]"), format!("({sql_a} AND {sql_b})"))
}

fn leaf(table: &'static Table, dice: &mut Dice) -> Filter {
    let n = dice.roll(LANES);
    let made = |graphql: String, sql: String| Filter(graphql, sql);
    let mood = *dice.pick(&["todo", "doing", "done"]);
    match (table.name, dice.roll(8)) {
        ("task" | "entry" | "link", 0) => {
            made(format!("lane: {{in: [{n}, {}, {}]}}", n / 2, n / 3), format!("lane IN ({n}, {}, {})", n / 2, n / 3))
        }
        ("task" | "entry" | "link", 1) => made(format!("lane: {{lt: {}}}", n / 8), format!("lane < {}", n / 8)),
        ("task" | "entry", 2) => made(format!("mood: {{eq: {}}}", mood.to_uppercase()), format!("mood = '{mood}'")),
        ("task" | "entry", 3) => made(format!("amount: {{gte: \"{n}.50\"}}"), format!("amount >= {n}.5")),
        ("task", 4) => made("title: {like: \"a%\"}".to_owned(), "title LIKE 'a%'".to_owned()),
        ("task", 5) => made("tags: {eq: [\"x\", \"y z\"]}".to_owned(), "tags = ARRAY['x', 'y z']".to_owned()),
        ("task", 6) => made("points: {gt: \"9007199254740993\"}".to_owned(), "points > 9007199254740993".to_owned()),
        ("task", _) => made("title: {isNull: true}".to_owned(), "title IS NULL".to_owned()),
        ("entry", 4..6) => {
            let at = format!("2026-01-01T00:{n:02}:00Z");
            made(format!("at: {{lt: \"{at}\"}}"), format!("at < '{at}'"))
        }
        ("entry", _) => made("mood: {isNull: true}".to_owned(), "mood IS NULL".to_owned()),
        ("link", 2..5) => made(format!("a: {{eq: {}}}", n / 3), format!("a = {}", n / 3)),
        ("link", 5) => made("weight: {isNull: false}".to_owned(), "weight IS NOT NULL".to_owned()),
        ("link", _) => made("b: {notIn: [\"b1\", \"b2\"]}".to_owned(), "b NOT IN ('b1', 'b2')".to_owned()),
        ("account", 0..4) => made(String::new(), "true".to_owned()),
        ("account", _) => made(format!("balance: {{lt: \"{}\"}}", n * 4), format!("balance < {}", n * 4)),
        ("parcel", 0..3) => made(format!("batch: {{eq: {}}}", n % 6), format!("batch = {}", n % 6)),
        (_, _) => {
            let id = n * 400;
            made(format!("id: {{in: [{id}, {}]}}", id + 1), format!("id IN ({id}, {})", id + 1))
        }
    }
}
