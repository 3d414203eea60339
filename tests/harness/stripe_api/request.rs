//! Requests, as far as the stand-in reads them.

use std::collections::BTreeMap;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    /// Segments of the path.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

impl Request {
    /// Reads the head of a request.
    pub(super) fn read(head: &str) -> Option<Self> {
        let (line, headers) = head.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let url = reqwest::Url::parse(&format!("http://stripe.test{target}")).ok()?;
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Some(Self {
            method: method.to_owned(),
            path: url.path_segments()?.map(str::to_owned).collect(),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.lines().filter_map(header).collect(),
        })
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.query.get(name)?.parse().ok()
    }
}
