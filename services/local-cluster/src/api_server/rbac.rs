//! Who may do what: cluster roles and their bindings, and the two rules that are not written as roles.
//!
//! ```text
//! system:masters ── may do everything
//! a node ────────── may read pods and nodes, and request tokens for its own pods
//! everybody ─────── may do what a ClusterRoleBinding grants
//! ```

mod decide;
mod node;
mod role;
mod seed;

pub(crate) use self::{
    decide::{Attempt, decide, require},
    node::admit as admit_node,
    seed::roles as seed,
};
