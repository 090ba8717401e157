//! What benchmarks count with.

use std::{fs, io};

/// The median, and between what the middle half lies.
pub(crate) fn spread(figures: &[f64]) -> String {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let at = |part: usize| figures.get((figures.len() - 1) * part / 4).copied();
    let [low, middle, high] = [1, 2, 3].map(|part| at(part).unwrap_or(f64::NAN));
    let digits = if middle >= 100.0 { 0 } else { 2 };
    format!("{middle:.digits$} [{low:.digits$} … {high:.digits$}]")
}

/// One by the other, turn by turn.
pub(crate) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

/// How many bytes of memory a process has, or had at most: `VmRSS` or `VmHWM` of `/proc/PROCESS/status`.
pub(crate) fn memory(process: &str, what: &str) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| io::Error::other("no such figure"))? * 1024.0)
}
