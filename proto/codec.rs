//! Messages on the wire, with buffers for messages as they mostly are.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{self, BufferSettings};
use tonic_prost::ProstCodec;

/// What a call's buffers begin with; they grow for a longer message. tonic's own begin with 8 KiB, which a watch keeps for as long as it
/// lasts, and there may be thousands.
const BUFFER: usize = 512;

/// How many bytes of messages are sent in one go, as tonic has it.
const YIELD_THRESHOLD: usize = 32 * 1024;

/// What the generated code encodes and decodes with.
#[derive(Clone, Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

// === impl Codec ===

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as codec::Codec>::Encoder;
    type Decoder = <ProstCodec<T, U> as codec::Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER, YIELD_THRESHOLD))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BUFFER, YIELD_THRESHOLD))
    }
}
