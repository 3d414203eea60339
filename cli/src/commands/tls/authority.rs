//! A private certificate authority: created, read, and used for signing.

use std::net::IpAddr;

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{DecodePem as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::name::Name;

use super::folder::{AUTHORITY, Folder};
use crate::exit::Fault;

/// Certificates are valid from this much earlier, for machines whose clocks are behind.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(1);
/// `id-kp-clientAuth` (RFC 5280, section 4.2.1.12).
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// A certificate authority with its signing key.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    name: Name,
    until: Timestamp,
}

/// Side of a connection for which a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// An order for a certificate.
pub(super) struct Order<'a> {
    pub(super) side: Side,
    pub(super) names: &'a [String],
    pub(super) now: Timestamp,
    pub(super) days: i32,
}

/// A signed certificate.
pub(super) struct Made {
    pub(super) certificate: String,
    pub(super) until: Timestamp,
}

impl Authority {
    /// Creates an authority and writes its files.
    pub(super) fn make(folder: &Folder, now: Timestamp, days: i32) -> anyhow::Result<(Self, Timestamp)> {
        let (key, until) = (KeyPair::generate()?, after(now, days));
        let mut params = params(now, until);
        // The random number tells later authorities of the same name apart.
        params.distinguished_name.push(DnType::CommonName, format!("Apiary CA {:08x}", rand::random::<u32>()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        folder.write(AUTHORITY, &params.self_signed(&key)?.pem(), &key.serialize_pem())?;
        Ok((Self::read(folder)?, until))
    }

    /// Reads an authority's files.
    pub(super) fn read(folder: &Folder) -> anyhow::Result<Self> {
        let (path, key_path) = (folder.certificate(AUTHORITY), folder.key(AUTHORITY));
        let certificate = parse(&folder.read(&path)?).with_context(|| path.display().to_string())?;
        let key = apiary_identity::read_secret_file(&key_path, super::folder::FILE_BYTES_MAX)?;
        let key = KeyPair::from_pem(&key)
            .map_err(|error| anyhow!("{} holds no secret key that signs certificates: {error}", key_path.display()))?;
        let tbs = certificate.tbs_certificate();
        if tbs.subject_public_key_info().to_der()? != key.subject_public_key_info() {
            let words = format!("{} is not the key of {}", key_path.display(), path.display());
            return Err(Fault::failure(words).hint("restore the two files that belong together").into());
        }
        let mut params = params(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        params.distinguished_name = distinguished_name(tbs.subject())
            .with_context(|| format!("{}: its name cannot be repeated in certificates", path.display()))?;
        if let Ok(Some((_, SubjectKeyIdentifier(id)))) = tbs.get_extension() {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.as_bytes().to_vec());
        }
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let (name, until) = (tbs.subject().clone(), end(&certificate));
        Ok(Self { issuer: Issuer::new(params, key), name, until })
    }

    /// Certifies a key, at most until the authority's own end.
    pub(super) fn certify(&self, key: &KeyPair, order: &Order<'_>) -> anyhow::Result<Made> {
        if self.until <= order.now {
            return Err(Fault::failure(format!("the certificate authority expired on {}", day(self.until)))
                .hint("move its folder away, make a new one with `apiary tls new`, and give its ca.pem to all parts")
                .into());
        }
        let until = after(order.now, order.days).min(self.until);
        let mut params = params(order.now, until);
        let common_name = order.names.first().map_or("", String::as_str);
        // A common name has at most 64 characters (RFC 5280, appendix A.1). Clients look names up elsewhere.
        params.distinguished_name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
        params.subject_alt_names = order.names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match order.side {
            Side::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Side::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        let certificate = params.signed_by(key, &self.issuer)?.pem();
        if parse(&certificate)?.tbs_certificate().issuer() != &self.name {
            return Err(Fault::failure("the certificate authority's name cannot be repeated as it is written there")
                .hint("renew the certificate with the program that made the authority")
                .into());
        }
        Ok(Made { certificate, until })
    }
}

/// Reads a certificate's side, names and addresses.
pub(super) fn contents(pem: &str) -> anyhow::Result<(Side, Vec<String>)> {
    let certificate = parse(pem)?;
    let tbs = certificate.tbs_certificate();
    let usage = tbs.get_extension::<ExtendedKeyUsage>().ok().flatten();
    let is_client = usage.is_some_and(|(_, usage)| usage.0.iter().all(|usage| usage.to_string() == CLIENT_AUTH));
    let names = tbs.get_extension::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0).unwrap_or_default();
    let names = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            4 => <[u8; 4]>::try_from(bytes.as_bytes()).ok().map(|ip| IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(bytes.as_bytes()).ok().map(|ip| IpAddr::from(ip).to_string()),
        },
        _ => None,
    });
    Ok((if is_client { Side::Client } else { Side::Server }, names.collect()))
}

/// Formats a day.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn params(now: Timestamp, until: Timestamp) -> CertificateParams {
    let at = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    let mut params = CertificateParams::default();
    params.not_before = at(now.saturating_sub(CLOCK_SKEW).unwrap_or(now));
    params.not_after = at(until);
    params.distinguished_name = DistinguishedName::new();
    params
}

fn after(now: Timestamp, days: i32) -> Timestamp {
    let end = now.saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    // Certificates have no fractions of a second.
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}

fn end(certificate: &Certificate) -> Timestamp {
    let seconds = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX)
}

fn parse(pem: &str) -> anyhow::Result<Certificate> {
    Certificate::from_pem(pem).map_err(|error| Fault::failure(format!("not a certificate in PEM: {error}")).into())
}

fn alternative(name: &str) -> Result<SanType, rcgen::Error> {
    match name.parse() {
        Ok(ip) => Ok(SanType::IpAddress(ip)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}

/// Converts a name to the signing library's type; `None` if it has a part without an equivalent.
fn distinguished_name(name: &Name) -> Option<DistinguishedName> {
    let mut written = DistinguishedName::new();
    for part in name.iter() {
        let arcs: Vec<u64> = part.oid.arcs().map(u64::from).collect();
        let value = if let Ok(text) = part.value.decode_as::<Utf8StringRef<'_>>() {
            DnValue::Utf8String(text.as_str().to_owned())
        } else if let Ok(text) = part.value.decode_as::<PrintableStringRef<'_>>() {
            DnValue::PrintableString(text.as_str().try_into().ok()?)
        } else {
            let text = part.value.decode_as::<Ia5StringRef<'_>>().ok()?;
            DnValue::Ia5String(text.as_str().try_into().ok()?)
        };
        written.push(DnType::from_oid(&arcs), value);
    }
    Some(written)
}
