//! What tests need besides cargo: a Postgres, Supabase's server, gRPC libraries of other languages, outside cases. Each is provided, or named as missing.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::node::Package;
use crate::postgres::Cluster;
use crate::{go, lint_proto, python, workspace};

/// Supabase's own PostgREST-compatible server, and the Postgres driver that it wants beside it.
const SUPABASE_LITE: Package =
    Package { folder: "supabase-lite", name: "@supabase/lite", version: "0.10.0", peers: &["postgres@3.4.9"] };

/// connect-node, another gRPC library, and what it wants beside it.
const CONNECT_NODE: Package = Package {
    folder: "connect-node",
    name: "@connectrpc/connect-node",
    version: "2.1.0",
    peers: &["@connectrpc/connect@2.1.0", "@bufbuild/protobuf@2.10.0"],
};

/// Everything that tests need, as far as it could be had.
pub(crate) struct Servers {
    /// Held so that it runs; gone when this is dropped.
    _postgres: Option<Cluster>,
    /// What is there, for people.
    pub(crate) present: Vec<String>,
    /// What is not.
    pub(crate) missing: Vec<Missing>,
    variables: Vec<(&'static str, OsString)>,
}

/// Something that tests need and that could not be had.
pub(crate) struct Missing {
    /// What.
    pub(crate) name: &'static str,
    /// Why, and what to do about it; one line.
    pub(crate) advice: String,
    /// A test needs it if its path holds this.
    pub(crate) path_part: &'static str,
    /// Whether it could have been installed, had the machine allowed it.
    pub(crate) installable: bool,
}

impl Servers {
    /// Provides what it can, installing what it may. Fails only if we are told to stop.
    pub(crate) fn provide() -> anyhow::Result<Self> {
        let mut servers =
            Self { _postgres: None, present: vec!["SQLite".to_owned()], missing: vec![], variables: vec![] };
        let cluster = servers.note("Postgres", "postgres", Cluster::start())?;
        if let Some(cluster) = cluster {
            servers.present.push(format!("Postgres {}", cluster.version));
            servers.variables.push(("APIARY_TEST_POSTGRES_URL", cluster.url.clone().into()));
            servers._postgres = Some(cluster);
        }
        if let Some(folder) = servers.note(SUPABASE_LITE.name, "supabase", SUPABASE_LITE.installed())? {
            servers.present.push(format!("{} {}", SUPABASE_LITE.name, SUPABASE_LITE.version));
            servers.variables.push(("APIARY_TEST_SUPABASE_LITE", folder.into()));
        }
        servers.provide_clients()?;
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

    /// gRPC libraries of other languages, which read the broker's answers in tests.
    fn provide_clients(&mut self) -> anyhow::Result<()> {
        if let Some(program) = self.note("grpc-go", "clients::go", go::built())? {
            self.present.push("grpc-go".to_owned());
            self.variables.push(("APIARY_TEST_GRPC_GO", program.into()));
        }
        if let Some(program) = self.note("grpcio-status", "clients::python", python::installed())? {
            self.present.push("grpcio-status".to_owned());
            self.variables.push(("APIARY_TEST_PYTHON", program.into()));
        }
        if let Some(folder) = self.note(CONNECT_NODE.name, "clients::node", CONNECT_NODE.installed())? {
            self.present.push(format!("{} {}", CONNECT_NODE.name, CONNECT_NODE.version));
            self.variables.push(("APIARY_TEST_CONNECT_NODE", folder.into()));
        }
        if let Some(program) = self.note("buf", "clients::buf", lint_proto::buf())? {
            self.present.push("buf".to_owned());
            self.variables.push(("APIARY_TEST_BUF", program.into()));
        }
        Ok(())
    }

    /// The variables that tests find all this by.
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
                let advice = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
                self.missing.push(Missing { name, advice, path_part, installable: true });
                Ok(None)
            }
        }
    }
}

/// The folder of outside cases: as the environment says, or beside the checkout.
fn cases() -> Option<PathBuf> {
    let named = env::var_os("APIARY_CASES").map(|folder| workspace::root().join(folder));
    let folder = named.unwrap_or_else(|| workspace::root().join("../shared/cases"));
    folder.canonicalize().ok().filter(|folder| folder.is_dir())
}
