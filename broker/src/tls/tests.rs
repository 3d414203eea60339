//! Notices about certificates, on a clock that the test sets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Notices;
use apiary_identity::ManualClock;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::TlsFiles;
use crate::config::TlsConfig;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Writes a certificate that ends with the first of January, and its key.
fn write(folder: &Path, until: i32) -> TlsConfig {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(until, 1, 1));
    let tls = TlsConfig { certificate: folder.join("c.pem"), key: folder.join("k.pem"), client_authorities: None };
    std::fs::write(&tls.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&tls.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    tls
}

fn told(notices: &Notices) -> Vec<(&'static str, String, u64)> {
    notices.list().into_iter().map(|notice| (notice.kind, notice.text, notice.count)).collect()
}

#[test]
fn a_certificate_near_its_end_is_reported_until_it_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new("2026-12-01T00:00:00Z".parse().unwrap()));
    let notices = Notices::new(clock.clone());
    let tls = TlsFiles::read(&write(folder.path(), 2027)).unwrap().serve(clock.clone(), notices.clone());
    assert_eq!(told(&notices), [], "a month is left");
    clock.advance(18 * DAY);
    for _ in 0..3 {
        tls.refresh(false);
    }
    let first = told(&notices);
    assert_eq!((first[0].0, first[0].2), ("TLS_CERTIFICATE_EXPIRES", 1), "once a day: {first:?}");
    assert!(first[0].1.contains("expires on 2027-01-01, in 13 days"), "{first:?}");
    assert!(first[0].1.contains("`broker.tls_certificate`") && first[0].1.contains("apiary tls renew"), "{first:?}");
    clock.advance(14 * DAY);
    tls.refresh(false);
    assert!(told(&notices)[0].1.contains("expired on 2027-01-01"), "{:?}", told(&notices));
    write(folder.path(), 2030);
    tls.refresh(false);
    assert_eq!(told(&notices), []);
}

#[test]
fn what_cannot_be_served_leaves_what_is_served_and_is_reported_until_it_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new("2026-06-01T00:00:00Z".parse().unwrap()));
    let notices = Notices::new(clock.clone());
    let files = write(folder.path(), 2027);
    let tls = TlsFiles::read(&files).unwrap().serve(clock, notices.clone());
    let served = tls.current();
    std::fs::write(&files.certificate, "half a fi").unwrap();
    for _ in 0..3 {
        tls.refresh(false);
    }
    assert!(Arc::ptr_eq(&served, &tls.current()));
    let failed = told(&notices);
    assert_eq!((failed[0].0, failed[0].2), ("TLS_RELOAD_FAILED", 1), "once for each change: {failed:?}");
    assert!(failed[0].1.contains("`broker.tls_certificate`"), "{failed:?}");
    write(folder.path(), 2027);
    tls.refresh(false);
    assert!(!Arc::ptr_eq(&served, &tls.current()));
    assert_eq!(told(&notices), []);
    // Told to, it reads what did not change, too.
    let served = tls.current();
    tls.refresh(true);
    assert!(!Arc::ptr_eq(&served, &tls.current()));
}
