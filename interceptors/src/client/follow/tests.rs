use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::time::Instant;

use super::TokenFollower;
use crate::{ClientMetrics, Clock, CurrentToken, TokenSource};

const NOW: u64 = 1_795_454_840;

/// A clock that goes with tokio's time, which the tests have paused.
fn mk_clock() -> Clock {
    let start = Instant::now();
    Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(NOW) + start.elapsed())
}

/// A token that expires so many seconds after the test began, and is told apart by its name.
fn mk_token(name: &str, expires_in: u64) -> String {
    let claims = format!(r#"{{"exp":{},"jti":"{name}"}}"#, NOW + expires_in);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

/// A projected volume as the kubelet lays it out.
struct Volume(tempfile::TempDir);

impl Volume {
    fn new(token: &str) -> Self {
        let volume = Self(tempfile::tempdir().unwrap());
        symlink("..data/api-token", volume.path("api-token")).unwrap();
        volume.project("..first", token);
        volume
    }

    /// Writes a new version beside the old one, and swaps the link over in one step.
    fn project(&self, version: &str, token: &str) {
        fs::create_dir(self.path(version)).unwrap();
        fs::write(self.path(version).join("api-token"), token).unwrap();
        symlink(version, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    async fn follow(&self) -> TokenFollower {
        let source = TokenSource::new(self.path("api-token")).with_clock(mk_clock());
        TokenFollower::start(source).await.unwrap()
    }
}

fn shown(token: &CurrentToken) -> Option<String> {
    let held = token.get()?;
    Some(
        held.header
            .to_str()
            .unwrap()
            .strip_prefix("Bearer ")
            .unwrap()
            .to_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn follows_the_swap_of_the_projected_volume() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();
    assert_eq!(shown(&token), Some(mk_token("first", 600)));

    volume.project("..second", &mk_token("second", 1200));
    fs::remove_dir_all(volume.path("..first")).unwrap();
    assert!(token.changed().await);

    assert_eq!(shown(&token), Some(mk_token("second", 1200)));
}

#[tokio::test(start_paused = true)]
async fn finds_the_next_token_in_time_however_short_their_life() {
    for life in [10, 30, 600, 3600, 86_400] {
        let volume = Volume::new(&mk_token("first", life));
        let began = Instant::now();
        let follower = volume.follow().await;
        let mut token = follower.token();

        let replaced_at = Duration::from_secs(life) * 4 / 5;
        tokio::time::sleep(replaced_at).await;
        volume.project("..second", &mk_token("second", 2 * life));
        assert!(token.changed().await);

        assert_eq!(shown(&token), Some(mk_token("second", 2 * life)));
        assert!(
            began.elapsed() < Duration::from_secs(life),
            "too late for a life of {life} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn reads_at_least_once_a_minute_even_when_the_token_says_nothing_of_its_expiry() {
    let volume = Volume::new("an-opaque-token");
    let follower = volume.follow().await;
    let mut token = follower.token();
    let began = Instant::now();

    volume.project("..second", "another-opaque-token");
    assert!(token.changed().await);

    assert!(
        began.elapsed() <= Duration::from_secs(61),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn keeps_the_last_token_when_the_file_vanishes_and_drops_it_when_it_expires() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();
    let began = Instant::now();

    fs::remove_file(volume.path("..data")).unwrap();
    assert!(token.changed().await);

    assert!(!token.is_usable());
    let held_for = began.elapsed();
    assert!(held_for >= Duration::from_secs(600), "{held_for:?}");
    assert!(held_for <= Duration::from_secs(602), "{held_for:?}");
}

#[tokio::test(start_paused = true)]
async fn keeps_the_last_token_when_the_file_turns_to_rubbish_and_heals_with_the_next_good_one() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();

    for (version, rubbish) in [
        ("..empty", ""),
        ("..spaced", "not a token"),
        ("..long", &"a".repeat(20_000)),
    ] {
        volume.project(version, rubbish);
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(shown(&token), Some(mk_token("first", 600)), "{version}");
    }
    volume.project("..second", &mk_token("second", 1200));
    assert!(token.changed().await);

    assert_eq!(shown(&token), Some(mk_token("second", 1200)));
}

#[tokio::test(start_paused = true)]
async fn finds_a_token_again_after_it_had_none() {
    let volume = Volume::new(&mk_token("first", 10));
    let follower = volume.follow().await;
    let mut token = follower.token();
    fs::remove_file(volume.path("..data")).unwrap();
    assert!(token.changed().await);
    assert!(!token.is_usable());

    let began = Instant::now();
    volume.project("..second", &mk_token("second", 600));
    assert!(token.changed().await);

    assert!(token.is_usable());
    assert!(
        began.elapsed() <= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_token_read_again_is_no_change() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();

    volume.project("..again", &mk_token("first", 600));
    let change = tokio::time::timeout(Duration::from_secs(300), token.changed()).await;

    assert!(change.is_err(), "nothing changed");
}

#[tokio::test(start_paused = true)]
async fn a_follower_without_a_token_to_begin_with_does_not_start() {
    let source = TokenSource::new("/no/such/token").with_clock(mk_clock());

    TokenFollower::start(source).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_follower_ends_its_task() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();

    drop(follower);

    assert!(token.changed().await, "the token is withdrawn");
    assert!(!token.is_usable());
    assert!(!token.changed().await, "nobody is left to change it");
}

#[tokio::test(start_paused = true)]
async fn every_read_is_counted_and_the_expiry_is_that_of_the_last_good_token() {
    let mut registry = Registry::default();
    let metrics = ClientMetrics::register(&mut registry);
    let exposed = |line: &str| {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    };
    let volume = Volume::new(&mk_token("first", 600));
    let source = TokenSource::new(volume.path("api-token"))
        .with_clock(mk_clock())
        .with_metrics(metrics);

    let follower = TokenFollower::start(source.clone()).await.unwrap();
    exposed(r#"token_refreshes_total{result="ok",reason="new"} 1"#);
    exposed(&format!("token_refresh_timestamp_seconds {NOW}"));
    exposed(&format!("token_expiration_timestamp_seconds {}", NOW + 600));

    tokio::time::sleep(Duration::from_secs(61)).await;
    exposed(r#"token_refreshes_total{result="ok",reason="unchanged"} 1"#);

    volume.project("..second", &mk_token("second", 1200));
    assert!(follower.token().changed().await);
    exposed(r#"token_refreshes_total{result="ok",reason="new"} 2"#);
    exposed(&format!(
        "token_expiration_timestamp_seconds {}",
        NOW + 1200
    ));

    drop(follower);
    fs::remove_file(volume.path("..data")).unwrap();
    TokenFollower::start(source).await.unwrap_err();
    exposed(r#"token_refreshes_total{result="failed",reason="not_found"} 1"#);
    exposed(&format!(
        "token_expiration_timestamp_seconds {}",
        NOW + 1200
    ));
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_token() {
    let volume = Volume::new("a-very-secret-token");
    let follower = volume.follow().await;

    let debug = format!("{follower:?} {:?}", follower.token());

    assert!(!debug.contains("secret"), "{debug}");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_sent_even_when_the_follower_has_not_noticed() {
    let volume = Volume::new(&mk_token("first", 600));
    let follower = volume.follow().await;
    let mut token = follower.token();
    assert!(token.is_usable());

    token.clock = Clock::stopped_at(NOW + 600);

    assert!(!token.is_usable());
}
