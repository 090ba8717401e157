#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tonic_kube_auth::fuzz::bearer(data));
