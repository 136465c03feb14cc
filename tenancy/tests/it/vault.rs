//! The master key: the wrong one opens nothing, and rotating it touches nothing else.

use tenancy::api_key::{self, ApiKeyInput};
use tenancy::store::{Store, Value};
use tenancy::vault::{self, MasterKey, VaultError};
use tenancy::{PageRequest, Permission, Tenancy, stream_key};

use crate::world::{World, on_each_store, write};

on_each_store!(
    a_wrong_master_key_is_refused,
    a_rotation_rewraps_and_all_goes_on,
    a_failed_rotation_changes_nothing,
    a_replaced_key_of_session_handles_goes_on_until_the_next,
    rotations_are_in_the_audit_log
);

/// Servers that start at the same time on a new store agree on its keys.
async fn open_at_once<S: Store>(store: S) {
    assert!(!vault::has_keys(&store).await.unwrap(), "a new store");
    let master = MasterKey::generate();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let (store, master) = (store.clone(), master.clone());
            tokio::spawn(async move { Tenancy::open(&store, &master, crate::world::NOW).await.unwrap() })
        })
        .collect();
    let mut macs = Vec::new();
    for opening in opening {
        macs.push(opening.await.unwrap().keys().mac(vault::DataKey::ApiSecret, b"x"));
    }
    assert!(macs.iter().all(|mac| *mac == macs[0]));
    assert!(vault::has_keys(&store).await.unwrap());
}

#[test]
fn servers_that_start_at_once_agree_on_the_keys() {
    use platform_core::sql::Location;
    crate::world::block_on(async {
        open_at_once(tenancy::store::memory::Memory::new()).await;
        open_at_once(crate::world::open(Location::Memory).await).await;
        open_at_once(crate::world::open(platform_core::testing::Postgres::shared().database()).await).await;
    });
}

async fn a_wrong_master_key_is_refused<S: Store>(w: World<S>) {
    let before = w.rows().await;
    let wrong = Tenancy::open(&w.store, &MasterKey::generate(), w.now).await;
    assert!(matches!(wrong, Err(VaultError::WrongMasterKey)));
    Tenancy::open(&w.store, &w.master, w.now).await.unwrap();
    assert!(w.rows().await == before, "opening again makes nothing anew");
}

async fn a_rotation_rewraps_and_all_goes_on<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "Camera").await.unwrap();
    let input = ApiKeyInput { name: "k".to_owned(), scopes: vec![Permission::StreamsRead], expires_at: None };
    let key = write!(w, &owner, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap();
    w.person("b@example.org").await;
    let tokens = w.login("b@example.org").await.unwrap();

    let new = MasterKey::generate();
    let call = w.call(&tenancy::Principal::Operator);
    vault::rotate(&w.store, &call, &w.master, &new).await.unwrap();
    assert!(matches!(Tenancy::open(&w.store, &w.master, w.now).await, Err(VaultError::WrongMasterKey)));
    // A server that starts with the new one.
    w.tenancy = Tenancy::open(&w.store, &new, w.now).await.unwrap();
    let id = created.stream.id;
    let page = PageRequest::default();
    let shown = write!(w, &owner, |tx, call| stream_key::list(tx, call, id, page)).unwrap();
    assert_eq!(shown.data[0].secret, created.secret);
    let known = api_key::find(&mut w.store.read().await.unwrap(), &key.key.public).await.unwrap().unwrap();
    known.check(w.tenancy.keys(), &key.secret, w.now).unwrap();
    let refresh = tokens.refresh;
    let refreshed = write!(
        w,
        &tenancy::Principal::Anonymous,
        [refresh] | tx,
        call | { tenancy::session::refresh(tx, call, &refresh) }
    );
    refreshed.unwrap().into_tokens().unwrap();
}

async fn a_failed_rotation_changes_nothing<S: Store>(w: World<S>) {
    let before = w.rows().await;
    let call = w.call(&tenancy::Principal::Operator);
    let wrong = vault::rotate(&w.store, &call, &MasterKey::generate(), &MasterKey::generate()).await;
    assert!(matches!(wrong, Err(VaultError::WrongMasterKey)));
    assert!(w.rows().await == before);
    // Nowhere in the store is the master key, nor a data key in the clear.
    let master = w.master.secret().expose().to_vec();
    let pepper = w.tenancy.keys().secret(vault::DataKey::ApiSecret).expose().to_vec();
    let clear =
        |value: &Value| *value == Value::Bytes(master.clone()) || *value == Value::Bytes(pepper.clone());
    assert!(!before.iter().flatten().any(clear));
}

async fn a_replaced_key_of_session_handles_goes_on_until_the_next<S: Store>(mut w: World<S>) {
    let keys = |w: &World<S>| w.tenancy.keys().session_handle_keys().map(|(id, key)| (id, key.clone()));
    let mut known = vec![keys(&w)[0].clone()];
    for _ in 0..2 {
        let call = w.call(&tenancy::Principal::Operator);
        vault::replace_session_handle_key(&w.store, &call, &w.master).await.unwrap();
        w.tenancy = Tenancy::open(&w.store, &w.master, w.now).await.unwrap();
        let [present, before] = keys(&w);
        assert_eq!(Some(&before), known.last());
        assert!(!known.contains(&present));
        known.push(present);
    }
    let [first, second, third] = [0, 1, 2].map(|at| known[at].clone());
    assert_eq!(w.tenancy.keys().session_handle_key(first.0), None, "replaced twice");
    for (id, key) in [second, third] {
        assert_eq!(w.tenancy.keys().session_handle_key(id), Some(&key));
    }
    let call = w.call(&tenancy::Principal::Operator);
    let wrong = vault::replace_session_handle_key(&w.store, &call, &MasterKey::generate()).await;
    assert!(matches!(wrong, Err(VaultError::WrongMasterKey)));
}

async fn rotations_are_in_the_audit_log<S: Store>(w: World<S>) {
    let call = w.call(&tenancy::Principal::Operator);
    vault::replace_session_handle_key(&w.store, &call, &w.master).await.unwrap();
    vault::rotate(&w.store, &call, &w.master, &MasterKey::generate()).await.unwrap();
    let filter = tenancy::store::AuditFilter::default();
    let log =
        tenancy::store::Tx::audit_page(&mut w.store.read().await.unwrap(), &filter, None, 10).await.unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["master_key.rotated", "session_handle_key.replaced"]);
}
