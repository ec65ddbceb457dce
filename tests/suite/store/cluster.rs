//! A private PostgreSQL of this test process, in a folder of its own and behind a Unix socket.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Starts the server as a user that may, and removes everything once the tests have ended and their
/// end of the pipe is closed.
const SCRIPT: &str = r#"
bin=$1 dir=$2
run() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
cd "$dir" || exit 1
run "$bin/initdb" -D "$dir/data" -U postgres --auth=trust -N -E UTF8 --locale=C >"$dir/log" 2>&1
run "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off \
    -c max_connections=200 >>"$dir/log" 2>&1 &
cat >/dev/null
kill -INT "$(head -1 "$dir/data/postmaster.pid")" 2>/dev/null
wait
rm -rf "$dir"
"#;
/// Connections that are tried while the server starts.
const MAX_TRIES: u32 = 1_200;

/// The server; it ends with the process.
#[derive(Debug)]
struct Cluster {
    folder: PathBuf,
    _process: Child,
}

/// Makes a database and returns its URL; `None` where PostgreSQL is not installed.
pub async fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(start).as_ref());
    let cluster = cluster.await.unwrap()?;
    let url = |name: &str| {
        let folder = cluster.folder.display();
        format!("postgres://postgres@localhost/{name}?host={folder}")
    };
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut tries = 0;
    let admin = loop {
        match sqlx::PgPool::connect(&url("postgres")).await {
            Ok(admin) => break admin,
            Err(error) => assert!(tries < MAX_TRIES, "no PostgreSQL: {error}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&admin).await.unwrap();
    admin.close().await;
    Some(url(&name))
}

fn start() -> Option<Cluster> {
    let Some(programs) = programs() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "PostgreSQL is not installed, and CI is set"
        );
        return None;
    };
    let folder = tempfile::Builder::new()
        .prefix("aibal-pg-")
        .tempdir()
        .unwrap();
    let folder = folder.keep();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let all = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&folder, all).unwrap();
    }
    let process = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .args([&programs, &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Cluster {
        folder,
        _process: process,
    })
}

/// Folder of the newest installed server.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, path)| path);
    newest.filter(|path| Path::new(path).join("initdb").exists())
}
