//! One checked read of a projected token.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::{fs::File, io::AsyncReadExt as _, time};
use zeroize::Zeroizing;

use crate::{
    ClientMetrics, Clock, MalformedToken, Token, UnverifiedClaims, metrics::client::Refresh,
    token::MAX_TOKEN_LENGTH,
};

/// Where the deployments of this project mount the token for the data store.
pub const DEFAULT_TOKEN_PATH: &str = "/var/run/secrets/tokens/api-token";

/// How long one read may take. The file is on a tmpfs.
const DEADLINE: Duration = Duration::from_secs(5);

/// A file that the kubelet writes a token to, and replaces before it expires.
///
/// It is opened anew for each read: the kubelet swaps a symbolic link above it, so that an open handle would show the old token for ever.
#[derive(Clone, Debug)]
pub struct TokenSource {
    path: PathBuf,
    clock: Clock,
    metrics: ClientMetrics,
}

/// A token as it was read, and when it expires if it says so.
#[derive(Debug)]
pub(crate) struct FreshToken {
    pub(crate) token: Token,
    pub(crate) expires_at: Option<SystemTime>,
}

/// Why there is no usable token in the file.
#[derive(Debug, thiserror::Error)]
#[error("no usable token in {}: {why}", path.display())]
pub struct TokenReadError {
    path: PathBuf,
    #[source]
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(
        "there is no such file; mount a projected serviceAccountToken volume there, or name another path"
    )]
    NotFound,
    #[error(
        "permission denied; a pod that does not run as root needs an fsGroup to read its token"
    )]
    PermissionDenied,
    #[error("{0}")]
    Io(io::Error),
    #[error("no answer from the file system within {DEADLINE:?}")]
    Slow,
    #[error("{0}")]
    Malformed(#[from] MalformedToken),
    #[error("the token expired at {}; the kubelet should have replaced it", humantime::format_rfc3339_seconds(*.0))]
    Expired(SystemTime),
}

// === impl TokenSource ===

impl TokenSource {
    /// A token file, usually of a projected volume.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            clock: Clock::system(),
            metrics: ClientMetrics::default(),
        }
    }

    /// Tells by another clock than the machine's whether a token has expired.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Counts what is read, and what becomes of calls whose token is refused.
    #[must_use]
    pub fn with_metrics(mut self, metrics: ClientMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn metrics(&self) -> &ClientMetrics {
        &self.metrics
    }

    /// Reads the file and checks what is in it: one well-formed token, white space around it aside, that has not expired.
    pub(crate) async fn read(&self) -> Result<FreshToken, TokenReadError> {
        let read = async {
            let text = time::timeout(DEADLINE, read_text(&self.path))
                .await
                .map_err(|_elapsed| Why::Slow)??;
            let token = Token::parse(text.trim_ascii())?;
            // Not every bearer token is a JWT; of those that are not we know no expiry.
            let expires_at = UnverifiedClaims::read(&token)
                .ok()
                .and_then(|claims| claims.expires_at);
            match expires_at {
                Some(at) if at <= self.clock.now() => Err(Why::Expired(at)),
                _ => Ok(FreshToken { token, expires_at }),
            }
        };
        read.await.map_err(|why| TokenReadError {
            path: self.path.clone(),
            why,
        })
    }
}

// === impl TokenReadError ===

impl TokenReadError {
    /// What it is counted as.
    pub(crate) fn refresh(&self) -> Refresh {
        match self.why {
            Why::NotFound => Refresh::NotFound,
            Why::PermissionDenied => Refresh::PermissionDenied,
            Why::Io(_) => Refresh::Io,
            Why::Slow => Refresh::Slow,
            Why::Malformed(_) => Refresh::Malformed,
            Why::Expired(_) => Refresh::Expired,
        }
    }
}

async fn read_text(path: &Path) -> Result<Zeroizing<String>, Why> {
    // Room for a token that is too long, so that it is seen to be, with a line end behind it.
    const LIMIT: usize = MAX_TOKEN_LENGTH + 3;
    let mut text = Zeroizing::new(String::with_capacity(LIMIT));
    File::open(path)
        .await?
        .take(LIMIT as u64)
        .read_to_string(&mut text)
        .await?;
    Ok(text)
}

// === impl Why ===

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::InvalidData => Self::Malformed(MalformedToken::Character),
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::TokenSource;
    use crate::{Clock, metrics::client::Refresh, token::MAX_TOKEN_LENGTH};

    async fn read(content: impl AsRef<[u8]>) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, content).unwrap();
        let source = TokenSource::new(&path).with_clock(Clock::stopped_at(1000));
        match source.read().await {
            Ok(fresh) => Ok(fresh.token.expose().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn mk_jwt(exp: u64) -> String {
        format!(
            "e30.{}.c2ln",
            URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#))
        )
    }

    #[tokio::test]
    async fn reads_one_token_and_forgives_white_space_around_it() {
        for content in ["abc", "abc\n", " abc\r\n"] {
            assert_eq!(read(content).await.unwrap(), "abc", "{content:?}");
        }
        assert_eq!(read(mk_jwt(1001)).await.unwrap(), mk_jwt(1001));
    }

    #[tokio::test]
    async fn refuses_a_file_without_a_usable_token_and_says_why() {
        for (content, why) in [
            (Vec::new(), "is empty"),
            (b" \n".to_vec(), "is empty"),
            (b"two tokens".to_vec(), "character"),
            (b"caf\xc3\xa9".to_vec(), "character"),
            (vec![0xff, 0xfe], "character"),
            (vec![b'a'; MAX_TOKEN_LENGTH + 1], "over 16384 bytes"),
            (vec![b'a'; 10 * MAX_TOKEN_LENGTH], "over 16384 bytes"),
            (mk_jwt(1000).into_bytes(), "expired at 1970-01-01T00:16:40Z"),
        ] {
            let error = read(&content).await.unwrap_err();

            assert!(error.contains(why), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named_with_what_to_do() {
        let error = TokenSource::new("/no/such/token")
            .read()
            .await
            .unwrap_err()
            .to_string();

        assert!(
            error.starts_with("no usable token in /no/such/token: there is no such file; mount"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn every_failed_read_is_counted_by_its_cause() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::write(path("empty"), "").unwrap();
        fs::write(path("old"), mk_jwt(999)).unwrap();
        for (path, refresh) in [
            (path("none"), Refresh::NotFound),
            (path("empty"), Refresh::Malformed),
            (path("old"), Refresh::Expired),
            (path(""), Refresh::Io),
        ] {
            let source = TokenSource::new(&path).with_clock(Clock::stopped_at(1000));

            let error = source.read().await.unwrap_err();

            assert_eq!(error.refresh(), refresh, "{error}");
        }
    }

    #[tokio::test]
    async fn an_error_shows_nothing_of_the_file() {
        let error = read("a secret with spaces").await.unwrap_err();

        assert!(!error.contains("secret"), "{error}");
    }
}
