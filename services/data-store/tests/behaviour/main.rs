//! What is true of the engine in a file alone; what every engine promises is in `conformance`.

#[cfg(test)]
mod durability;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod support;
