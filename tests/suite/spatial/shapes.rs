//! Random geometries of every type that PostGIS has, also such as nobody draws, in the form in which it reads them.

use std::fmt::Write;

use rand::Rng;
use rand::rngs::StdRng;

/// A geometry.
pub(super) struct Shape {
    has_z: bool,
    has_measure: bool,
    body: Body,
}

/// <https://postgis.net/docs/using_postgis_dbmanagement.html#OGC_Geometry>
enum Body {
    /// A point; or, by another number, a line or a circular string, a triangle, a polygon with its rings.
    Point(Option<Vec<f64>>),
    Line(u32, Vec<Vec<f64>>),
    Rings(u32, Vec<Vec<Vec<f64>>>),
    /// What is made of others.
    Parts(u32, Vec<Body>),
}

const CURVES: [u32; 8] = [8, 9, 10, 11, 12, 15, 16, 17];

impl Shape {
    /// Of any type, with any coordinates.
    pub(super) fn random(random: &mut StdRng) -> Self {
        let has_z = random.random_ratio(1, 3);
        let has_measure = random.random_ratio(1, 8);
        let width = 2 + usize::from(has_z) + usize::from(has_measure);
        let numbers = if random.random_ratio(1, 6) { strange } else { usual };
        let ty = if random.random_ratio(1, 6) { CURVES[random.random_range(0..8)] } else { random.random_range(1..8) };
        Self {
            has_z,
            has_measure,
            body: Body::random(ty, &Drawing { width, numbers, emptiness: 25, curves: true }, random, 0),
        }
    }

    /// On the round earth, where there are no curves and no coordinates beyond its own.
    pub(super) fn on_earth(random: &mut StdRng) -> Self {
        let has_z = random.random_ratio(1, 4);
        let has_measure = random.random_ratio(1, 8);
        let width = 2 + usize::from(has_z) + usize::from(has_measure);
        let drawing = Drawing { width, numbers: earthly, emptiness: 30, curves: false };
        Self { has_z, has_measure, body: Body::random(random.random_range(1..8), &drawing, random, 0) }
    }

    /// One that GeoJSON can say.
    pub(super) fn sayable(random: &mut StdRng) -> Self {
        let has_z = random.random_ratio(1, 3);
        let ty = random.random_range(1..7);
        let drawing = Drawing { width: 2 + usize::from(has_z), numbers: usual, emptiness: 0, curves: false };
        let body = match random.random_range(0..4) {
            0 => Body::Parts(7, (0..3).map(|_| Body::random(ty, &drawing, random, 1)).collect()),
            _ => Body::random(ty, &drawing, random, 1),
        };
        Self { has_z, has_measure: false, body }
    }

    /// As PostGIS reads and prints it.
    pub(super) fn ewkb(&self, srid: u32) -> String {
        let mut hex = String::new();
        self.write(&self.body, srid, &mut hex);
        hex
    }

    fn write(&self, body: &Body, srid: u32, hex: &mut String) {
        let ty = match body {
            Body::Point(_) => 1,
            Body::Line(ty, _) | Body::Rings(ty, _) | Body::Parts(ty, _) => *ty,
        };
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        let flags = flag(self.has_z, 0x8000_0000) | flag(self.has_measure, 0x4000_0000) | flag(srid > 0, 0x2000_0000);
        hex.push_str("01");
        number(ty | flags, hex);
        if srid > 0 {
            number(srid, hex);
        }
        let width = 2 + usize::from(self.has_z) + usize::from(self.has_measure);
        let nowhere = vec![f64::NAN; width];
        match body {
            Body::Point(position) => coordinates(position.as_ref().unwrap_or(&nowhere), hex),
            Body::Line(_, line) => positions(line, hex),
            Body::Rings(_, rings) => {
                number(rings.len() as u32, hex);
                rings.iter().for_each(|ring| positions(ring, hex));
            }
            Body::Parts(_, parts) => {
                number(parts.len() as u32, hex);
                parts.iter().for_each(|part| self.write(part, 0, hex));
            }
        }
    }
}

/// What all parts have in common.
struct Drawing {
    width: usize,
    numbers: fn(&mut StdRng) -> f64,
    /// Of so many parts one is empty; none if 0.
    emptiness: u32,
    /// Whether there are curves in collections.
    curves: bool,
}

