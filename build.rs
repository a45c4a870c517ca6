//! Compiles again when the pages were built anew: the embedding itself does not notice new files.

fn main() {
    // Where web/dist is missing, its coming shows as a change of web/.
    let watched = if std::path::Path::new("web/dist").is_dir() { "web/dist" } else { "web" };
    println!("cargo::rerun-if-changed={watched}");
}
