//! The API over HTTP: a newcomer's way, what each caller may, what every answer has.

mod accounts;
mod admin;
mod admission;
mod clocks;
mod conventions;
mod database;
mod described;
mod durability;
mod erasure;
mod isolation;
mod live_state;
mod mail;
mod matrix;
mod media_origins;
mod outage;
mod postgres;
mod quickstart;
mod repeats;
mod requests;
mod rig;
mod scene;
mod schemathesis;
mod sessions;
mod strictness;
mod totp;
mod walk;
