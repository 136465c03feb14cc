#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pulse_fuzz::playback_token::run(input));
