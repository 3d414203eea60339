//! Encoding to the wire: executors.

use apiary_identity::Offer;
use apiary_proto::v1 as pb;
use apiary_store::model::{AnnouncedFunction, FunctionStatistics, MinMeanMax};

use crate::engine::{ExecutorPage, ExecutorView, FunctionView, RevokeResult};

/// Encodes an executor.
pub(in crate::rpc) fn executor(view: ExecutorView) -> pb::Executor {
    let record = view.record;
    pb::Executor {
        name: record.name,
        executor_type: record.executor_type,
        key_id: record.key.to_string(),
        state: view.presence.as_str().to_owned(),
        last_heard_ms: record.last_heard_ms.unwrap_or(0),
        registered_at_ms: record.registered_at_ms.unwrap_or(0),
        running: i32::try_from(record.running).unwrap_or(i32::MAX),
        offer: Some(offer(record.offer)),
        functions: record.functions.into_iter().map(announced).collect(),
        version: record.version,
        granted_until_ms: view.granted_until_ms.unwrap_or(0),
        slots: record.slots.map_or(0, |slots| i32::try_from(slots).unwrap_or(i32::MAX)),
    }
}

/// Encodes a page of executors.
pub(in crate::rpc) fn executor_page(page: ExecutorPage) -> pb::ListExecutorsResponse {
    pb::ListExecutorsResponse {
        executors: page.executors.into_iter().map(executor).collect(),
        next_page_token: page.next.map(|cursor| cursor.0.to_string()).unwrap_or_default(),
    }
}

/// Encodes a function.
pub(in crate::rpc) fn function(view: FunctionView) -> pb::FunctionRecord {
    pb::FunctionRecord {
        executor_type: view.executor_type,
        function: Some(announced(view.function)),
        executors: view.executors,
        statistics: Some(view.statistics.map(statistics).unwrap_or_default()),
    }
}

/// Encodes the effect of a revocation.
pub(in crate::rpc) fn revoked(revoked: &RevokeResult) -> pb::RevokeGrantResponse {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    pb::RevokeGrantResponse { grants: count(revoked.grants), leases: count(revoked.leases) }
}

fn announced(function: AnnouncedFunction) -> pb::AnnouncedFunction {
    pb::AnnouncedFunction { name: function.name, description: function.description, args_schema: function.args_schema }
}

fn offer(offer: Offer) -> pb::Offer {
    pb::Offer {
        cpu: offer.cpu.map(|cpu| cpu.to_string()).unwrap_or_default(),
        memory: offer.memory.map(|memory| memory.to_string()).unwrap_or_default(),
        gpus: offer.gpus.unwrap_or(0),
        gpu_memory: offer.gpu_memory.map(|memory| memory.to_string()).unwrap_or_default(),
        location: offer.location.unwrap_or_default(),
        tags: offer.tags.into_iter().collect(),
    }
}

fn statistics(statistics: FunctionStatistics) -> pb::FunctionStatistics {
    let [wait, run] = [statistics.wait_ms, statistics.run_ms]
        .map(|MinMeanMax { min, mean, max }| [min, mean, max].map(|ms| ms.unwrap_or(0)));
    pb::FunctionStatistics {
        count: statistics.count,
        succeeded: statistics.succeeded,
        wait_ms_min: wait[0],
        wait_ms_mean: wait[1],
        wait_ms_max: wait[2],
        run_ms_min: run[0],
        run_ms_mean: run[1],
        run_ms_max: run[2],
        is_partial: statistics.is_cut,
    }
}
