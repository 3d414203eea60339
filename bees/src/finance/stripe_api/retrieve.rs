//! Reads one object.

use serde_json::Value;

use super::client::{Answer, Call, StripeApi};
use super::error::StripeError;
use super::key::mode;
use super::kind::Kind;
use crate::finance::limits::ID_CHARS_MAX;

/// Objects that can be read and are no [`Kind`] of their own, by Stripe's name, with the path before the id.
const OTHERS: [(&str, &[&str]); 2] = [("charge", &["charges"]), ("checkout.session", &["checkout", "sessions"])];

/// An object as Stripe has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The object. Of a deleted customer only its id and `deleted` are left.
    pub object: Value,
    /// A second by Stripe's clock: every change up to then is in the object.
    pub as_of_s: i64,
}

impl StripeApi {
    /// Reads one object of a kind; `None` if Stripe does not know it.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::retrieve_object`].
    pub async fn retrieve(
        &self,
        account: Option<&str>,
        is_live: bool,
        kind: Kind,
        id: &str,
    ) -> Result<Option<Reading>, StripeError> {
        self.retrieve_object(account, is_live, kind.object(), id).await
    }

    /// Reads one object by Stripe's name of it, such as `subscription` or `checkout.session`; `None` if Stripe does not
    /// know it.
    ///
    /// # Errors
    ///
    /// [`StripeError::Mode`] if the key is of the other mode. [`StripeError::is_retryable`] returns true if another
    /// attempt can succeed.
    pub async fn retrieve_object(
        &self,
        account: Option<&str>,
        is_live: bool,
        name: &str,
        id: &str,
    ) -> Result<Option<Reading>, StripeError> {
        let key = mode(self.key().is_live());
        if is_live != self.key().is_live() {
            return Err(StripeError::Mode { what: format!("the {name} `{id}` is of {} mode", mode(is_live)), key });
        }
        // An id of dots would be another path.
        if id.is_empty() || id.starts_with('.') || id.chars().count() > ID_CHARS_MAX || id.chars().any(char::is_control)
        {
            return Err(StripeError::Missing { what: format!("{name} of this id") });
        }
        let call = Call { account, ..call(name, id).ok_or_else(|| StripeError::Missing { what: name.to_owned() })? };
        let Answer { mut body, as_of_s } = match self.get(&call).await {
            Err(StripeError::Missing { .. }) => return Ok(None),
            answer => answer?,
        };
        if body["id"] != id || body["object"].as_str().is_some_and(|object| object != name) {
            return Err(StripeError::Answer(format!("another object than the {name} asked for")));
        }
        self.complete(&mut body, account).await?;
        Ok(Some(Reading { object: body, as_of_s }))
    }
}

fn call<'a>(name: &str, id: &'a str) -> Option<Call<'a>> {
    if let Some(kind) = Kind::of_object(name) {
        return Some(Call::of(kind, Some(id)));
    }
    let (_, path) = OTHERS.iter().find(|(other, _)| *other == name)?;
    let segments = path.iter().copied().chain([id]).collect();
    Some(Call { segments, kind: None, account: None, query: Vec::new() })
}
