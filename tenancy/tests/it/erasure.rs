//! Erasure: nothing of the person is left, and no organization without an owner.

use platform_core::sql::Db;
use tenancy::authority::Role;
use tenancy::idempotency::Repeatable;
use tenancy::invitation::{self, InvitationInput};
use tenancy::store::{AuditFilter, Store, Tx, Value};
use tenancy::{Error, Principal, SOLE_OWNER, UserId, member, organization, user};

use crate::world::{World, on_each_store, read, refused, write};

on_each_store!(
    nothing_of_an_erased_person_is_left,
    a_sole_owner_is_not_erased,
    of_two_owners_erased_at_once_one_stays,
    only_the_person_and_operators_erase_and_export,
    an_export_has_what_is_known,
    an_export_has_all_audit_rows_and_is_one_itself,
    no_audit_row_keeps_the_address_of_who_was_erased,
    what_has_no_owner_left_does_not_come_back,
);

const EMAIL: &str = "Very.Personal@example.org";

fn id_of(principal: &Principal) -> UserId {
    let Principal::User(user) = principal else { panic!("no person") };
    user.id
}

/// Texts and bytes of all rows that contain `needle`, in any case.
fn found(rows: &[Vec<Value>], needle: &str) -> usize {
    let needle = needle.to_lowercase();
    let contains = |value: &&Value| match value {
        Value::Text(text) => text.to_lowercase().contains(&needle),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).to_lowercase().contains(&needle),
        _ => false,
    };
    rows.iter().flatten().filter(contains).count()
}

async fn lived<S: Store>(w: &World<S>) -> Principal {
    let (owner, organization_id, _) = w.tenant("owner@example.org").await;
    let person = w.member(&owner, organization_id, EMAIL, Role::Owner).await;
    w.login(EMAIL).await.unwrap();
    write!(w, &person, |tx, call| user::rename(tx, call, "Perscilla Personal")).unwrap();
    let _ = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, EMAIL)).unwrap();
    let (other, other_organization, _) = w.tenant("other@example.org").await;
    let input = InvitationInput { email: EMAIL.to_owned(), role: Role::Viewer };
    let _ = write!(w, &other, [input] | tx, call | invitation::create(tx, call, other_organization, &input))
        .unwrap();
    let call = w.call(&person);
    let request = Repeatable::new(&call, "PATCH", "/v1/auth/me", "k", b"{}").unwrap();
    w.store
        .write((call, request), |tx, (call, request)| {
            Box::pin(async move { request.keep(tx, call, &EMAIL.into()).await })
        })
        .await
        .unwrap();
    person
}

async fn nothing_of_an_erased_person_is_left<S: Store>(w: World<S>) {
    let person = lived(&w).await;
    let id = id_of(&person);
    let before = w.rows().await;
    assert!(found(&before, EMAIL) >= 4 && found(&before, "Perscilla") == 1, "the test can fail");
    write!(w, &person, |tx, call| user::erase(tx, call, id)).unwrap();
    let after = w.rows().await;
    assert_eq!(found(&after, EMAIL), 0);
    assert_eq!(found(&after, "Perscilla"), 0);
    let filter = AuditFilter { actor_id: Some(id.to_string()), ..AuditFilter::default() };
    let log = w.store.read().await.unwrap().audit_page(&filter, None, 100).await.unwrap();
    assert!(log.is_empty(), "what was done stays, who did it does not");
    assert!(matches!(w.login(EMAIL).await, Err(Error::Unauthenticated)));
    let twice = write!(w, &Principal::Operator, |tx, call| user::erase(tx, call, id));
    assert!(matches!(twice, Err(Error::NotFound)));
    // The address is free again.
    w.person(EMAIL).await;
}

async fn a_sole_owner_is_not_erased<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let id = id_of(&owner);
    let before = w.rows().await;
    let refusal = write!(w, &owner, |tx, call| user::erase(tx, call, id)).unwrap_err();
    assert!(refused(&refusal, SOLE_OWNER));
    assert!(w.rows().await == before);
    let second = w.member(&owner, organization_id, "b@example.org", Role::Owner).await;
    write!(w, &owner, |tx, call| user::erase(tx, call, id)).unwrap();
    // The one who stays is the sole owner now.
    let second_id = w.membership(&second, organization_id, &second).await.id;
    let left = write!(w, &second, |tx, call| member::remove(tx, call, organization_id, second_id));
    assert!(refused(&left.unwrap_err(), SOLE_OWNER));
    write!(w, &second, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    let id = id_of(&second);
    write!(w, &second, |tx, call| user::erase(tx, call, id)).unwrap();
}

async fn of_two_owners_erased_at_once_one_stays<S: Store>(w: World<S>) {
    let (first, organization_id, _) = w.tenant("a@example.org").await;
    let second = w.member(&first, organization_id, "b@example.org", Role::Owner).await;
    let mut erasing = Vec::new();
    for owner in [&first, &second] {
        let (store, call, id) = (w.store.clone(), w.call(owner), id_of(owner));
        erasing.push(tokio::spawn(async move {
            store.write(call, move |tx, call| Box::pin(user::erase(tx, call, id))).await
        }));
    }
    let mut erased = 0;
    for erasing in erasing {
        erased += usize::from(erasing.await.unwrap().is_ok());
    }
    assert_eq!(erased, 1);
}

