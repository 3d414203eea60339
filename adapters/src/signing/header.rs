//! Headers of a request.

use std::borrow::Cow;

use http::HeaderMap;

use crate::Refusal;

/// Bytes of the longest header that is read; a signature has some hundred, and there may be several in one.
const HEADER_BYTES_MAX: usize = 2048;

/// Returns the only value of a header that must be there.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: Cow<'static, str>) -> Result<&'h str, Refusal> {
    optional_header(headers, name.clone())?.ok_or(Refusal::SignatureMissing(name))
}

/// Returns the only value of a header; `None` if there is no such header.
pub(crate) fn optional_header<'h>(headers: &'h HeaderMap, name: Cow<'static, str>) -> Result<Option<&'h str>, Refusal> {
    let malformed = |problem| Refusal::SignatureMalformed { header: name.clone(), problem };
    let mut values = headers.get_all(name.as_ref()).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("is duplicated: the sender sends one, and proxies must not add another"));
    }
    if value.len() > HEADER_BYTES_MAX {
        return Err(malformed("is too long: the most is 2048 bytes"));
    }
    value.to_str().map(Some).map_err(|_| malformed("contains characters other than visible ASCII"))
}
