#![no_main]
use pinhole_tests::fuzz;
libfuzzer_sys::fuzz_target!(init: fuzz::only_tell_panics(), |data: &[u8]| fuzz::wire(data));