async fn only_the_person_and_operators_erase_and_export<S: Store>(w: World<S>) {
    let one = id_of(&w.user("a@example.org").await);
    let other = w.user("b@example.org").await;
    assert!(matches!(write!(w, &other, |tx, call| user::erase(tx, call, one)), Err(Error::Forbidden(_))));
    assert!(matches!(read!(w, &other, |tx, call| user::export(tx, call, one)), Err(Error::Forbidden(_))));
    assert!(matches!(
        write!(w, &Principal::Anonymous, |tx, call| user::erase(tx, call, one)),
        Err(Error::Unauthenticated)
    ));
    write!(w, &Principal::Operator, |tx, call| user::erase(tx, call, one)).unwrap();
}

async fn an_export_has_what_is_known<S: Store>(w: World<S>) {
    let person = lived(&w).await;
    let id = id_of(&person);
    let export = read!(w, &person, |tx, call| user::export(tx, call, id)).unwrap();
    assert_eq!(export["user"]["email"], EMAIL);
    assert_eq!(export["user"]["name"], "Perscilla Personal");
    assert_eq!(export["memberships"][0]["organization"], "Acme");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(export["invitations"].as_array().unwrap().len(), 2);
    assert!(!export["audit"].as_array().unwrap().is_empty());
    assert!(!export.to_string().contains("argon2"), "no hash of the password");
}

#[test]
fn sqlite_files_have_nothing_of_an_erased_person() {
    crate::world::on_sqlite(|w: World<Db>| async move {
        let person = lived(&w).await;
        let id = id_of(&person);
        let folder = w.folder.as_ref().unwrap().path().to_owned();
        let files = || {
            let files =
                std::fs::read_dir(&folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
            files.map(|bytes| String::from_utf8_lossy(&bytes).to_lowercase()).collect::<String>()
        };
        assert!(files().contains(&EMAIL.to_lowercase()), "the test can fail");
        write!(w, &person, |tx, call| user::erase(tx, call, id)).unwrap();
        w.store.truncate_log().await.unwrap();
        assert!(!files().contains(&EMAIL.to_lowercase()));
        assert!(!files().contains("perscilla"));
    });
}

async fn an_export_has_all_audit_rows_and_is_one_itself<S: Store>(w: World<S>) {
    let person = w.user("a@example.org").await;
    let id = id_of(&person);
    for name in 0..1_001 {
        write!(w, &person, |tx, call| user::rename(tx, call, &name.to_string())).unwrap();
    }
    write!(w, &person, |tx, call| user::note_export(tx, call, id)).unwrap();
    let export = read!(w, &person, |tx, call| user::export(tx, call, id)).unwrap();
    let rows = export["audit"].as_array().unwrap();
    assert_eq!(rows.len(), 1_002);
    assert_eq!(rows[0]["action"], "user.exported");
}

async fn no_audit_row_keeps_the_address_of_who_was_erased<S: Store>(w: World<S>) {
    let from = |principal: &Principal| {
        let mut call = w.call(principal);
        call.address = Some("203.0.113.7".parse().unwrap());
        call
    };
    // Registering is done by nobody who is known yet, refreshing by whoever has a token.
    let registration = crate::world::registration(EMAIL);
    let register = w.store.write((from(&Principal::Anonymous), registration), |tx, (call, input)| {
        Box::pin(user::register(tx, call, input))
    });
    let token = crate::world::token_of(&register.await.unwrap().message);
    let id =
        write!(w, &Principal::Anonymous, [token] | tx, call | user::verify_email(tx, call, &token)).unwrap();
    let refresh = w.login(EMAIL).await.unwrap().refresh;
    w.store
        .write((from(&Principal::Anonymous), refresh), |tx, (call, refresh)| {
            Box::pin(tenancy::session::logout_by_token(tx, call, refresh))
        })
        .await
        .unwrap();
    let addresses = async || {
        let filter = AuditFilter::default();
        let log = w.store.read().await.unwrap().audit_page(&filter, None, 100).await.unwrap();
        log.iter().filter(|entry| entry.address.is_some()).count()
    };
    assert_eq!(addresses().await, 2, "the test can fail");
    write!(w, &Principal::Operator, |tx, call| user::erase(tx, call, id)).unwrap();
    assert_eq!(addresses().await, 0);
}

async fn what_has_no_owner_left_does_not_come_back<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    let id = id_of(&owner);
    write!(w, &owner, |tx, call| user::erase(tx, call, id)).unwrap();
    let before = w.rows().await;
    let restored =
        write!(w, &Principal::Operator, |tx, call| organization::restore(tx, call, organization_id));
    assert!(refused(&restored.unwrap_err(), tenancy::STATE));
    assert!(w.rows().await == before);
}
