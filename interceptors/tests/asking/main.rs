//! Whom the library asks about a token, how often, and what it makes of no answer.

mod authority;
mod cache;
mod limits;
mod metrics;
mod outage;
mod single_flight;
