//! A real nginx in front of a broker, and the pages that it answers when something is wrong.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Port, eventually};

/// Paths of the program on Debian and other systems.
const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
/// Statuses of the pages that it can answer to all requests.
pub const PAGES: [u16; 8] = [200, 403, 404, 413, 429, 500, 503, 504];

/// An nginx that passes gRPC on.
pub struct Nginx {
    child: Child,
    port: Port,
    /// Removed with it.
    folder: TempDir,
}

impl Nginx {
    /// Starts an nginx that forwards everything to the gRPC server at `target`, which may be down. `directives` are
    /// added to the location that forwards.
    pub async fn before(target: SocketAddr, directives: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), Port::take());
        let settings = folder.path().join("nginx.conf");
        fs::write(&settings, text(folder.path(), port.address(), target, directives)).unwrap();
        let program = PROGRAMS.iter().map(Path::new).find(|path| path.exists()).expect("nginx: run `cargo xtask test`");
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("errors")).arg("-c").arg(&settings);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let nginx = Self { child: command.spawn().expect("nginx starts"), port, folder };
        eventually("nginx listens", async || tokio::net::TcpStream::connect(nginx.address()).await.ok()).await;
        nginx
    }

    /// Returns its address, for gRPC in plain text.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Answers everything with an HTML page of this status, one of [`PAGES`], from the next request on.
    pub fn answer_with(&self, status: u16) {
        assert!(PAGES.contains(&status), "nginx has no page for {status}");
        fs::write(self.page(status), "").unwrap();
    }

    /// Forwards requests again.
    pub fn pass_on(&self) {
        for status in PAGES {
            let _ = fs::remove_file(self.page(status));
        }
    }

    /// Returns the number of requests to paths with this end that it answered with this status.
    pub fn answers(&self, status: u16, path_end: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("answers")).unwrap_or_default();
        let is_meant = |line: &&str| line.starts_with(&format!("{status} ")) && line.ends_with(path_end);
        log.lines().filter(is_meant).count()
    }

    fn page(&self, status: u16) -> PathBuf {
        self.folder.path().join(format!("page-{status}"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- nginx answered:\n{}",
                fs::read_to_string(self.folder.path().join("answers")).unwrap_or_default()
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the settings: a single process, which writes only to its folder.
fn text(folder: &Path, address: SocketAddr, target: SocketAddr, directives: &str) -> String {
    let folder = folder.display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};\n")).concat();
    let page = |status| {
        // nginx's own page, if it has one for the status.
        let words = if status == 200 { " '<html><body>Welcome to nginx!</body></html>'" } else { "" };
        format!("if (-f {folder}/page-{status}) {{ return {status}{words}; }}\n")
    };
    let pages: String = PAGES.map(page).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors;\n\
         events {{ worker_connections 512; }}\n\
         http {{\nlog_format answers '$status $uri';\naccess_log {folder}/answers answers;\ndefault_type text/html;\n\
         {temporary}server {{\nlisten {address} http2;\n{pages}\
         location / {{\ngrpc_pass grpc://{target};\n{directives}\n}}\n}}\n}}\n"
    )
}
