//! Everything that keeps a program from starting, told at once.

use std::{
    error::Error,
    fmt::{self, Write as _},
};

/// A list of what is wrong with a program's configuration, each with the flag that mends it.
///
/// It is filled with [`Problems::check`] and ends a start with [`Problems::none`]: one run shows all of it.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

#[derive(Debug)]
struct Problem {
    flag: String,
    what: String,
}

// === impl Problems ===

impl Problems {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the value, or notes the error, with its causes, under the flag that decides about it.
    pub fn check<T, E: Error>(&mut self, flag: &str, result: Result<T, E>) -> Option<T> {
        result
            .map_err(|error| {
                self.0.push(Problem {
                    flag: flag.to_owned(),
                    what: chain(&error),
                })
            })
            .ok()
    }

    /// Keeps the value, or takes over the problems of a program that is part of this one, whose flags have other names here.
    pub fn check_part<T>(&mut self, result: Result<T, Self>, flags: &[(&str, &str)]) -> Option<T> {
        let problems = match result {
            Ok(value) => return Some(value),
            Err(problems) => problems,
        };
        self.0.extend(problems.0.into_iter().map(|problem| {
            let renamed = flags.iter().find(|(theirs, _ours)| *theirs == problem.flag);
            let flag = renamed.map_or(problem.flag, |(_theirs, ours)| (*ours).to_owned());
            Problem {
                flag,
                what: problem.what,
            }
        }));
        None
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
            write!(f, "\n  {}: {}", problem.flag, problem.what)?;
        }
        Ok(())
    }
}

impl Error for Problems {}

/// An error and what caused it, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors say what their cause says.
        if !text.contains(&cause_text) {
            let _infallible = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

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

    #[test]
    fn the_problems_of_a_part_are_told_under_the_flags_of_the_whole() {
        let mut part = Problems::new();
        part.check("--listen-addr", Err::<(), _>(io::Error::other("is taken")));
        part.check("--storage", Err::<(), _>(io::Error::other("is full")));
        let mut whole = Problems::new();

        whole.check_part(part.none(), &[("--listen-addr", "--api-addr")]);

        let text = whole.none().unwrap_err().to_string();
        assert_eq!(
            text,
            "cannot start:\n  --api-addr: is taken\n  --storage: is full"
        );
    }
}
