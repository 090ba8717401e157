//! The table of faults in README.md, as a test reads it.

const README: &str = include_str!("../../README.md");

/// The head of the table.
const HEAD: &str = "| fault | the caller is told | readiness | log | heals |";

/// What the table says of one fault.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    /// The gRPC code that a caller is told who is not known yet.
    pub(crate) code: &'static str,
    /// The reason it is refused with, or nothing.
    pub(crate) reason: Option<&'static str>,
    /// What readiness complains about, or nothing.
    pub(crate) complaint: Option<&'static str>,
    /// The level and the sentence of the log line that tells of it.
    pub(crate) level: String,
    pub(crate) sentence: &'static str,
    /// Whether the same token is admitted as soon as the fault is over.
    pub(crate) heals_at_once: bool,
}

/// Every row, in order.
pub(crate) fn rows() -> Vec<Row> {
    let (_before, table) = README
        .split_once(HEAD)
        .expect("the table must have this head");
    let lines = table.lines().skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(read).collect()
}

fn read(line: &'static str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [fault, told, readiness, log, heals] =
        cells.try_into().expect("a row must have five cells");
    assert!(
        ["at once", "with the next verdict"].contains(&heals),
        "{heals}"
    );
    let code = quoted(told)[0];
    Row {
        fault: quoted(fault)[0],
        code,
        reason: (code != "OK").then(|| quoted(told)[1]),
        complaint: match readiness {
            "ready" => None,
            not_ready => Some(quoted(not_ready)[0]),
        },
        level: log.split(' ').next().unwrap_or_default().to_uppercase(),
        sentence: quoted(log)[0],
        heals_at_once: heals == "at once",
    }
}

/// What stands between backticks.
fn quoted(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}
