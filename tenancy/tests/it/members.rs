//! Members and invitations: nobody grants above their role, the last owner stays, an invitation is for one person.

use std::time::Duration;

use tenancy::authority::Role;
use tenancy::invitation::{self, InvitationInput};
use tenancy::store::Store;
use tenancy::{Error, INVALID_TOKEN, PageRequest, Permission, Principal, SOLE_OWNER, member};

use crate::world::{World, on_each_store, read, refused, token_of, write};

on_each_store!(
    the_last_owner_stays,
    of_two_owners_that_leave_at_once_one_stays,
    nobody_grants_or_takes_above_their_role,
    anybody_may_leave,
    viewers_see_no_addresses,
    an_invitation_is_for_one_person_once,
    an_invitation_expires_and_can_be_revoked,
    a_second_invitation_replaces_the_first,
    nobody_takes_an_invitation_back_that_they_could_not_give,
    invitations_go_with_who_sent_them,
    invitations_of_a_day_are_bounded_for_the_address_and_for_the_organization,
);

async fn the_last_owner_stays<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let own = w.membership(&owner, organization_id, &owner).await.id;
    let left = write!(w, &owner, |tx, call| member::remove(tx, call, organization_id, own)).unwrap_err();
    assert!(refused(&left, SOLE_OWNER));
    let lowered =
        write!(w, &owner, |tx, call| member::change_role(tx, call, organization_id, own, Role::Admin));
    assert!(refused(&lowered.unwrap_err(), SOLE_OWNER));
    let second = w.member(&owner, organization_id, "b@example.org", Role::Owner).await;
    write!(w, &owner, |tx, call| member::remove(tx, call, organization_id, own)).unwrap();
    let theirs = w.membership(&second, organization_id, &second).await.id;
    let left = write!(w, &second, |tx, call| member::remove(tx, call, organization_id, theirs)).unwrap_err();
    assert!(refused(&left, SOLE_OWNER));
}

async fn of_two_owners_that_leave_at_once_one_stays<S: Store>(w: World<S>) {
    let (first, organization_id, _) = w.tenant("a@example.org").await;
    let second = w.member(&first, organization_id, "b@example.org", Role::Owner).await;
    let mut leaving = Vec::new();
    for owner in [&first, &second] {
        let id = w.membership(owner, organization_id, owner).await.id;
        let (store, call) = (w.store.clone(), w.call(owner));
        leaving.push(tokio::spawn(async move {
            store.write(call, move |tx, call| Box::pin(member::remove(tx, call, organization_id, id))).await
        }));
    }
    let mut left = 0;
    for leaving in leaving {
        left += usize::from(leaving.await.unwrap().is_ok());
    }
    assert_eq!(left, 1);
}

async fn nobody_grants_or_takes_above_their_role<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let admin = w.member(&owner, organization_id, "admin@example.org", Role::Admin).await;
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let owners = w.membership(&owner, organization_id, &owner).await.id;
    let admins = w.membership(&owner, organization_id, &admin).await.id;
    let viewers = w.membership(&owner, organization_id, &viewer).await.id;
    for (id, role) in [(viewers, Role::Owner), (owners, Role::Viewer), (admins, Role::Owner)] {
        let changed = write!(w, &admin, |tx, call| member::change_role(tx, call, organization_id, id, role));
        assert!(matches!(changed, Err(Error::Forbidden(Permission::OwnersManage))), "{role}: {changed:?}");
    }
    let removed = write!(w, &admin, |tx, call| member::remove(tx, call, organization_id, owners));
    assert!(matches!(removed, Err(Error::Forbidden(_))));
    let invited = InvitationInput { email: "c@example.org".to_owned(), role: Role::Owner };
    let invited =
        write!(w, &admin, [invited] | tx, call | invitation::create(tx, call, organization_id, &invited));
    assert!(matches!(invited, Err(Error::Forbidden(Permission::OwnersManage))));
    write!(w, &admin, |tx, call| member::change_role(tx, call, organization_id, viewers, Role::Admin))
        .unwrap();
    write!(w, &admin, |tx, call| member::change_role(tx, call, organization_id, viewers, Role::Developer))
        .unwrap();
    let developer = viewer;
    let changed = write!(w, &developer, |tx, call| member::change_role(
        tx,
        call,
        organization_id,
        viewers,
        Role::Owner
    ));
    assert!(matches!(changed, Err(Error::Forbidden(Permission::MembersManage))));
}

