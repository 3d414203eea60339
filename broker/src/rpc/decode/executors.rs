//! Decoding from the wire: executors.

use apiary_identity::{Id, check_name};
use apiary_proto::v1 as pb;
use apiary_store::model::{AnnouncedFunction, ExecutorCursor, ExecutorFilter, Page};

use super::{exact, offer, page};
use crate::Error;
use crate::engine::{ExecutorQuery, Presence, RegistrationRequest};
use crate::limits::{
    ANNOUNCED_FUNCTIONS_MAX, ARGS_SCHEMA_BYTES_MAX, CLAIM_COUNT_MAX, DESCRIPTION_BYTES_MAX,
    STATISTICS_WINDOW_MS_DEFAULT, STATISTICS_WINDOW_MS_MAX, VERSION_BYTES_MAX,
};

/// Decodes a registration.
pub(in crate::rpc) fn introduction(request: pb::RegisterExecutorRequest) -> Result<RegistrationRequest, Error> {
    let count = request.functions.len();
    if count > ANNOUNCED_FUNCTIONS_MAX {
        return Err(Error::field("functions", format!("has {count}, the most is {ANNOUNCED_FUNCTIONS_MAX}")));
    }
    let mut functions = request.functions.into_iter().map(function).collect::<Result<Vec<_>, _>>()?;
    functions.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some([one, _]) = functions.array_windows::<2>().find(|[one, other]| one.name == other.name) {
        return Err(Error::field("functions", format!("has `{}` twice: announce it once", one.name)));
    }
    Ok(RegistrationRequest {
        executor_type: needed_name("executor_type", request.executor_type)?,
        name: needed_name("name", request.name)?,
        offer: offer(request.offer.unwrap_or_default())?,
        functions,
        version: words("version", request.version, VERSION_BYTES_MAX)?,
        slots: match request.slots {
            0 => None,
            slots if (1..=CLAIM_COUNT_MAX).contains(&slots) => Some(i64::from(slots)),
            slots => return Err(Error::field("slots", format!("is 0 to {CLAIM_COUNT_MAX}; got {slots}"))),
        },
    })
}

/// Decodes a query for executors, and its page; the token is the last row's number.
pub(in crate::rpc) fn executor_query(
    request: pb::ListExecutorsRequest,
) -> Result<(ExecutorQuery, Page<ExecutorCursor>), Error> {
    let states = request.states.iter().map(|word| {
        let words = || Presence::ALL.map(Presence::as_str).join(", ");
        Presence::from_word(word)
            .ok_or_else(|| Error::field("states", format!("has a word that is none of {}", words())))
    });
    let filter =
        ExecutorFilter { executor_type: exact("executor_type", request.executor_type)?, ..ExecutorFilter::default() };
    let page = page(request.page_size, &request.page_token, |token| Some(ExecutorCursor(token.parse().ok()?)))?;
    Ok((ExecutorQuery { filter, states: states.collect::<Result<_, _>>()? }, page))
}

/// Decodes the executor type and the window of a query for functions.
pub(in crate::rpc) fn function_query(request: pb::ListFunctionsRequest) -> Result<(Option<String>, i64), Error> {
    let window_ms = match request.window_ms {
        0 => STATISTICS_WINDOW_MS_DEFAULT,
        ms if (1..=STATISTICS_WINDOW_MS_MAX).contains(&ms) => ms,
        ms => return Err(Error::field("window_ms", format!("is 1 to {STATISTICS_WINDOW_MS_MAX}; got {ms}"))),
    };
    Ok((exact("executor_type", request.executor_type)?, window_ms))
}

/// Checks a name that must be there.
pub(in crate::rpc) fn needed_name(field: &'static str, name: String) -> Result<String, Error> {
    check_name(field, &name)?;
    Ok(name)
}

/// Decodes a key's id.
pub(in crate::rpc) fn key_id(text: &str) -> Result<Id, Error> {
    text.parse().map_err(|error| Error::field("key_id", format!("is {error}")))
}

fn function(function: pb::AnnouncedFunction) -> Result<AnnouncedFunction, Error> {
    if function.args_schema.len() > ARGS_SCHEMA_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "`functions.args_schema` has {} bytes, the most is {ARGS_SCHEMA_BYTES_MAX}",
            function.args_schema.len()
        )));
    }
    Ok(AnnouncedFunction {
        name: needed_name("functions.name", function.name)?,
        description: words("functions.description", function.description, DESCRIPTION_BYTES_MAX)?,
        args_schema: function.args_schema,
    })
}

fn words(field: &'static str, words: String, bytes_max: usize) -> Result<String, Error> {
    if words.len() > bytes_max || words.contains('\0') {
        return Err(Error::field(field, format!("has at most {bytes_max} bytes and no NUL; got {}", words.len())));
    }
    Ok(words)
}
