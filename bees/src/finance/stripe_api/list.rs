//! Reads lists, page by page.

use serde_json::Value;

use super::client::{Answer, Call, StripeApi};
use super::error::StripeError;
use super::kind::Kind;

/// Largest page that Stripe gives.
pub const PAGE_SIZE_MAX: u32 = 100;
/// Pages read of the items of one subscription. Stripe allows 20 items.
const ITEM_PAGES_MAX: usize = 5;

/// A page of a list, newest object first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Kind of the objects.
    pub kind: Kind,
    /// The connected account, `acct_…`; the key's own if absent.
    pub account: Option<String>,
    /// The last object of the previous page.
    pub after: Option<String>,
    /// Only objects created from this second on.
    pub created_from_s: Option<i64>,
    /// Only objects created up to this second.
    pub created_to_s: Option<i64>,
    /// Most objects, at most [`PAGE_SIZE_MAX`].
    pub limit: u32,
}

impl ListQuery {
    /// Selects the first page of all objects of a kind.
    pub fn all(kind: Kind) -> Self {
        Self { kind, account: None, after: None, created_from_s: None, created_to_s: None, limit: PAGE_SIZE_MAX }
    }
}

/// Objects of one page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, each with an id.
    pub objects: Vec<Value>,
    /// True if another page follows.
    pub has_more: bool,
    /// A second by Stripe's clock: every change up to then is in the objects.
    pub as_of_s: i64,
}

impl StripeApi {
    /// Reads a page. Subscriptions come in every status, with all their items.
    ///
    /// # Errors
    ///
    /// [`StripeError::is_retryable`] returns true if another attempt can succeed.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StripeError> {
        let mut call = Call { account: query.account.as_deref(), ..Call::of(query.kind, None) };
        call.query.push(("limit", query.limit.clamp(1, PAGE_SIZE_MAX).to_string()));
        call.query.extend(query.after.iter().map(|id| ("starting_after", id.clone())));
        call.query.extend(query.created_from_s.map(|second| ("created[gte]", second.to_string())));
        call.query.extend(query.created_to_s.map(|second| ("created[lte]", second.to_string())));
        if query.kind == Kind::Subscriptions {
            // Without it, Stripe leaves out the canceled ones.
            call.query.push(("status", "all".to_owned()));
        }
        let mut page = page(self.get(&call).await?)?;
        if page.objects.last().is_some_and(|last| last["id"].as_str() == query.after.as_deref()) {
            return Err(StripeError::Answer("the list does not get on".to_owned()));
        }
        for object in &mut page.objects {
            self.complete(object, query.account.as_deref()).await?;
        }
        Ok(page)
    }

    /// Reads the items that a subscription does not carry with it.
    pub(super) async fn complete(&self, object: &mut Value, account: Option<&str>) -> Result<(), StripeError> {
        if object["object"] != Kind::Subscriptions.object() || object["items"]["has_more"] != true {
            return Ok(());
        }
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        for _ in 0..ITEM_PAGES_MAX {
            let after = object["items"]["data"].as_array().and_then(|items| items.last()?["id"].as_str());
            let mut query = vec![("subscription", id.clone()), ("limit", PAGE_SIZE_MAX.to_string())];
            query.extend(after.map(|after| ("starting_after", after.to_owned())));
            let segments = vec!["subscription_items"];
            let call = Call { segments, kind: Some(Kind::Subscriptions), account, query };
            let next = page(self.get(&call).await?)?;
            if let Some(items) = object["items"]["data"].as_array_mut() {
                items.extend(next.objects);
            }
            object["items"]["has_more"] = next.has_more.into();
            if !next.has_more {
                return Ok(());
            }
        }
        Err(StripeError::Answer(format!("the items of `{id}` have no end")))
    }
}

/// Checks the form of a list: anything else than a list of objects with ids proves nothing.
fn page(answer: Answer) -> Result<Page, StripeError> {
    let Answer { mut body, as_of_s } = answer;
    let unexpected = |what: &str| StripeError::Answer(format!("a list {what}"));
    let has_more = body["has_more"].as_bool().ok_or_else(|| unexpected("without `has_more`"))?;
    let Value::Array(objects) = body["data"].take() else { return Err(unexpected("without `data`")) };
    if objects.iter().any(|object| object["id"].as_str().is_none_or(str::is_empty)) {
        return Err(unexpected("with an object without an id"));
    }
    if has_more && objects.is_empty() {
        return Err(unexpected("without objects that has more"));
    }
    Ok(Page { objects, has_more, as_of_s })
}
