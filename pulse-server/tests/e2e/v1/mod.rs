//! The API over HTTP: a newcomer's way, what each caller may, what every answer has.

mod accounts;
mod admin;
mod admission;
mod conventions;
mod database;
mod described;
mod durability;
mod isolation;
mod mail;
mod matrix;
mod media_origins;
mod postgres;
mod quickstart;
mod repeats;
mod requests;
mod rig;
mod scene;
mod schemathesis;
mod sessions;
mod strictness;
mod walk;
