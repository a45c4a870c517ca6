//! Imports go one way. The order of the layers stands in `src/lib.rs` and ARCHITECTURE.md; this holds it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A module imports only from layers below its own, or from its own module.
const LAYERS: [&[&str]; 10] = [
    &["error", "caller"],
    &["config"],
    &["sql"],
    &["model"],
    &["input", "sequence"],
    &["filter", "selection"],
    &["schema"],
    &["operation"],
    &["request", "changes", "embedded", "check"],
    &["http"],
];

/// Stands above all layers: start and stop.
const TOP: [&str; 2] = ["server", "main"];

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` has no layer: give it one here and in ARCHITECTURE.md"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The module of the crate that a file belongs to.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix("src").expect("a path in src").with_extension("");
    inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned()
}

#[test]
fn imports_go_one_way() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    let mut imports = 0;
    for file in files {
        let here = module(&file);
        if TOP.contains(&here.as_str()) || here == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable source");
        for found in text.split("crate::").skip(1) {
            let end = found.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(found.len());
            let there = &found[..end];
            imports += 1;
            if there != here && (TOP.contains(&there) || layer(there) >= layer(&here)) {
                wrong.push(format!("{} imports {there}", file.display()));
            }
        }
    }
    assert!(imports > 50, "the test reads imports");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_file_knows_the_replication_library() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let naming: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| fs::read_to_string(file).expect("readable source").contains("use pgwire_replication"))
        .collect();
    assert!(naming.len() <= 1, "{naming:?}");
}