async fn anybody_may_leave<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let other = w.member(&owner, organization_id, "other@example.org", Role::Viewer).await;
    let own = w.membership(&owner, organization_id, &viewer).await.id;
    let others = w.membership(&owner, organization_id, &other).await.id;
    let removed = write!(w, &viewer, |tx, call| member::remove(tx, call, organization_id, others));
    assert!(matches!(removed, Err(Error::Forbidden(Permission::MembersManage))));
    write!(w, &viewer, |tx, call| member::remove(tx, call, organization_id, own)).unwrap();
    let gone = read!(w, &viewer, |tx, call| member::list(tx, call, organization_id, PageRequest::default()));
    assert!(matches!(gone, Err(Error::NotFound)));
}

async fn viewers_see_no_addresses<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let developer = w.member(&owner, organization_id, "developer@example.org", Role::Developer).await;
    for (principal, shown) in [(&owner, true), (&developer, true), (&viewer, false)] {
        let page = PageRequest::default();
        let members = read!(w, principal, |tx, call| member::list(tx, call, organization_id, page)).unwrap();
        assert_eq!(members.data.len(), 3);
        assert!(members.data.iter().all(|view| view.email.is_some() == shown && view.name.is_some()));
    }
}

async fn an_invitation_is_for_one_person_once<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let input = InvitationInput { email: "B@example.org".to_owned(), role: Role::Developer };
    let (_, mail) =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
            .unwrap();
    let token = token_of(&mail.message);
    let other = w.user("c@example.org").await;
    let stolen = write!(w, &other, [token] | tx, call | invitation::accept(tx, call, &token));
    assert!(refused(&stolen.unwrap_err(), INVALID_TOKEN));
    let meant = w.user("b@example.org").await;
    let (_, member) = write!(w, &meant, [token] | tx, call | invitation::accept(tx, call, &token)).unwrap();
    assert_eq!(member.role, Role::Developer);
    let again = write!(w, &meant, [token] | tx, call | invitation::accept(tx, call, &token));
    assert!(refused(&again.unwrap_err(), INVALID_TOKEN));
    let member =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input));
    assert!(matches!(member, Err(Error::Conflict { key: "email" })));
}

async fn an_invitation_expires_and_can_be_revoked<S: Store>(mut w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let meant = w.user("b@example.org").await;
    let input = InvitationInput { email: "b@example.org".to_owned(), role: Role::Viewer };
    let (revoked, mail) =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
            .unwrap();
    let id = revoked.id;
    let (stranger, ..) = w.tenant("x@example.org").await;
    let foreign = write!(w, &stranger, |tx, call| invitation::revoke(tx, call, organization_id, id));
    assert!(matches!(foreign, Err(Error::NotFound)));
    write!(w, &owner, |tx, call| invitation::revoke(tx, call, organization_id, id)).unwrap();
    let token = token_of(&mail.message);
    assert!(write!(w, &meant, [token] | tx, call | invitation::accept(tx, call, &token)).is_err());
    let (_, mail) =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
            .unwrap();
    w.pass(invitation::VALID + Duration::from_millis(1));
    let token = token_of(&mail.message);
    assert!(write!(w, &meant, [token] | tx, call | invitation::accept(tx, call, &token)).is_err());
}

async fn invitations_of_a_day_are_bounded_for_the_address_and_for_the_organization<S: Store>(
    mut w: World<S>,
) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let (other, other_organization, _) = w.tenant("x@example.org").await;
    let to = |number: u32| InvitationInput { email: format!("b{number}@example.org"), role: Role::Viewer };
    let input = to(0);
    for _ in 0..5 {
        let sent =
            write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input));
        let id = sent.unwrap().0.id;
        write!(w, &owner, |tx, call| invitation::revoke(tx, call, organization_id, id)).unwrap();
        w.pass(Duration::from_secs(60));
    }
    for (who, organization_id) in [(&owner, organization_id), (&other, other_organization)] {
        let sixth =
            write!(w, who, [input] | tx, call | invitation::create(tx, call, organization_id, &input));
        let Err(Error::RateLimited { retry_after, .. }) = sixth else { panic!("{sixth:?}") };
        assert_eq!(retry_after, Duration::from_secs(86_400 - 5 * 60), "until the first is a day old");
    }
    for number in 1..=195 {
        let input = to(number);
        let sent =
            write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input));
        let id = sent.unwrap().0.id;
        write!(w, &owner, |tx, call| invitation::revoke(tx, call, organization_id, id)).unwrap();
    }
    let input = to(196);
    let beyond =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input));
    assert!(matches!(beyond, Err(Error::RateLimited { .. })), "{beyond:?}");
    let _ = write!(w, &other, [input] | tx, call | invitation::create(tx, call, other_organization, &input))
        .unwrap();
    w.pass(Duration::from_secs(86_400));
    let _ = write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
        .unwrap();
}

