//! Tenants to ask the API about: who they are, and how they get into a database.

pub mod catalogue;
pub mod invite;
pub mod seed;
