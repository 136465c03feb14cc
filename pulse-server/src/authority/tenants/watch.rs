//! Who may play and view: public streams, playback tokens, sessions of other processes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use platform_core::WallTime;
use tenancy::admission::{Admission, Purpose};
use tenancy::hook::HookEvent;
use tenancy::plan::BytesLimit;
use tenancy::quota::Resource;
use tenancy::revocation::{Bearer, Tag};
use tenancy::token::{self, Claims};

use super::audience::Place;
use super::hooked::Hooked;
use super::terms::{self, PUBLIC};
use super::{Shared, denied, refused};
use crate::authority::{
    Denied, DeniedCode, Grant, Guard, RenditionId, Renditions, Resume, Seat, TIMEOUT, Terms, View, decide,
};
use crate::network::Network;
use crate::stream_id::StreamId;

/// What a viewer was found to be.
struct Admitted {
    terms: Terms,
    viewer: Option<Tag>,
    renditions: Renditions,
    expires_in: Option<Duration>,
}

impl Shared {
    /// Decides on an HLS session.
    pub(super) async fn view(self: Arc<Self>, ask: View, now: WallTime) -> Result<Grant, Denied> {
        if ask.session {
            self.minting.count(Network::of(ask.remote.ip()))?;
        }
        let (grant, place) = self.watch(&ask, now).await?;
        Ok(Grant { seat: Some(Arc::new(place)), ..grant })
    }

    /// Decides on a player over RTMP or FLV, who is there from now on.
    pub(super) async fn play(self: Arc<Self>, ask: View, now: WallTime) -> Result<Grant, Denied> {
        self.minting.count(Network::of(ask.remote.ip()))?;
        let (mut grant, place) = self.watch(&ask, now).await?;
        if grant.limits.renditions != Renditions::ALL {
            let why = "the token grants some renditions, and RTMP and FLV carry all";
            return Err(denied(DeniedCode::BadCredential, why));
        }
        grant.guard = Guard::new((grant.guard, place.take()?));
        Ok(grant)
    }

    async fn watch(self: &Arc<Self>, ask: &View, now: WallTime) -> Result<(Grant, Place), Denied> {
        let (admission, used) = decide(TIMEOUT, self.enter(&ask.stream, now)).await?;
        let admitted = if admission.is_signed() {
            by_token(&admission, ask, now)?
        } else {
            Admitted {
                terms: terms::public(admission.stream.epoch),
                viewer: None,
                renditions: Renditions::ALL,
                expires_in: None,
            }
        };
        self.bytes_left(&admission)?;
        let name = ask.stream.as_str();
        let hooked = Hooked { name, stream_id: Some(name), app: &ask.client.app };
        if let Some(asked) = self.asked(&admission.tenant, HookEvent::Play, &hooked, ask.remote, &ask.client)
        {
            asked.answer(false).await?;
        }
        let network = Network::of(ask.remote.ip());
        Ok(self.seated(ask.stream.clone(), network, &admission, &admitted, used))
    }

    /// Decides on a session that this process does not know.
    pub(super) async fn resume(self: Arc<Self>, ask: Resume, now: WallTime) -> Result<Grant, Denied> {
        let (admission, used) = self.enter(&ask.stream, now).await?;
        let (token, viewer, key) = terms::parts(&ask.terms);
        let lost = |why: &str| Err(denied(DeniedCode::BadCredential, why));
        if key == PUBLIC {
            if admission.is_signed() {
                return lost("the stream was public when the session was opened, and is signed now");
            }
        } else if admission.tenant.verifiers.iter().all(|known| terms::of_signing_key(known.id()) != key) {
            return lost("the signing key of the session's token was revoked");
        }
        let opened = i64::try_from(ask.opened).unwrap_or(i64::MAX).saturating_mul(1000);
        let issued_at = WallTime::from_unix_ms(opened);
        let bearer = Bearer { epoch: Some(ask.terms.epoch.into()), issued_at, token, viewer };
        admission.revokes(&bearer).map_err(|why| refused(&why))?;
        if admission.tenant.bytes_limit == BytesLimit::Hard {
            self.bytes_left(&admission)?;
        }
        let admitted = Admitted {
            terms: ask.terms,
            viewer,
            // The handle has both.
            renditions: Renditions::ALL,
            expires_in: None,
        };
        let network = Network::of(ask.remote.ip());
        let (grant, place) = self.seated(ask.stream, network, &admission, &admitted, used);
        Ok(Grant { seat: Some(Arc::new(place)), ..grant })
    }

