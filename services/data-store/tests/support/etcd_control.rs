//! What may happen to an etcd, and what its operator does.

use std::process::Command;

use super::etcd_server::{EtcdServer, run};

// === impl EtcdServer ===

impl EtcdServer {
    /// Stops it without a warning, as a machine stops that loses its power.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with what it had written, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        self.process = run(&self.folder, &self.args);
        assert!(self.answers().await, "etcd must start again");
    }

    /// Has it do nothing, with every connection open.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Does what an operator would, and answers what is printed.
    pub(crate) fn etcdctl(&self, args: &[&str]) -> String {
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint()])
            .args(args)
            .output()
            .expect("etcdctl must be on the PATH (Debian: etcd-client)");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &process]).status();
        assert!(status.unwrap().success());
    }
}
