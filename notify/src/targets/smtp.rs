//! Mail.

use apiary_daemon::with_causes;
use apiary_settings::{SettingError, Values};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::{SendError, http};
use crate::limits::{ANSWER_CHARS_MAX, MAIL_TO_MAX, SEND_TIMEOUT};
use crate::message::{Message, clipped, plain};
use crate::settings::{SMTP_FROM, SMTP_TO, SMTP_URL};

/// A mail server, with the sender and the receivers.
pub(crate) struct Smtp {
    url: Url,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Smtp {
    pub(crate) fn read(settings: &Values) -> Result<Option<Self>, SettingError> {
        let Some(url) = settings.secret(&SMTP_URL) else { return Ok(None) };
        let Some(from) = settings.text(&SMTP_FROM) else { return Err(SettingError::missing(&SMTP_FROM)) };
        let to = settings.list(&SMTP_TO);
        if to.is_empty() {
            return Err(SettingError::missing(&SMTP_TO));
        }
        if to.len() > MAIL_TO_MAX {
            return Err(SettingError::new(format!("`{}` has more than {MAIL_TO_MAX} addresses", SMTP_TO.key)));
        }
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| SettingError::new(format!("`{key}`: `{text}`: {error}")))
        };
        Ok(Some(Self {
            url: server(&url)?,
            from: mailbox(SMTP_FROM.key, from)?,
            to: to.iter().map(|to| mailbox(SMTP_TO.key, to)).collect::<Result<_, _>>()?,
        }))
    }

    pub(crate) fn place(&self) -> String {
        let to: Vec<String> = self.to.iter().map(|to| to.email.to_string()).collect();
        format!("{} to {}", self.url.host_str().unwrap_or_default(), to.join(", "))
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<String, SendError> {
        let mail = self.mail(message).map_err(|error| SendError::new(format!("the mail cannot be made: {error}")))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(self.url.as_str())
            .map_err(|error| SendError::new(format!("the mail server's URL: {error}")))?
            .timeout(Some(SEND_TIMEOUT))
            .build();
        let sent = tokio::time::timeout(SEND_TIMEOUT, transport.send(mail)).await;
        let words = |text: String| clipped(&plain(&self.hidden(&text)), ANSWER_CHARS_MAX);
        match sent {
            Ok(Ok(answer)) => {
                let lines: Vec<&str> = answer.message().collect();
                Ok(words(format!("{} {}", answer.code(), lines.join(" "))))
            }
            Ok(Err(error)) => Err(SendError::new(words(with_causes(&error)))),
            Err(_) => Err(SendError::new(format!("no answer within {} s", SEND_TIMEOUT.as_secs()))),
        }
    }

    /// Takes the password out of a text, also as the protocol writes it: some servers show what they were told.
    fn hidden(&self, text: &str) -> String {
        let user = percent_decoded(self.url.username());
        let password = percent_decoded(self.url.password().unwrap_or_default());
        if password.is_empty() {
            return text.to_owned();
        }
        let plain_login = STANDARD.encode(format!("\0{user}\0{password}"));
        let forms = [plain_login, STANDARD.encode(&password), password];
        forms.iter().fold(text.to_owned(), |text, form| text.replace(form, "(the password)"))
    }

    fn mail(&self, message: &Message) -> Result<Mail, lettre::error::Error> {
        let mut builder = Mail::builder()
            .from(self.from.clone())
            // The same at each try, so that a server that has it already drops the second.
            .message_id(Some(format!("<{}@apiary.invalid>", message.id)))
            .subject(message.title());
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let body =
            format!("{}\n\n-- \nSent by apiary. docs/explain.md explains the kinds.\n", message.lines().join("\n\n"));
        builder.header(ContentType::TEXT_PLAIN).body(body)
    }
}

/// Reads the server's URL. A password never goes over an open line: without TLS only on this machine. The error never shows it.
fn server(url: &SecretString) -> Result<Url, SettingError> {
    let wrong = |problem: &str| SettingError::new(format!("`{}` {problem}", SMTP_URL.key));
    let mut url = Url::parse(url.expose_secret().trim()).map_err(|error| wrong(&format!("is no URL ({error})")))?;
    if url.host_str().unwrap_or_default().is_empty() {
        return Err(wrong("names no host: use smtps://USER:PASSWORD@HOST"));
    }
    match url.scheme() {
        "smtps" => url.set_query(None),
        "smtp" if is_here(&url) => {}
        "smtp" => url.set_query(Some("tls=required")),
        _ => return Err(wrong("begins with neither smtps:// nor smtp://")),
    }
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    http::is_loopback(url)
}

/// Undoes the escapes of a URL.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Url, SettingError> {
        server(&SecretString::from(url))
    }

    #[test]
    fn a_password_never_goes_over_an_open_line() {
        assert_eq!(read("smtp://u:p@mail.example:587?tls=none").unwrap().query(), Some("tls=required"));
        assert_eq!(read("smtps://u:p@mail.example?tls=none").unwrap().query(), None);
        assert_eq!(read("smtp://127.0.0.1:2525").unwrap().query(), None);
    }

    #[test]
    fn a_wrong_server_is_refused_without_being_shown() {
        for url in ["https://u:hidden@mail.example", "mail.example:587/hidden", "smtp:///hidden"] {
            let error = read(url).unwrap_err().to_string();
            assert!(error.starts_with("`notify.smtp_url` ") && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_password_that_a_server_repeats_is_hidden_in_every_form() {
        let from: Mailbox = "Apiary <apiary@example.com>".parse().unwrap();
        let url = read("smtps://ada%40example.com:hunter%2F2@mail.example").unwrap();
        let smtp = Smtp { url, from: from.clone(), to: vec![from] };
        for told in ["hunter/2".to_owned(), STANDARD.encode("hunter/2"), STANDARD.encode("\0ada@example.com\0hunter/2")]
        {
            let words = smtp.hidden(&format!("535 rejected: AUTH {told} now"));
            assert_eq!(words, "535 rejected: AUTH (the password) now");
        }
        assert_eq!(percent_decoded("a%2gb%"), "a%2gb%");
    }

    #[test]
    fn a_line_feed_in_a_finding_adds_no_header() {
        let from: Mailbox = "Apiary <apiary@example.com>".parse().unwrap();
        let smtp = Smtp { url: read("smtp://127.0.0.1").unwrap(), from: from.clone(), to: vec![from] };
        let event = crate::Event {
            change: crate::Change::Opened,
            colony: String::new(),
            kind: "PAUSED\r\nBcc: thief@example.com".to_owned(),
            subject: "x\r\nBcc: thief@example.com".to_owned(),
            text: "do\r\n.\r\nthis".to_owned(),
            count: 1,
            since_ms: 0,
        };
        let mail = smtp.mail(&Message::new("apiary", 0, vec![event])).unwrap().formatted();
        let mail = String::from_utf8(mail).unwrap();
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(!mail.contains("\r\n.\r\n"), "{mail}");
    }
}
