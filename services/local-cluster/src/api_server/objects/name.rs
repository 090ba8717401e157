//! Which names an object may have. Names become folders, so this is also what keeps the kubelet in its own.

const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

/// A DNS label: namespaces, volumes.
pub(crate) fn is_label(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty()
        && name.len() <= MAX_LABEL
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// DNS labels with dots between: pods, service accounts, nodes.
pub(crate) fn is_subdomain(name: &str) -> bool {
    name.len() <= MAX_SUBDOMAIN && name.split('.').all(is_label)
}

/// One segment of a path: roles and bindings, which are called `system:node` and the like.
pub(crate) fn is_path_segment(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_SUBDOMAIN
        && name != "."
        && name != ".."
        && !name.contains(['/', '%'])
}

#[cfg(test)]
mod tests {
    use super::{is_label, is_path_segment, is_subdomain};

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for name in ["", ".", "..", "a/b", "../a", "/a", "..data"] {
            assert!(!is_label(name), "{name:?}");
            assert!(!is_subdomain(name), "{name:?}");
        }
        for name in ["", ".", "..", "a/b"] {
            assert!(!is_path_segment(name), "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_are_fine() {
        assert!(is_label("kube-api-access-x7z2q"));
        assert!(is_subdomain("hello-57f89f8f79.example"));
        assert!(is_path_segment("system:auth-delegator"));
    }
}
