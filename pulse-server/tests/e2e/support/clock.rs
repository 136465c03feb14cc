//! Wall clocks that are wrong: libfaketime tells a process another time of day, and leaves the clock by which it waits alone.

use std::path::PathBuf;
use std::process::Command;

/// Where Debian and Ubuntu have the library, by architecture.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// Lets a command's wall clock be so many seconds fast.
#[track_caller]
pub(crate) fn set(command: &mut Command, seconds: i64) {
    if seconds == 0 {
        return;
    }
    let library = LIBRARIES.into_iter().map(PathBuf::from).find(|path| path.exists());
    let library = library.expect("libfaketime is installed (make setup-test)");
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", format!("{seconds:+}"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}
