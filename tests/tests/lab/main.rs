//! Server and viewer behind real NATs: the pair they find, by kind and both addresses, and a second of pictures over it.
//!
//! Needs root and what `cargo xtask test --only lab` installs, and is run by that; hence ignored otherwise. Tests take
//! turns, because each plays several labs side by side.
#![allow(clippy::unwrap_used)]

use pinhole_tests::lab::{Row, table};

mod dead;
mod doctor;
mod faults;
mod gathered;
mod hygiene;
mod maps;
mod planted;
mod tcp;
mod tunnels;
mod turn;
mod viewers;
mod watched;

/// Plays rows that ask something of the program that it cannot do yet: until it can, they are named and left out.
fn check_once(able: bool, rows: &[Row]) {
    if able {
        table::check(rows);
        return;
    }
    rows.iter().for_each(|row| println!("NOT YET {}", row.name()));
}
