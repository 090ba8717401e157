//! An RSA public key in the form its id is the digest of: SubjectPublicKeyInfo, in DER.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// `AlgorithmIdentifier { rsaEncryption, NULL }`, ready made.
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// `n` and `e` are big-endian without leading zeros.
pub(crate) fn encode(n: &[u8], e: &[u8]) -> Vec<u8> {
    let key = element(SEQUENCE, &[unsigned(n), unsigned(e)].concat());
    // The first byte of a bit string counts the unused bits at its end.
    let key = element(BIT_STRING, &[&[0], key.as_slice()].concat());
    element(SEQUENCE, &[RSA_ENCRYPTION.as_slice(), &key].concat())
}

fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let sign: &[u8] = if is_negative { &[0] } else { &[] };
    element(INTEGER, &[sign, bytes].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0);
    let length = length
        .get(significant.unwrap_or(length.len() - 1)..)
        .unwrap_or_default();
    let mut element = vec![tag];
    if content.len() >= 0x80 {
        let count = u8::try_from(length.len()).expect("a usize must have few bytes");
        element.push(0x80 | count);
    }
    element.extend_from_slice(length);
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use crate::VerifyingKey;

    #[test]
    fn the_id_of_a_recorded_key_is_the_digest_of_its_der() {
        let recorded: Vec<serde_json::Value> = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/recorded-exchanges.json"
        )))
        .unwrap();
        let jwk = &recorded[2]["response"]["keys"][0];

        let key = VerifyingKey::from_jwk(jwk).unwrap();

        assert_eq!(key.id(), jwk["kid"]);
        assert_eq!(&key.to_jwk(), jwk);
    }
}
