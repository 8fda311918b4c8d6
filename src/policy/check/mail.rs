//! `[notify.mail]`: the server, the login, who writes and who reads.

use crate::policy::address;
use crate::policy::mistake::Notes;
use crate::policy::notify::{Login, Mail, Security};
use crate::policy::table::{Keys, Placed, Table, Text};
use crate::policy::url::{self, UrlError};

use super::secret::{needed, secret};

const KEYS: Keys = Keys { of: "`[notify.mail]`", known: &["smtp", "user", "password", "from", "to"], later: &[] };
const OF: &str = "`[notify.mail]`";
const SMTP: &str = "\"smtps://mail.acme.example\"";
const FROM: &str = "\"govern <govern@acme.example>\"";
const TO: &str = "[\"lead@acme.example\"]";

/// As it is written in a hint.
pub(super) const EXAMPLE: &str = "{ mail = { smtp = \"smtps://mail.acme.example\", user = \"govern\", \
     password = { file = \"/run/secrets/smtp\" }, from = \"govern@acme.example\", to = [\"lead@acme.example\"] } }";

/// Reads the table.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Mail>> {
    let table = &table.only(&KEYS, notes);
    let server = needed(table, OF, "smtp", SMTP, notes).and_then(|text| server(&text, notes));
    let login = login(table, notes);
    let from = needed(table, OF, "from", FROM, notes).and_then(|text| match address::mailbox(text.value) {
        Some((name, address)) => Some((name.map(str::to_owned), address.to_owned())),
        None => {
            notes.refuse(&text.span, "`from` is no mail address", format!("write `from = {FROM}`"));
            None
        }
    });
    let to = match table.get("to") {
        Some(_) => table.texts("to", TO, notes).map(|texts| {
            let addresses = texts.value.iter().filter_map(|text| recipient(text, notes));
            addresses.collect::<Vec<_>>()
        }),
        None => Some(Vec::new()),
    };
    let ((host, port, security), (from_name, from)) = (server?, from?);
    let value = Mail { host, port, security, login: login?, from_name, from, to: to? };
    Some(Placed { value, span: table.span.clone() })
}

fn recipient(text: &Text<'_>, notes: &mut Notes) -> Option<String> {
    if address::is_mail(text.value) {
        return Some(text.value.to_owned());
    }
    let message = format!("`{}` is no mail address", text.value);
    notes.refuse(&text.span, message, "write the address alone, as `lead@acme.example`");
    None
}

/// Both or none; the outer `None` is a mistake.
#[expect(clippy::option_option, reason = "what is wrong is not what is left out")]
fn login(table: &Table<'_>, notes: &mut Notes) -> Option<Option<Login>> {
    match (table.get("user"), table.get("password")) {
        (None, None) => Some(None),
        (None, Some(_)) => {
            notes.refuse(&table.span, "`password` is there without `user`", "add `user = \"govern\"`");
            None
        }
        (Some(_), _) => {
            let user = table.text("user", "\"govern\"", notes).and_then(|text| super::name(&text, "user", notes));
            let password = secret(table, OF, "password", "SMTP_PASSWORD", notes);
            Some(Some(Login { user: user?, password: password? }))
        }
    }
}

fn server(text: &Text<'_>, notes: &mut Notes) -> Option<(String, u16, Security)> {
    url::smtp(text.value)
        .inspect_err(|error| {
            let hint = match error {
                UrlError::Credentials => "write them as `user` and `password`",
                UrlError::Plain => {
                    "write `smtps://HOST`, or `smtp://HOST:587?tls=required`; without TLS only to `localhost`"
                }
                UrlError::Malformed | UrlError::Scheme => "write `smtps://HOST`, or `smtp://HOST:587?tls=required`",
            };
            notes.refuse(&text.span, format!("the address of the mail server {error}"), hint);
        })
        .ok()
}
