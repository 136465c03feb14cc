//! What it costs to let a viewer in, and to let it go on: all of it but the connection and the playlist.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use pulse_server::StreamId;

use super::Case;
use super::house::{Door, House};

/// Viewers who watch while handles are checked: their sessions do not all lie in the processor's cache.
const WATCHING: usize = 5_000;
/// After how many admissions the viewers leave again, so that the table does not fill.
const LEAVE_AFTER: u64 = 4_096;
/// Longer than any pass.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// What the names of these cases begin with. They start a server, so they are prepared only where they are wanted.
pub(super) const PREFIX: &str = "admission_";

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let house = Rc::new(House::open()?);
    Ok(vec![
        admitted(&house, "admission_hs256", 0)?,
        admitted(&house, "admission_eddsa", 1)?,
        known(&house)?,
        unknown(&house)?,
    ])
}

/// A viewer with a token comes, has a session, and takes its place with its first playlist.
fn admitted(house: &Rc<House>, name: &'static str, project: usize) -> anyhow::Result<Case> {
    let (house, mut door) = (Rc::clone(house), house.door(project, name)?);
    let stream = door.stream.clone();
    admit(&house, &mut door)?;
    let mut passes = 0;
    Ok(Case::new(name, "one viewer: token, plan, session, place", move || {
        admit(&house, &mut door).expect("who came before was let in");
        passes += 1;
        if passes % LEAVE_AFTER == 0 {
            leave(&house, &stream);
        }
    }))
}

/// As the multivariant playlist and the first media playlist do. The handle.
fn admit(house: &House, door: &mut Door) -> anyhow::Result<String> {
    let (app, ask) = (house.app(), door.ask());
    let admitted = house.runtime.block_on(app.admit(|authority| authority.view(ask)));
    let (grant, mut hold) = admitted.map_err(|refusal| anyhow!("refused: {refusal:?}"))?;
    let mut id = [0; 8];
    getrandom::fill(&mut id)?;
    let handle = app.sessions.mint(grant, id).map_err(|full| anyhow!("{full:?}"))?;
    ensure!(!hold.is_revoked(), "revoked");
    let checked = app.sessions.check(&door.stream, handle.as_str(), true);
    checked.map_err(|refusal| anyhow!("refused: {refusal:?}"))?;
    Ok(handle.as_str().to_owned())
}

/// The viewers of a stream are gone.
fn leave(house: &House, stream: &StreamId) {
    house.app().sessions.sweep(|of| if of == stream { Duration::ZERO } else { FOR_EVER });
}

/// The handles of viewers who are watching.
fn known(house: &Rc<House>) -> anyhow::Result<Case> {
    let name = "admission_handle_known";
    let (house, mut door) = (Rc::clone(house), house.door(1, name)?);
    let (mut handles, mut turn) = (Vec::new(), 0);
    Ok(Case::new(name, "the handle of a media request, of one of 5,000 viewers", move || {
        if handles.is_empty() {
            // Not before: who asks for nothing is forgotten.
            handles = (0..WATCHING)
                .map(|_| admit(&house, &mut door).expect("who came before was let in"))
                .collect();
            assert!(knows(&house, &door.stream, &handles), "they watch");
        }
        // A step that meets all of them.
        turn = (turn + 1_009) % WATCHING;
        check(&house, door.stream.as_str(), handles.get(turn));
    }))
}

/// The handles of viewers whom this server has not seen, or not lately: they are genuine by their signature. What follows once is the
/// authority's answer, which costs as much as another admission.
fn unknown(house: &Rc<House>) -> anyhow::Result<Case> {
    let name = "admission_handle_unknown";
    let (house, mut door) = (Rc::clone(house), house.door(1, name)?);
    let handles = (0..WATCHING).map(|_| admit(&house, &mut door)).collect::<anyhow::Result<Vec<_>>>()?;
    // So that they have asked for nothing for some time.
    std::thread::sleep(Duration::from_millis(5));
    leave(&house, &door.stream);
    ensure!(!knows(&house, &door.stream, &handles), "they are gone");
    let mut turn = 0;
    Ok(Case::new(name, "the handle of a media request, of an unknown session", move || {
        turn = (turn + 1_009) % WATCHING;
        check(&house, door.stream.as_str(), handles.get(turn));
    }))
}

/// What a media request does before it looks for media, and what it is counted by.
fn check(house: &House, stream: &str, handle: Option<&String>) {
    let (Some(stream), Some(handle)) = (StreamId::parse(stream), handle) else { return };
    let app = house.app();
    assert!(app.sessions.check(&stream, handle, false).is_ok(), "the handle is good");
    app.counters.hls_requests.fetch_add(1, Relaxed);
    app.counters.hls_bytes.fetch_add(1, Relaxed);
}

/// Whether the first of these handles is one that the server knows.
fn knows(house: &House, stream: &StreamId, handles: &[String]) -> bool {
    let checked = handles.first().map(|handle| house.app().sessions.check(stream, handle, false));
    // What the answer is made of is the server's own.
    format!("{checked:?}").contains("Known(")
}
