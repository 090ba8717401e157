//! The data store as the api calls it, against scripted ones on sockets of this machine.

mod client;
mod deadlines;
mod repeats;
mod scripted;
mod spread;
mod watches;
