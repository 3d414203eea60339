//! The permissions, said again: `docs/rights.md` and the broker's own table must agree with these rows.
//!
//! A row names its callers: a right's word is a user with this right alone; `user`, `executor` and `member` are all keys with such a grant
//! in force; `newcomer` is any key that never had an executor's grant, but for the colony's own.

/// The calls, by service and method.
pub(super) const CALLS: &[(&str, &str)] = &[
    ("/apiary.v1.BrokerService/Connect", "anybody"),
    ("/apiary.v1.BulkService/GetBulk", "colony operate cancel read"),
    ("/apiary.v1.BulkService/ListBulks", "colony operate cancel read"),
    ("/apiary.v1.BulkService/StartBulk", "colony operate cancel"),
    ("/apiary.v1.BulkService/StopBulk", "colony operate cancel"),
    ("/apiary.v1.ColonyService/CreateColony", "server_owner"),
    ("/apiary.v1.ColonyService/GetColony", "colony read"),
    ("/apiary.v1.ColonyService/GetGuard", "colony member"),
    ("/apiary.v1.ColonyService/GetHealth", "colony read"),
    ("/apiary.v1.ColonyService/SetGuard", "colony"),
    ("/apiary.v1.EventService/ListEvents", "colony read_events"),
    ("/apiary.v1.ExecutorService/DrainExecutor", "colony executors"),
    ("/apiary.v1.ExecutorService/ExplainExecutor", "colony read executors"),
    ("/apiary.v1.ExecutorService/ListExecutors", "colony read executors approve"),
    ("/apiary.v1.ExecutorService/ListFunctions", "colony read"),
    ("/apiary.v1.ExecutorService/RegisterExecutor", "executor newcomer"),
    ("/apiary.v1.ExecutorService/RejectExecutor", "colony executors approve"),
    ("/apiary.v1.GrantService/AddGrant", "colony"),
    ("/apiary.v1.GrantService/ListGrants", "colony read"),
    ("/apiary.v1.GrantService/RevokeGrant", "colony"),
    ("/apiary.v1.LeaseService/AddLogs", "executor"),
    ("/apiary.v1.LeaseService/Claim", "executor"),
    ("/apiary.v1.LeaseService/Complete", "executor"),
    ("/apiary.v1.LeaseService/EndBatch", "executor"),
    ("/apiary.v1.LeaseService/Fail", "executor"),
    ("/apiary.v1.LeaseService/Release", "executor"),
    ("/apiary.v1.LeaseService/Renew", "executor"),
    ("/apiary.v1.LeaseService/Report", "executor"),
    ("/apiary.v1.LeaseService/SetAttributes", "executor"),
    ("/apiary.v1.LimitService/ListLimits", "colony member"),
    ("/apiary.v1.LimitService/RemoveLimit", "colony operate"),
    ("/apiary.v1.LimitService/SetLimit", "colony operate"),
    ("/apiary.v1.PauseService/ListPauses", "colony member"),
    ("/apiary.v1.PauseService/Pause", "colony pause operate"),
    ("/apiary.v1.PauseService/Resume", "colony pause operate"),
    ("/apiary.v1.ProcessService/Await", "colony read read_own"),
    ("/apiary.v1.ProcessService/Cancel", "colony cancel cancel_own"),
    ("/apiary.v1.ProcessService/Delete", "colony"),
    ("/apiary.v1.ProcessService/Discard", "colony operate"),
    ("/apiary.v1.ProcessService/Explain", "colony read read_own"),
    ("/apiary.v1.ProcessService/GetProcess", "colony read read_own"),
    ("/apiary.v1.ProcessService/ListLogs", "colony read read_own"),
    ("/apiary.v1.ProcessService/ListProcesses", "colony read read_own"),
    ("/apiary.v1.ProcessService/Redrive", "colony operate"),
    ("/apiary.v1.ProcessService/Retry", "colony operate"),
    ("/apiary.v1.ProcessService/Submit", "user executor"),
    ("/apiary.v1.ProcessService/SubmitBatch", "user executor"),
    ("/apiary.v1.ProcessService/Watch", "colony read read_own"),
    ("/grpc.health.v1.Health/Check", "anybody"),
    ("/grpc.health.v1.Health/List", "anybody"),
    // It streams without an end, and needs no more than the two before it.
    ("/grpc.health.v1.Health/Watch", "anybody"),
];

/// The pages, by path.
pub(super) const PAGES: &[(&str, &str)] = &[
    ("/healthz", "anybody"),
    // From this machine, where the test is.
    ("/metrics", "anybody"),
    ("/openapi.json", "anybody"),
    ("/readyz", "anybody"),
    ("/v1/broker", "anybody"),
    ("/v1/events", "colony read_events"),
    ("/v1/processes", "user executor"),
    ("/v1/processes/{id}", "colony read read_own"),
    ("/v1/processes/{id}/result", "colony read read_own"),
];