    fn seated(
        &self,
        stream: StreamId,
        network: Network,
        admission: &Admission,
        admitted: &Admitted,
        used: super::active::Used,
    ) -> (Grant, Place) {
        let &Admitted { terms, viewer, renditions, expires_in } = admitted;
        let mut grant = Grant::new(stream, terms);
        (grant.limits.renditions, grant.limits.expires_in) = (renditions, expires_in);
        grant.guard = Guard::new(used);
        let place = Place {
            audience: Arc::clone(&self.audience),
            organization_id: admission.organization_id(),
            viewer,
            network,
            limit: admission.tenant.limit(Resource::ConcurrentViewers),
        };
        (grant, place)
    }

    /// Refuses newcomers when the month's bytes are used up.
    fn bytes_left(&self, admission: &Admission) -> Result<(), Denied> {
        self.allowance.check(admission.organization_id(), Resource::DeliveredBytes)
    }
}

fn by_token(admission: &Admission, ask: &View, now: WallTime) -> Result<Admitted, Denied> {
    let missing = || denied(DeniedCode::BadCredential, "the stream is signed, and there is no token");
    let text = ask.token.as_ref().ok_or_else(missing)?.expose();
    let secret = platform_core::Secret::new(text);
    let claims = admission.verify(&secret, Purpose::Play, now).map_err(|why| refused(&why))?;
    from_there(&claims, ask)?;
    let bearer = Bearer::of(&claims);
    let key = token::key_id(&secret).ok_or_else(missing)?;
    let lasts_ms = claims.exp.saturating_mul(1000).saturating_sub(now.unix_ms());
    Ok(Admitted {
        terms: terms::signed(admission.stream.epoch, bearer.token, bearer.viewer, key),
        viewer: bearer.viewer,
        renditions: renditions(&claims),
        // Within the leeway a token that has just ended opens a session of a second.
        expires_in: Some(Duration::from_millis(lasts_ms.max(1000).unsigned_abs())),
    })
}

/// Whether a token may be used from where it was brought.
fn from_there(claims: &Claims, ask: &View) -> Result<(), Denied> {
    if claims.ip.as_ref().is_some_and(|network| !is_in(network, ask.remote.ip())) {
        return Err(denied(DeniedCode::BadCredential, "the token is for another network"));
    }
    let referrer = ask.referrer.as_deref().unwrap_or_default();
    if claims.referrer.as_ref().is_some_and(|site| !is_on(site, referrer)) {
        return Err(denied(DeniedCode::BadCredential, "the token is for another site"));
    }
    Ok(())
}

/// Whether an address is in a network, or is the address that is named.
pub(super) fn is_in(network: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match network.parse::<IpNet>() {
        Ok(network) => network.contains(&address),
        Err(_) => network.parse().is_ok_and(|one: IpAddr| one.to_canonical() == address),
    }
}

/// Whether a referrer is on a site: begins with it, and the site's name ends there. `https://example.com` is not the beginning of
/// `https://example.com.evil.net`.
fn is_on(site: &str, referrer: &str) -> bool {
    let Some(rest) = referrer.strip_prefix(site) else { return false };
    rest.is_empty() || site.ends_with('/') || rest.starts_with(['/', '?', '#'])
}

/// The renditions that a token names; a name that is none of the stream's grants nothing.
fn renditions(claims: &Claims) -> Renditions {
    claims.renditions.as_ref().map_or(Renditions::ALL, |names| {
        Renditions::of(names.iter().filter_map(|name| RenditionId::parse(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrer_is_on_a_site_and_not_on_one_whose_name_goes_on() {
        for (site, referrer, on) in [
            ("https://example.com", "https://example.com/", true),
            ("https://example.com", "https://example.com", true),
            ("https://example.com", "https://example.com/live?x", true),
            ("https://example.com/live/", "https://example.com/live/1", true),
            ("https://example.com", "https://example.com.evil.net/", false),
            ("https://example.com", "https://example.com:8443/", false),
            ("https://example.com", "http://example.com/", false),
            ("https://example.com", "https://evil.net/https://example.com/", false),
            ("https://example.com", "", false),
        ] {
            assert_eq!(is_on(site, referrer), on, "{referrer} on {site}");
        }
    }

    #[test]
    fn an_address_is_in_its_network_however_it_is_written() {
        for (network, address, inside) in [
            ("203.0.113.0/24", "203.0.113.7", true),
            ("203.0.113.0/24", "::ffff:203.0.113.7", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("::ffff:203.0.113.7", "203.0.113.7", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("203.0.113.0/24", "203.0.114.7", false),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            assert_eq!(is_in(network, address.parse().unwrap()), inside, "{address} in {network}");
        }
    }
}