async fn a_second_invitation_replaces_the_first<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let meant = w.user("b@example.org").await;
    let input = InvitationInput { email: "b@example.org".to_owned(), role: Role::Viewer };
    let (_, first) =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
            .unwrap();
    let (_, second) =
        write!(w, &owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
            .unwrap();
    let open =
        read!(w, &owner, |tx, call| invitation::list(tx, call, organization_id, PageRequest::default()))
            .unwrap();
    assert_eq!(open.data.len(), 1);
    for (mail, accepted) in [(first, false), (second, true)] {
        let token = token_of(&mail.message);
        assert_eq!(
            write!(w, &meant, [token] | tx, call | invitation::accept(tx, call, &token)).is_ok(),
            accepted
        );
    }
    let nobody = write!(w, &Principal::Anonymous, |tx, call| invitation::accept(tx, call, &"x".into()));
    assert!(matches!(nobody, Err(Error::Unauthenticated)));
}

/// Invites somebody; the invitation and what its mail says.
async fn invite<S: Store>(
    w: &World<S>,
    by: &Principal,
    organization_id: platform_core::OrganizationId,
    email: &str,
    role: Role,
) -> Result<invitation::Invitation, Error> {
    let input = InvitationInput { email: email.to_owned(), role };
    write!(w, by, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
        .map(|(invitation, _)| invitation)
}

/// The addresses that are invited.
async fn invited<S: Store>(
    w: &World<S>,
    by: &Principal,
    organization_id: platform_core::OrganizationId,
) -> Vec<String> {
    let page = PageRequest { after: None, limit: 100 };
    let open = read!(w, by, |tx, call| invitation::list(tx, call, organization_id, page)).unwrap();
    let mut emails: Vec<_> = open.data.into_iter().filter_map(|invitation| invitation.email).collect();
    emails.sort();
    emails
}

async fn nobody_takes_an_invitation_back_that_they_could_not_give<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let admin = w.member(&owner, organization_id, "admin@example.org", Role::Admin).await;
    let heir = invite(&w, &owner, organization_id, "heir@example.org", Role::Owner).await.unwrap().id;
    let taken = write!(w, &admin, |tx, call| invitation::revoke(tx, call, organization_id, heir));
    assert!(matches!(taken, Err(Error::Forbidden(Permission::OwnersManage))), "{taken:?}");
    let replaced = invite(&w, &admin, organization_id, "heir@example.org", Role::Viewer).await;
    assert!(matches!(replaced, Err(Error::Forbidden(Permission::OwnersManage))), "{replaced:?}");
    assert_eq!(invited(&w, &owner, organization_id).await, ["heir@example.org"]);
    write!(w, &owner, |tx, call| invitation::revoke(tx, call, organization_id, heir)).unwrap();
}

async fn invitations_go_with_who_sent_them<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let second = w.member(&owner, organization_id, "second@example.org", Role::Owner).await;
    let leaver = w.member(&owner, organization_id, "leaver@example.org", Role::Admin).await;
    invite(&w, &owner, organization_id, "stays@example.org", Role::Viewer).await.unwrap();
    invite(&w, &second, organization_id, "heir@example.org", Role::Owner).await.unwrap();
    invite(&w, &second, organization_id, "viewer@example.org", Role::Viewer).await.unwrap();
    invite(&w, &leaver, organization_id, "friend@example.org", Role::Admin).await.unwrap();
    // An admin may still invite viewers, but no owners.
    let id = w.membership(&owner, organization_id, &second).await.id;
    write!(w, &owner, |tx, call| member::change_role(tx, call, organization_id, id, Role::Admin)).unwrap();
    assert_eq!(
        invited(&w, &owner, organization_id).await,
        ["friend@example.org", "stays@example.org", "viewer@example.org"]
    );
    let id = w.membership(&owner, organization_id, &leaver).await.id;
    write!(w, &owner, |tx, call| member::remove(tx, call, organization_id, id)).unwrap();
    assert_eq!(invited(&w, &owner, organization_id).await, ["stays@example.org", "viewer@example.org"]);
    let Principal::User(person) = &second else { panic!("no person") };
    let id = person.id;
    write!(w, &second, |tx, call| tenancy::user::erase(tx, call, id)).unwrap();
    assert_eq!(invited(&w, &owner, organization_id).await, ["stays@example.org"]);
}
