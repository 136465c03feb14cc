//! platform-core as its users have it.
