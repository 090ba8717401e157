//! Keeps records; admits only callers that authenticate and are allowed.

mod page_token;
mod record;
