//! Whether a program is ready, and if not, why not.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tokio::sync::watch;

/// What a program needs to be ready: a set of named conditions, all of which must hold.
///
/// A program without conditions is ready. Clones see the same conditions.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<watch::Sender<Conditions>>);

/// One condition of a program's readiness. It does not hold until [`Condition::holds`] is called, nor after its handle was dropped.
#[derive(Debug)]
pub struct Condition {
    name: &'static str,
    readiness: Readiness,
}

/// By name: what is missing, or nothing.
#[derive(Debug, Default)]
struct Conditions(BTreeMap<&'static str, Option<String>>);

// === impl Readiness ===

impl Readiness {
    /// A readiness without conditions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition, which does not hold yet.
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition {
            name,
            readiness: self.clone(),
        };
        condition.fails("not known yet");
        condition
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.borrow().all_hold()
    }

    /// Waits until [`Readiness::is_ready`] answers `ready`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn wait_for(&self, ready: bool) {
        let mut conditions = self.0.subscribe();
        let _sender_is_ours = conditions
            .wait_for(|conditions| conditions.all_hold() == ready)
            .await;
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, missing) in &self.0.borrow().0 {
            match missing {
                None => writeln!(f, "[+] {name}: ok")?,
                Some(missing) => writeln!(f, "[-] {name}: {missing}")?,
            }
        }
        f.write_str(if self.is_ready() {
            "ready\n"
        } else {
            "not ready\n"
        })
    }
}

// === impl Condition ===

impl Condition {
    /// Says that the condition holds.
    pub fn holds(&self) {
        self.set(None);
    }

    /// Says that the condition does not hold, and why not. The reason is shown to whoever asks the admin server.
    pub fn fails(&self, why: impl Into<String>) {
        self.set(Some(why.into()));
    }

    fn set(&self, missing: Option<String>) {
        self.readiness.0.send_if_modified(|conditions| {
            let before = conditions.0.insert(self.name, missing.clone());
            before != Some(missing)
        });
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        self.fails("nobody keeps it any more");
    }
}

// === impl Conditions ===

impl Conditions {
    fn all_hold(&self) -> bool {
        self.0.values().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[tokio::test]
    async fn is_ready_when_every_condition_holds_and_not_before() {
        let readiness = Readiness::new();
        let token = readiness.condition("token");
        let kubernetes = readiness.condition("kubernetes");
        assert!(!readiness.is_ready());

        token.holds();
        assert!(!readiness.is_ready());

        kubernetes.holds();
        readiness.wait_for(true).await;

        token.fails("expired");
        readiness.wait_for(false).await;
        drop(kubernetes);
        assert_eq!(
            readiness.to_string(),
            "[-] kubernetes: nobody keeps it any more\n[-] token: expired\nnot ready\n"
        );
    }
}