impl Body {
    fn random(ty: u32, drawing: &Drawing, random: &mut StdRng, depth: u32) -> Self {
        let empty = drawing.emptiness > 0 && random.random_ratio(1, drawing.emptiness);
        let count = if empty { 0 } else { random.random_range(1..4) };
        let mut part = |ty: u32| Self::random(ty, drawing, random, depth + 1);
        match ty {
            1 if empty => Self::Point(None),
            1 => Self::Point(Some(position(drawing, random))),
            2 => Self::Line(2, line(if empty { 0 } else { count + 1 }, drawing, random)),
            // An arc has three positions, or two more for each further one.
            8 => Self::Line(8, line(if empty { 0 } else { 1 + 2 * count }, drawing, random)),
            3 | 17 => Self::Rings(
                ty,
                (0..if ty == 17 { count.min(1) } else { count }).map(|_| ring(ty, drawing, random)).collect(),
            ),
            4 => Self::Parts(4, (0..count).map(|_| part(1)).collect()),
            5 | 11 => Self::Parts(ty, (0..count).map(|_| part(2)).collect()),
            6 | 12 | 15 => Self::Parts(ty, (0..count).map(|_| part(3)).collect()),
            9 => Self::Parts(9, vec![part(2)]),
            10 => Self::Parts(10, (0..count).map(|_| part(8)).collect()),
            16 => Self::Parts(16, (0..count).map(|_| part(17)).collect()),
            // Collections within collections, and curves in them, are seldom.
            _ => {
                let mut parts = Vec::new();
                for _ in 0..count {
                    let ty = match random.random_range(0..20) {
                        0 if depth < 2 => 7,
                        1 if drawing.curves => CURVES[random.random_range(0..CURVES.len())],
                        ty => 1 + ty % 6,
                    };
                    parts.push(Self::random(ty, drawing, random, depth + 1));
                }
                Self::Parts(7, parts)
            }
        }
    }
}

fn position(drawing: &Drawing, random: &mut StdRng) -> Vec<f64> {
    (0..drawing.width).map(|_| (drawing.numbers)(random)).collect()
}

fn line(count: usize, drawing: &Drawing, random: &mut StdRng) -> Vec<Vec<f64>> {
    (0..count).map(|_| position(drawing, random)).collect()
}

fn ring(ty: u32, drawing: &Drawing, random: &mut StdRng) -> Vec<Vec<f64>> {
    // PostGIS refuses a triangle with a ring of nothing.
    if ty != 17 && drawing.emptiness > 0 && random.random_ratio(1, drawing.emptiness) {
        return Vec::new();
    }
    let mut ring = line(if ty == 17 { 3 } else { random.random_range(3..6) }, drawing, random);
    ring.push(ring[0].clone());
    ring
}

/// Of no reference system, of longitudes and latitudes, of another, and of one that nobody knows.
pub(super) fn srid(random: &mut StdRng) -> u32 {
    [0, 4326, 4326, 3857, 998_999][random.random_range(0..5)]
}

fn usual(random: &mut StdRng) -> f64 {
    let size = random.random_range(-12..18);
    let number: f64 = random.random_range(-1.0..1.0) * 10_f64.powi(size);
    match random.random_range(0..4) {
        0 => number.round() + 0.0,
        1 => (number * 1e6).round() / 1e6 + 0.0,
        _ => number,
    }
}

fn strange(random: &mut StdRng) -> f64 {
    const NUMBERS: [f64; 16] = [
        0.0,
        -0.0,
        1e-8,
        -1.000_000_000_000_000_2e-8,
        1.234_567_890_123_456_7e-8,
        1e15,
        999_999_999_999_999.9,
        -1e20,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        1e-300,
        9_007_199_254_740_993.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    match random.random_range(0..4) {
        0 => NUMBERS[random.random_range(0..NUMBERS.len())],
        // Any bits at all, of which few are no number.
        _ => f64::from_bits(random.random()),
    }
}

fn earthly(random: &mut StdRng) -> f64 {
    match random.random_range(0..4) {
        0 => f64::from(random.random_range(-90..90)),
        1 => random.random_range(-1.0..1.0) * 10_f64.powi(random.random_range(-12..0)),
        _ => random.random_range(-90.0..90.0),
    }
}

fn positions(positions: &[Vec<f64>], hex: &mut String) {
    number(positions.len() as u32, hex);
    positions.iter().for_each(|position| coordinates(position, hex));
}

fn coordinates(numbers: &[f64], hex: &mut String) {
    for number in numbers {
        bytes(&number.to_le_bytes(), hex);
    }
}

fn number(number: u32, hex: &mut String) {
    bytes(&number.to_le_bytes(), hex);
}

fn bytes(bytes: &[u8], hex: &mut String) {
    for byte in bytes {
        write!(hex, "{byte:02X}").expect("text takes text");
    }
}
