//! The archive bee on real brokers, over both databases, with a folder and with a server that speaks S3.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[macro_use]
extern crate apiary_tests;

mod cycle;
mod damage;
mod erasure;
mod interrupted;
mod kills;
mod s3;
mod scene;
