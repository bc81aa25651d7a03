//! What is printed.

/// Prints one figure.
pub(crate) fn print(name: &str, value: f64) {
    println!("{name} {value:.4}");
}

/// Prints the median and the 99th of 100 of these, if there are any.
pub(crate) fn print_spread(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    for (suffix, share) in [("p50", 0.5), ("p99", 0.99)] {
        let at = (values.len().saturating_sub(1) as f64 * share).round();
        // It is within the length, which is a usize.
        if let Some(value) = values.get(at as usize) {
            print(&format!("{name}_{suffix}"), *value);
        }
    }
}

/// Milliseconds from one time in nanoseconds to another.
pub(crate) fn ms_between(from_ns: u64, to_ns: u64) -> f64 {
    (to_ns as f64 - from_ns as f64) / 1e6
}
