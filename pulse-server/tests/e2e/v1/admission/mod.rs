//! Tenants' streams on the live path: who publishes and watches, what that is counted as, what ends it.

mod cutting_off;
mod foreign;
mod obs;
mod outage;
mod page;
mod publishing;
mod servers;
mod studio;
mod used;
mod watching;
