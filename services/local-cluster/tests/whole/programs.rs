//! What the three programs print: everything a person needs, and no token.
