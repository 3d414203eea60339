//! `cargo xtask proto`: from `.proto` files to checked-in Rust, without protoc.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use prost::Message as _;
use prost_types::FileDescriptorSet;

const SCHEMA: &str = "proto/schema";
/// The folders of the schema: Apiary's, and gRPC's own health.
const PACKAGES: [&str; 2] = ["apiary/v1", "grpc/health/v1"];
const GENERATED: &str = "proto/src/generated";

/// Generates the code, or compares it with the checked-in code.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies inside the workspace")?;
    let fresh = tempfile::tempdir()?;
    generate(&root.join(SCHEMA), fresh.path())?;
    let target = root.join(GENERATED);
    fs::create_dir_all(&target)?;
    let mut stale = Vec::new();
    for entry in fs::read_dir(fresh.path())? {
        let entry = entry?;
        let bytes = fs::read(entry.path())?;
        let checked_in = target.join(entry.file_name());
        if fs::read(&checked_in).ok().as_deref() == Some(bytes.as_slice()) {
            continue;
        }
        stale.push(entry.file_name().to_string_lossy().into_owned());
        if !check {
            fs::write(checked_in, bytes)?;
        }
    }
    match (check, stale.is_empty()) {
        (true, false) => bail!("{} is out of date in {GENERATED}: run `cargo xtask proto`", stale.join(", ")),
        (false, false) => eprintln!("wrote {}", stale.join(", ")),
        (_, true) => eprintln!("{GENERATED} is up to date"),
    }
    Ok(())
}

/// Returns the paths of all methods, as a list in Rust: constants, which the broker checks its policy against when it is compiled.
fn methods(descriptors: &FileDescriptorSet) -> String {
    let mut list = "[\n".to_owned();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let _ = writeln!(list, "    {path:?},");
            }
        }
    }
    list + "]\n"
}

fn generate(schema: &Path, out: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for package in PACKAGES {
        for entry in fs::read_dir(schema.join(package))? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [schema])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    fs::write(out.join("methods.rs"), methods(&descriptors))?;
    tonic_prost_build::configure()
        .bytes(".apiary.v1.Envelope")
        // Ordered maps, so that the same message has one encoding: its digest is signed.
        .btree_map(".")
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}
