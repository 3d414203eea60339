//! Webhooks of GitHub: <https://docs.github.com/webhooks>.

mod event;
mod source;
#[cfg(test)]
mod tests;

pub use source::GitHub;
