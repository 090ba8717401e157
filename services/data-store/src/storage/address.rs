use std::{fmt, path::PathBuf, str::FromStr};

use super::etcd::{EtcdAddress, EtcdAddressError};

/// Where records are kept: `redb:PATH` for a file, `etcd:HOST:PORT,HOST:PORT,…` for an etcd, `memory:` for this process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A file, which is created when it is missing. Its folder must be there.
    Redb(PathBuf),
    /// The members of an etcd cluster.
    Etcd(EtcdAddress),
    /// Memory: the records end with the process.
    Memory,
}

/// Why a text says no place to keep records at.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AddressError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(
        "`{0}` is no storage: give redb:PATH for a file, etcd:HOST:PORT,HOST:PORT,… for an etcd, or memory: for records that end with the process"
    )]
    Engine(String),
    /// It may hold what nobody should see.
    #[error("this is no address of an etcd: {0}")]
    Etcd(EtcdAddressError),
}

// === impl Address ===

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given.split_once(':') {
            Some(("redb", path)) if !path.is_empty() => Ok(Self::Redb(PathBuf::from(path))),
            Some(("etcd", rest)) => {
                Ok(Self::Etcd(EtcdAddress::parse(rest).map_err(Problem::Etcd)?))
            }
            Some(("memory", "")) => Ok(Self::Memory),
            Some(_) | None => Err(Problem::Engine(given.to_owned()).into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
            Self::Etcd(address) => write!(f, "etcd:{address}"),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_prints_as_it_was_given() {
        for given in [
            "redb:/var/lib/records.redb",
            "redb:a:b",
            "memory:",
            "etcd:h:1",
            "etcd:a:1,[::1]:2?prefix=/x&tls",
        ] {
            assert_eq!(given.parse::<Address>().unwrap().to_string(), given);
        }
    }

    #[test]
    fn anything_else_is_refused_and_told_what_is_accepted() {
        for given in [
            "",
            "redb",
            "redb:",
            "memory",
            "memory:x",
            "/a/path",
            "REDB:/a",
            "etcd",
            "etcd//h:1",
        ] {
            let error = given.parse::<Address>().unwrap_err().to_string();

            assert!(error.contains(&format!("`{given}`")), "{error}");
            assert!(error.contains("redb:PATH"), "{error}");
            assert!(error.contains("etcd:HOST:PORT"), "{error}");
            assert!(error.contains("memory:"), "{error}");
        }
    }
}
