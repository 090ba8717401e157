//! What the store promises, over its public API.

#[cfg(test)]
mod durability;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod revisions;
#[cfg(test)]
mod support;
