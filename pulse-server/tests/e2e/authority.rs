//! An authority of the embedder's own: asked for every publisher, player and viewer, bounded in time, and able to take back.

use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pulse_server::StreamId;
use pulse_server::authority::{
    Authority, Credential, Decision, Grant, Publish, Resume, Revocation, Role, Terms, View,
};
use rtmp_core::CloseReason;
use rtmp_core::client::Event;
use rtmp_core::tokio::Client;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::support::embedded::Embedded;
use crate::support::feed::Feed;
use crate::support::http;
use crate::support::recording::Recording;
use crate::support::seats;
use crate::support::stage::Stage;

/// What the server waits for an authority.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Admits everybody to the stream that is asked for; a viewer's token is its credential. What is called `silence` is never decided.
struct Everybody {
    delay: Duration,
    revocations: Mutex<Option<mpsc::Receiver<Revocation>>>,
}

impl Everybody {
    fn after(delay: Duration) -> (Arc<Self>, mpsc::Sender<Revocation>) {
        let (revoke, revocations) = mpsc::channel(1_024);
        (Arc::new(Self { delay, revocations: Mutex::new(Some(revocations)) }), revoke)
    }

    fn decide(&self, name: &str, role: Role, credential: u64) -> Decision {
        let stream = stream(name);
        let delay = self.delay;
        Box::pin(async move {
            if stream.as_str() == "silence" {
                pending::<()>().await;
            }
            sleep(delay).await;
            Ok(Grant::new(stream, Terms { role, credentials: Credential(credential).into(), epoch: 0 }))
        })
    }

    fn see(&self, ask: &View) -> Decision {
        let token = ask.token.as_ref().and_then(|token| token.expose().parse().ok());
        self.decide(ask.stream.as_str(), Role::Viewer, token.unwrap_or_default())
    }
}

impl Authority for Everybody {
    fn publish(&self, ask: Publish) -> Decision {
        self.decide(ask.key.expose(), Role::Publisher, 0)
    }

    fn play(&self, ask: View) -> Decision {
        self.see(&ask)
    }

    fn view(&self, ask: View) -> Decision {
        self.see(&ask)
    }

    fn resume(&self, ask: Resume) -> Decision {
        Box::pin(ready(Ok(Grant::new(ask.stream, ask.terms))))
    }

    fn revocations(&self) -> mpsc::Receiver<Revocation> {
        self.revocations.lock().unwrap().take().expect("it is asked once")
    }
}

fn stream(name: &str) -> StreamId {
    StreamId::parse(name).unwrap()
}

fn run(test: impl Future<Output = ()>) {
    let _seats = seats::some();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(test);
}

/// `GET` off the runtime.
async fn get(url: String) -> http::Answer {
    tokio::task::spawn_blocking(move || http::Client::new().get(&url)).await.unwrap()
}

#[test]
fn an_authority_that_does_not_answer_lets_nobody_in_and_keeps_nobody_waiting() {
    run(async {
        let server = Embedded::start(Some(Everybody::after(Duration::ZERO).0)).await;
        let asked = Instant::now();
        let (publisher, player, session, flv) = tokio::join!(
            server.publish("silence"),
            server.play("silence"),
            get(server.url("/hls/silence/index.m3u8")),
            get(server.url("/flv/silence.flv")),
        );
        let took = asked.elapsed();
        assert!((TIMEOUT..TIMEOUT * 2).contains(&took), "{took:?}");
        for (refused, code) in [(publisher.err(), "Publish.Failed"), (player.err(), "Play.Failed")] {
            let refused = refused.expect("nobody was let in");
            assert!(format!("{refused:?}").contains(code), "{refused:?}");
        }
        for answer in [session, flv] {
            assert_eq!((answer.status, answer.problem_code().as_str()), (503, "admission_unavailable"));
            assert_eq!(answer.header("retry-after"), "2");
        }
        // Nobody else had to wait.
        let asked = Instant::now();
        assert!(server.publish("show").await.is_ok());
        assert!(asked.elapsed() < TIMEOUT, "{:?}", asked.elapsed());
    });
}

#[test]
fn an_authority_that_takes_its_time_within_the_bound_is_waited_for() {
    run(async {
        let server = Embedded::start(Some(Everybody::after(TIMEOUT * 3 / 4).0)).await;
        let publisher = server.publish("show").await;
        assert!(publisher.is_ok(), "{:?}", publisher.err());
    });
}

/// A few seconds of a test picture with sound.
fn recording() -> Recording {
    let stage = Stage::new("authority");
    Recording::make("recording", stage.path(), Feed::new(), 4)
}

async fn send(publisher: &mut Client<TcpStream>, recording: &Recording) {
    for track in &recording.tracks {
        publisher.send_track(track.clone()).unwrap();
    }
    for frame in &recording.frames {
        publisher.send_frame(frame).await.unwrap();
    }
    publisher.flush(0).await.unwrap();
}

/// Why a connection is over, if it is soon.
async fn ended(client: &mut Client<TcpStream>) -> Option<CloseReason> {
    let closed = async {
        loop {
            if let Event::Closed { reason } = client.next_event().await {
                return reason;
            }
        }
    };
    timeout(Duration::from_secs(1), closed).await.ok()
}

#[test]
fn hundreds_of_revocations_at_once_end_whom_they_cover_and_nobody_else() {
    run(async {
        let (authority, revoke) = Everybody::after(Duration::ZERO);
        let server = Embedded::start(Some(authority)).await;
        let mut publisher = server.publish("show").await.unwrap();
        let recording = recording();
        send(&mut publisher, &recording).await;
        let mut kept = server.play("show?token=1").await.unwrap();
        let mut covered = server.play("show?token=2").await.unwrap();
        let of = |credential| Revocation::Credential {
            stream: stream("show"),
            credential: Credential(credential),
        };
        for other in 10..1_010 {
            revoke.send(of(other)).await.unwrap();
        }
        revoke.send(of(2)).await.unwrap();
        let (kept, covered, publishing) =
            tokio::join!(ended(&mut kept), ended(&mut covered), ended(&mut publisher));
        assert!(covered.is_some(), "its grant was taken back");
        assert!(kept.is_none(), "{kept:?}");
        assert!(publishing.is_none(), "{publishing:?}");
        revoke.send(Revocation::Stream(stream("show"))).await.unwrap();
        assert!(ended(&mut publisher).await.is_some());
    });
}

/// While it was waited for that the stream has something to show, access was taken back.
#[test]
fn a_session_that_is_revoked_before_it_is_handed_out_is_not() {
    run(async {
        let (authority, revoke) = Everybody::after(Duration::ZERO);
        let server = Embedded::start(Some(authority)).await;
        let mut publisher = server.publish("show").await.unwrap();
        let recording = recording();
        let waiting = tokio::spawn(get(server.url("/hls/show/index.m3u8?token=7")));
        sleep(Duration::from_millis(300)).await;
        revoke
            .send(Revocation::Credential { stream: stream("show"), credential: Credential(7) })
            .await
            .unwrap();
        send(&mut publisher, &recording).await;
        let answer = waiting.await.unwrap();
        assert_eq!(
            (answer.status, answer.problem_code().as_str()),
            (403, "session_revoked"),
            "{}",
            answer.text()
        );
    });
}
