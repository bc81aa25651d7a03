//! Medians over all rounds, in the form of docs/performance.md.

use std::fs;

use super::peer::{BASE, FLOOR, Peer};
use super::phase::{IDLE, Phase, Record, What};

/// A column: its title, what was measured, and the figure's name and decimals.
struct Column {
    title: String,
    what: What,
    figure: &'static str,
    decimals: usize,
}

impl Column {
    fn new(title: &str, what: What, figure: &'static str, decimals: usize) -> Column {
        Column { title: title.to_owned(), what, figure, decimals }
    }
}

/// Prints a table for each phase, and what was found of the machine.
pub(crate) fn print(phases: &[Phase], peers: &[&Peer], viewers: &[u32], records: &[Record]) {
    println!("\n{}\n", machine());
    for phase in phases {
        let columns = columns(*phase, viewers);
        if columns.is_empty() || !peers.iter().any(|peer| peer.takes_part(*phase)) {
            continue;
        }
        let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
        println!("| server | {} |", titles.join(" | "));
        println!("|---|{}", "---|".repeat(titles.len()));
        for peer in peers.iter().filter(|peer| peer.takes_part(*phase)) {
            let cells: Vec<String> =
                columns.iter().map(|column| cell(column, peer.name, records)).collect();
            println!("| {} | {} |", peer.name, cells.join(" | "));
        }
        println!();
    }
    if phases.contains(&Phase::FanOut) {
        print_multiples(peers, viewers, records);
    }
}

fn columns(phase: Phase, viewers: &[u32]) -> Vec<Column> {
    match phase {
        Phase::FanOut => {
            let mut columns = Vec::new();
            for count in viewers {
                let what = What::FanOut(*count);
                let title = format!("µs per packet, {count}");
                columns.push(Column::new(&title, what, "us_per_packet", 2));
            }
            for count in viewers {
                let what = What::FanOut(*count);
                let title = format!("CPU ms per viewer-second, {count}");
                columns.push(Column::new(&title, what, "cpu_ms_per_viewer_second", 2));
            }
            if let Some(most) = viewers.iter().max() {
                let what = What::FanOut(*most);
                columns.push(Column::new(&format!("RSS MB, {most}"), what, "rss_mb", 1));
                columns.push(Column::new(&format!("threads, {most}"), what, "threads", 0));
                columns.push(Column::new(&format!("lost, {most}"), what, "lost", 0));
            }
            columns
        }
        Phase::Idle => vec![
            Column::new(&format!("% of a core, {IDLE} idle"), What::Idle, "cpu_percent", 2),
            Column::new("µs each a second", What::Idle, "cpu_us_per_viewer_second", 1),
            Column::new("RSS MB", What::Idle, "rss_mb", 1),
        ],
        Phase::Join => vec![
            Column::new("DTLS ready p50 ms", What::Join, "ready_ms_p50", 1),
            Column::new("p99", What::Join, "ready_ms_p99", 1),
            Column::new("first packet p50 ms", What::Join, "first_packet_ms_p50", 1),
            Column::new("p99", What::Join, "first_packet_ms_p99", 1),
            Column::new("CPU ms per join, 12 wide", What::Storm, "cpu_ms_per_join", 2),
            Column::new("joins a second, 12 wide", What::Storm, "joins_per_second", 0),
        ],
        Phase::Latency => {
            let mut columns = vec![
                Column::new("17 kB, last packet p50 ms", What::Latency, "small_last_ms_p50", 2),
                Column::new("p99", What::Latency, "small_last_ms_p99", 2),
                Column::new("100 kB, last packet p50 ms", What::Latency, "large_last_ms_p50", 2),
                Column::new("p99", What::Latency, "large_last_ms_p99", 2),
            ];
            if let Some(most) = viewers.iter().max().filter(|count| **count > 1) {
                let what = What::LastOf(*most);
                let title = format!("17 kB, the last of {most} p50 ms");
                columns.push(Column::new(&title, what, "small_last_ms_p50", 2));
                columns.push(Column::new("p99", what, "small_last_ms_p99", 2));
            }
            columns
        }
    }
}

/// The median, and how often Pinhole's it is.
fn cell(column: &Column, peer: &str, records: &[Record]) -> String {
    let Some(value) = median(peer, column.what, column.figure, records) else {
        return "–".to_owned();
    };
    let shown = format!("{value:.*}", column.decimals);
    let base = median(BASE, column.what, column.figure, records);
    match base.filter(|base| *base > 0.0 && peer != BASE && column.figure != "threads") {
        Some(base) => format!("{shown} ({:.2}×)", value / base),
        None => shown,
    }
}

/// Microseconds a packet as multiples of the floor's, and memory for each viewer.
fn print_multiples(peers: &[&Peer], viewers: &[u32], records: &[Record]) {
    let titles: Vec<String> =
        viewers.iter().map(|count| format!("of the floor, {count}")).collect();
    println!("| server | {} | kB of RSS for each viewer more |", titles.join(" | "));
    println!("|---|{}", "---|".repeat(titles.len() + 1));
    for peer in peers.iter().filter(|peer| peer.takes_part(Phase::FanOut)) {
        let figure = |count: u32, name: &str| median(peer.name, What::FanOut(count), name, records);
        let mut cells: Vec<String> = Vec::new();
        for count in viewers {
            let floor = median(FLOOR, What::FanOut(*count), "us_per_packet", records);
            let multiple =
                figure(*count, "us_per_packet").zip(floor).map(|(own, floor)| own / floor);
            cells.push(multiple.map_or("–".to_owned(), |multiple| format!("{multiple:.2}×")));
        }
        let (least, most) = (viewers.iter().min(), viewers.iter().max());
        let each =
            least.zip(most).filter(|(least, most)| least < most).and_then(|(least, most)| {
                let more = figure(*most, "rss_mb")? - figure(*least, "rss_mb")?;
                Some(format!("{:.0}", more * 1024.0 / f64::from(most - least)))
            });
        cells.push(each.unwrap_or("–".to_owned()));
        println!("| {} | {} |", peer.name, cells.join(" | "));
    }
    println!();
}

fn median(peer: &str, what: What, figure: &str, records: &[Record]) -> Option<f64> {
    let own = records.iter().filter(|record| record.peer == peer && record.what == what);
    let mut values: Vec<f64> =
        own.filter_map(|record| record.figures.get(figure).copied()).collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some((upper + lower) / 2.0)
}

/// The machine in words, and what else it did.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |text| text.trim_start_matches(['\t', ':', ' ']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    format!("{cores} cores, {model}, Linux {}, load {}", kernel.trim(), load.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(peer: &'static str, value: f64) -> Record {
        let figures = [("us_per_packet".to_owned(), value)].into();
        Record { peer, what: What::FanOut(50), figures }
    }

    #[test]
    fn a_cell_is_the_median_with_its_ratio_to_ours() {
        let records = [
            record(BASE, 2.0),
            record(BASE, 9.0),
            record(BASE, 4.0),
            record("pion", 9.0),
            record("pion", 11.0),
        ];
        let column = Column::new("", What::FanOut(50), "us_per_packet", 1);
        assert_eq!(cell(&column, "pion", &records), "10.0 (2.50×)");
        assert_eq!(cell(&column, BASE, &records), "4.0");
        assert_eq!(cell(&column, "janus", &records), "–");
        let fewer = Column::new("", What::FanOut(1), "us_per_packet", 1);
        assert_eq!(cell(&fewer, "pion", &records), "–");
    }
}
