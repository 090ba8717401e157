//! What every program here needs: logs, listeners, an accept loop, an admin server, and an ordered start and stop.
//!
//! ```text
//! program()  args → logs → bind: every problem at once, exit 64 → run: exit 0, or 1 with the cause
//!                                 │ listen(), Readiness            │ Tasks: serve() … until the first signal
//! ```

mod admin;
mod auth;
mod bound;
mod grpc;
mod listen;
mod problem;
mod program;
mod readiness;
mod serve;
mod tasks;

pub use admin::admin;
pub use auth::{Admission, AuthArgs, some_duration};
pub use bound::Bound;
pub use grpc::{Health, grpc_routes, is_grpc};
pub use listen::{ListenError, Listener, listen};
pub use problem::{Problems, chain};
pub use program::{Failure, Signals, program};
pub use readiness::{Condition, Readiness};
pub use serve::{Server, serve};
pub use tasks::{Stopped, Tasks};
pub use tokio_util::sync::CancellationToken;
