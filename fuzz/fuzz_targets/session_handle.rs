#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pulse_fuzz::session_handle::run(input));
