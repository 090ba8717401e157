use std::{fmt, path::PathBuf, str::FromStr};

/// Where records are kept: `redb:PATH` for a file, `memory:` for this process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A file, which is created when it is missing. Its folder must be there.
    Redb(PathBuf),
    /// Memory: the records end with the process.
    Memory,
}

/// Why a text says no place to keep records at.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{given}` is no storage: give redb:PATH for a file, or memory: for records that end with the process"
)]
pub struct AddressError {
    given: String,
}

// === impl Address ===

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given.split_once(':') {
            Some(("redb", path)) if !path.is_empty() => Ok(Self::Redb(PathBuf::from(path))),
            Some(("memory", "")) => Ok(Self::Memory),
            Some(_) | None => Err(AddressError {
                given: given.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_prints_as_it_was_given() {
        for given in ["redb:/var/lib/records.redb", "redb:a:b", "memory:"] {
            assert_eq!(given.parse::<Address>().unwrap().to_string(), given);
        }
    }

    #[test]
    fn anything_else_is_refused_and_told_what_is_accepted() {
        for given in [
            "", "redb", "redb:", "memory", "memory:x", "/a/path", "REDB:/a", "etcd:h:1",
        ] {
            let error = given.parse::<Address>().unwrap_err().to_string();

            assert!(error.contains(&format!("`{given}`")), "{error}");
            assert!(error.contains("redb:PATH"), "{error}");
            assert!(error.contains("memory:"), "{error}");
        }
    }
}
