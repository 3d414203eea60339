//! `LimitService`.

use apiary_identity::limits::{LIMIT_KEY_BYTES_MAX, NAME_CHARS_MAX};
use apiary_proto::v1 as pb;
use apiary_proto::v1::limit_service_server::LimitService;
use apiary_store::limits::{LIMIT_COUNT_MAX, LIMIT_INTERVAL_MS_MAX};
use apiary_store::model::{Limit, LimitKind, LimitPolicy, LimitRecord, Rate};
use tonic::{Request, Response, Status};

use super::Rpc;
use super::routes::caller;
use super::status::refused;
use crate::Error;
use crate::engine::{KeyUse, LimitWithUses};

#[tonic::async_trait]
impl LimitService for Rpc {
    async fn set_limit(&self, request: Request<pb::SetLimitRequest>) -> Result<Response<pb::SetLimitResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let limit = decode(request.into_inner().limit.unwrap_or_default()).map_err(refused)?;
        let record = self.engine.set_limit(permit, limit).await.map_err(refused)?;
        Ok(Response::new(pb::SetLimitResponse { limit: Some(encode(LimitWithUses { record, uses: Vec::new() })) }))
    }

    async fn remove_limit(
        &self,
        request: Request<pb::RemoveLimitRequest>,
    ) -> Result<Response<pb::RemoveLimitResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let (kind, pattern) = limited(&request.kind, request.pattern).map_err(refused)?;
        let existed = self.engine.remove_limit(permit, kind, &pattern).await.map_err(refused)?;
        Ok(Response::new(pb::RemoveLimitResponse { existed }))
    }

    async fn list_limits(
        &self,
        request: Request<pb::ListLimitsRequest>,
    ) -> Result<Response<pb::ListLimitsResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let standings = self.engine.list_limits(permit).await.map_err(refused)?;
        Ok(Response::new(pb::ListLimitsResponse { limits: standings.into_iter().map(encode).collect() }))
    }
}

/// Decodes a limit, and checks its parts against each other: a limit without a meaning is rejected, never read as none.
fn decode(limit: pb::Limit) -> Result<Limit, Error> {
    let (kind, pattern) = limited(&limit.kind, limit.pattern)?;
    let running_max = Some(count("running_max", limit.running_max)?).filter(|most| *most > 0);
    let rate = rate(limit.rate_count, limit.interval_ms, limit.burst)?;
    let policy = match limit.policy.as_str() {
        "" => LimitPolicy::Queue,
        word => LimitPolicy::from_word(word).ok_or_else(|| {
            Error::field("policy", "is `queue`, `drop_newest` or `cancel_oldest`; empty means `queue`")
        })?,
    };
    let refused = match kind {
        LimitKind::ConcurrencyKey if running_max.is_none() => "a `concurrency_key` needs `running_max`",
        LimitKind::ConcurrencyKey if rate.is_some() => {
            "a `concurrency_key` has no rate: give the specs a `rate_key`, too"
        }
        LimitKind::RateKey if rate.is_none() => "a `rate_key` needs `rate_count` and `interval_ms`",
        LimitKind::RateKey if running_max.is_some() => {
            "a `rate_key` has no `running_max`: give the specs a `concurrency_key`, too"
        }
        _ if policy != LimitPolicy::Queue && kind != LimitKind::ConcurrencyKey => {
            "only a `concurrency_key` has a `policy`: everything else waits"
        }
        _ if running_max.is_none() && rate.is_none() => {
            "the limit limits nothing: give `running_max`, or `rate_count` and `interval_ms`, or remove it"
        }
        _ => return Ok(Limit { kind, pattern, running_max, policy, rate }),
    };
    Err(Error::Invalid(refused.into()))
}

/// Decodes the kind and the pattern of a limit.
fn limited(kind: &str, pattern: String) -> Result<(LimitKind, String), Error> {
    let kind = LimitKind::from_word(kind).ok_or_else(|| {
        Error::field("kind", "is `concurrency_key`, `rate_key`, `executor_type` or `function`: say what to count by")
    })?;
    let (bytes_max, stem) = match kind.is_key() {
        true => (LIMIT_KEY_BYTES_MAX, pattern.strip_suffix('*').unwrap_or(&pattern)),
        false => (NAME_CHARS_MAX, pattern.as_str()),
    };
    if pattern.is_empty() || pattern.len() > bytes_max || pattern.contains('\0') {
        return Err(Error::field(
            "pattern",
            format!("has 1 to {bytes_max} bytes and no NUL: say which {}", kind.as_str()),
        ));
    }
    if stem.contains('*') {
        return Err(Error::field("pattern", "has a `*` only at the end, once, and only for keys"));
    }
    if !kind.is_key() {
        apiary_identity::check_name("pattern", &pattern)?;
    }
    Ok((kind, pattern))
}

fn rate(rate_count: i32, interval_ms: i64, burst: i32) -> Result<Option<Rate>, Error> {
    let (rate_count, burst) = (count("rate_count", rate_count)?, count("burst", burst)?);
    if rate_count == 0 {
        return match (interval_ms, burst) {
            (0, 0) => Ok(None),
            _ => Err(Error::field("interval_ms", "and `burst` belong to a `rate_count`: say how many may start")),
        };
    }
    if !(1..=LIMIT_INTERVAL_MS_MAX).contains(&interval_ms) {
        return Err(Error::field("interval_ms", format!("is 1 to {LIMIT_INTERVAL_MS_MAX}; got {interval_ms}")));
    }
    Ok(Some(Rate { count: rate_count, interval_ms, burst: if burst == 0 { rate_count } else { burst } }))
}

fn count(field: &'static str, count: i32) -> Result<i32, Error> {
    match count {
        0..=LIMIT_COUNT_MAX => Ok(count),
        _ => Err(Error::field(field, format!("is 1 to {LIMIT_COUNT_MAX}, or 0 for no limit; got {count}"))),
    }
}

/// Encodes a limit with its uses.
pub(super) fn encode(standing: LimitWithUses) -> pb::LimitRecord {
    let LimitRecord { limit, by, set_at_ms } = standing.record;
    let limit = pb::Limit {
        kind: limit.kind.as_str().to_owned(),
        pattern: limit.pattern,
        running_max: limit.running_max.unwrap_or(0),
        policy: if limit.kind == LimitKind::ConcurrencyKey { limit.policy.as_str().to_owned() } else { String::new() },
        rate_count: limit.rate.map_or(0, |rate| rate.count),
        interval_ms: limit.rate.map_or(0, |rate| rate.interval_ms),
        burst: limit.rate.map_or(0, |rate| rate.burst),
    };
    let encode_use = |one: KeyUse| pb::LimitUse {
        key: one.key,
        running: i32::try_from(one.running).unwrap_or(i32::MAX),
        waiting: one.waiting,
        next_start_ms: one.next_start_ms.unwrap_or(0),
    };
    pb::LimitRecord { limit: Some(limit), by, set_at_ms, uses: standing.uses.into_iter().map(encode_use).collect() }
}
