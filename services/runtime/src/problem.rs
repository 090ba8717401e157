//! Everything that keeps a program from starting, told at once.

use std::{
    error::Error,
    fmt::{self, Write as _},
};

/// A list of what is wrong with a program's configuration, each with the flag that mends it.
///
/// It is filled with [`Problems::check`] and ends a start with [`Problems::none`]: one run shows all of it.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

// === impl Problems ===

impl Problems {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the value, or notes the error, with its causes, under the flag that decides about it.
    pub fn check<T, E: Error>(&mut self, flag: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let mut line = format!("{flag}: {error}");
                let mut source = error.source();
                while let Some(cause) = source {
                    let cause_text = cause.to_string();
                    if !line.contains(&cause_text) {
                        let _infallible = write!(line, ": {cause_text}");
                    }
                    source = cause.source();
                }
                self.0.push(line);
                None
            }
        }
    }

    /// Succeeds when nothing is wrong.
    ///
    /// # Errors
    ///
    /// The list itself when it is not empty.
    pub fn none(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot start:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl Error for Problems {}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Problems;

    #[test]
    fn lists_every_problem_with_its_flag() {
        let mut problems = Problems::new();
        problems.check("--audience", Err::<(), _>(io::Error::other("is empty")));
        problems.check("--allow", Ok::<_, io::Error>(()));
        problems.check("--storage", Err::<(), _>(io::Error::other("is read-only")));

        let text = problems.none().unwrap_err().to_string();

        assert_eq!(
            text,
            "cannot start:\n  --audience: is empty\n  --storage: is read-only"
        );
    }
}
