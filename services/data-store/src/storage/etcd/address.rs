use std::{fmt, path::PathBuf};

use tonic::transport::Uri;

const DEFAULT_PREFIX: &str = "/records/";

/// The members of an etcd cluster, which keys are ours, and how to speak with it.
///
/// ```text
/// HOST:PORT,HOST:PORT,…[?option=value&option=value…]
/// ```
///
/// | option | says |
/// |---|---|
/// | `prefix` | what our keys begin with, `/records/` if not given; a slash is added where it does not end with one |
/// | `tls` | to speak TLS; each of the next four says so, too |
/// | `ca` | the file with the certificates to trust; those of the system if not given |
/// | `cert`, `key` | the files with our own certificate and its key |
/// | `server-name` | the name in the members' certificates, if it is not the host |
/// | `user`, `password-file` | who to be, and the file with the password |
///
/// It holds no secret: it is printed as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdAddress {
    given: String,
    pub(super) members: Vec<String>,
    pub(super) prefix: String,
    pub(super) tls: Option<Tls>,
    pub(super) user: Option<User>,
}

/// How to speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    /// Whom to trust, if not those the system trusts.
    pub(super) ca: Option<PathBuf>,
    /// The files with our certificate and its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
    pub(super) server_name: Option<String>,
}

/// Who to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password_file: PathBuf,
}

/// What is wrong with the address of an etcd. It tells nothing that may be a secret.
#[derive(Debug, thiserror::Error)]
pub(in crate::storage) enum EtcdAddressError {
    #[error("`{0}` is no member; give HOST:PORT, and [HOST]:PORT for IPv6")]
    Member(String),
    #[error(
        "a member takes no user; the address is printed, so give the options user=NAME and password-file=PATH"
    )]
    UserInfo,
    #[error(
        "the address is printed and takes no password; put it in a file and give password-file=PATH"
    )]
    Password,
    #[error(
        "there is no option `{0}`; there are prefix, tls, ca, cert, key, server-name, user and password-file"
    )]
    UnknownOption(String),
    #[error("the option `{0}` is given twice; give it once")]
    Twice(String),
    #[error("the option `{0}` has no value; give {0}=…")]
    NoValue(&'static str),
    #[error("the option `tls` has a value; give it without")]
    TlsValue,
    #[error("`{given}` is given without `{missing}`; give both, or neither")]
    Half {
        given: &'static str,
        missing: &'static str,
    },
}

/// The options as they were given.
#[derive(Default)]
struct Options<'a> {
    prefix: Option<&'a str>,
    tls: Option<&'a str>,
    ca: Option<&'a str>,
    cert: Option<&'a str>,
    key: Option<&'a str>,
    server_name: Option<&'a str>,
    user: Option<&'a str>,
    password_file: Option<&'a str>,
}

// === impl EtcdAddress ===

impl EtcdAddress {
    /// Reads what follows `etcd:`.
    pub(in crate::storage) fn parse(given: &str) -> Result<Self, EtcdAddressError> {
        let (members, options) = match given.split_once('?') {
            Some((members, options)) => (members, Some(options)),
            None => (given, None),
        };
        let mut found = Options::default();
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            found.add(option)?;
        }
        Ok(Self {
            given: given.to_owned(),
            members: members.split(',').map(member).collect::<Result<_, _>>()?,
            prefix: found.prefix()?,
            tls: found.tls()?,
            user: found.user()?,
        })
    }
}

impl fmt::Display for EtcdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

// === impl Options ===

impl<'a> Options<'a> {
    fn add(&mut self, option: &'a str) -> Result<(), EtcdAddressError> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let place = match name {
            "prefix" => &mut self.prefix,
            "tls" if option != name => return Err(EtcdAddressError::TlsValue),
            "tls" => &mut self.tls,
            "ca" => &mut self.ca,
            "cert" => &mut self.cert,
            "key" => &mut self.key,
            "server-name" => &mut self.server_name,
            "user" => &mut self.user,
            "password-file" => &mut self.password_file,
            "password" => return Err(EtcdAddressError::Password),
            unknown => return Err(EtcdAddressError::UnknownOption(unknown.to_owned())),
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(EtcdAddressError::Twice(name.to_owned())),
        }
    }

    fn prefix(&self) -> Result<String, EtcdAddressError> {
        let mut prefix = some("prefix", self.prefix)?
            .unwrap_or(DEFAULT_PREFIX)
            .to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        Ok(prefix)
    }

    fn tls(&self) -> Result<Option<Tls>, EtcdAddressError> {
        let tls = Tls {
            ca: some("ca", self.ca)?.map(PathBuf::from),
            identity: both(("cert", self.cert), ("key", self.key))?
                .map(|(cert, key)| (cert.into(), key.into())),
            server_name: some("server-name", self.server_name)?.map(str::to_owned),
        };
        Ok((self.tls.is_some() || tls != Tls::default()).then_some(tls))
    }

    fn user(&self) -> Result<Option<User>, EtcdAddressError> {
        let both = both(("user", self.user), ("password-file", self.password_file))?;
        Ok(both.map(|(name, file)| User {
            name: name.to_owned(),
            password_file: file.into(),
        }))
    }
}

fn member(given: &str) -> Result<String, EtcdAddressError> {
    if given.contains('@') {
        return Err(EtcdAddressError::UserInfo);
    }
    let uri = format!("http://{given}").parse::<Uri>().ok();
    let is_whole = uri.is_some_and(|uri| {
        uri.authority().is_some_and(|authority| authority == given)
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.port_u16().is_some_and(|port| port > 0)
    });
    if is_whole {
        Ok(given.to_owned())
    } else {
        Err(EtcdAddressError::Member(given.to_owned()))
    }
}

fn some<'a>(
    name: &'static str,
    value: Option<&'a str>,
) -> Result<Option<&'a str>, EtcdAddressError> {
    match value {
        Some("") => Err(EtcdAddressError::NoValue(name)),
        value => Ok(value),
    }
}

fn both<'a>(
    (one, first): (&'static str, Option<&'a str>),
    (other, second): (&'static str, Option<&'a str>),
) -> Result<Option<(&'a str, &'a str)>, EtcdAddressError> {
    match (some(one, first)?, some(other, second)?) {
        (Some(first), Some(second)) => Ok(Some((first, second))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(EtcdAddressError::Half {
            given: one,
            missing: other,
        }),
        (None, Some(_)) => Err(EtcdAddressError::Half {
            given: other,
            missing: one,
        }),
    }
}

#[cfg(test)]
mod tests;
