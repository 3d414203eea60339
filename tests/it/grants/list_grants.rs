//! `ListGrants`.

use apiary_executor_sdk::{v1, wire};
use apiary_identity::chain;
use apiary_tests::TestColony;

on_each_store!(it_pages_through_signed_grants, it_is_not_for_everybody);

async fn it_pages_through_signed_grants(colony: TestColony) {
    for name in ["a", "b", "c", "d", "e"] {
        colony.user(name).await;
    }
    let owner = colony.client(&colony.key);
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = owner.list_grants(v1::ListGrantsRequest { page_size: 2, page_token }).await.unwrap();
        assert!(page.grants.len() <= 2);
        for grant in &page.grants {
            let envelope = wire::envelope_from_proto(grant).unwrap();
            names.push(chain::verify_grant(&colony.key.id(), &envelope).unwrap().name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

async fn it_is_not_for_everybody(colony: TestColony) {
    let user = colony.user("ada").await;
    let refused = user.list_grants(v1::ListGrantsRequest::default()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    let bad =
        colony.client(&colony.key).list_grants(v1::ListGrantsRequest { page_size: -1, ..Default::default() }).await;
    assert_eq!(bad.unwrap_err().reason(), Some("INVALID"));
}
