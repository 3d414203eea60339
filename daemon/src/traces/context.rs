//! Places in a trace.

use std::fmt;

use uuid::Uuid;

/// Characters of a `traceparent` of version 00.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

/// A place in a trace, as `traceparent` of W3C Trace Context writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    /// True if the spans of this trace are recorded.
    pub(super) is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` for anything else. Of a later version it reads what version 00 has, as the standard asks.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = (text.get(..LENGTH)?, text.get(LENGTH..)?);
        let mut parts = known.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes::<1>(version)?;
        let has_right_end = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
        let (trace_id, span_id, [flags]) = (bytes::<16>(trace_id)?, bytes::<8>(span_id)?, bytes::<1>(flags)?);
        let is_valid = version != 0xff && has_right_end && trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
    }

    /// Creates the beginning of a trace.
    pub(super) fn root() -> Self {
        Self { trace_id: Uuid::new_v4().into_bytes(), span_id: new_span_id(), is_sampled: true }
    }

    /// Creates a place below this one.
    pub(super) fn child(&self) -> Self {
        Self { span_id: new_span_id(), ..*self }
    }
}

/// Draws the id of a span. The variant of a UUID, which is in these bytes, keeps it from being zero.
fn new_span_id() -> [u8; 8] {
    let [.., a, b, c, d, e, f, g, h] = Uuid::new_v4().into_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Reads bytes from hexadecimal digits, which the standard wants in lower case.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = (*byte << 4) | value;
        }
    }
    Some(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", u8::from(self.is_sampled))
    }
}

tokio::task_local! {
    /// The place in whose future the code runs.
    static CURRENT: TraceContext;
}

/// Returns the place in whose future the code runs; `None` outside of a trace. A task that is spawned has none.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Does work at this place, if there is one.
pub async fn within<T>(context: Option<TraceContext>, work: impl Future<Output = T>) -> T {
    match context {
        Some(context) => CURRENT.scope(context, work).await,
        None => work.await,
    }
}
