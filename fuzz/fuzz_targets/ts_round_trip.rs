#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pulse_fuzz::ts_round_trip::run(input));
