//! How is a figure told? Median, minimum and maximum of its rounds.

/// A heading, with how it was measured.
pub(crate) fn heading(title: &str, how: &str) {
    println!("\n{title}: {how}");
    println!("  {:<58} {:>3} {:>11} {:>11} {:>11}", "", "n", "median", "min", "max");
}

/// One line.
pub(crate) fn line(what: &str, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return };
    let [median, min, max] = [percentile(&sorted, 50.0), *min, *max].map(short);
    println!("  {what:<58} {:>3} {median:>11} {min:>11} {max:>11}", sorted.len());
}

/// A line of what two lines of the same rounds come to, round by round.
pub(crate) fn ratio(what: &str, above: &[f64], below: &[f64]) {
    let ratios: Vec<f64> = above.iter().zip(below).map(|(above, below)| above / below).collect();
    line(what, &ratios);
}

/// Of values in ascending order.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * percent / 100.0).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Three significant digits are more than the machine keeps from run to run.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
