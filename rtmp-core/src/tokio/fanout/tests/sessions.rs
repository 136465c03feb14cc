//! Accepted players, from their first message to the last.

use ::tokio::io::{DuplexStream, duplex};
use ::tokio::sync::oneshot;

use super::stream::*;
use super::*;
use crate::client::Event;
use crate::server::{Ending, PlayStart};
use crate::tokio::{Client, Incoming, accept};
use crate::{CloseReason, RtmpUrl};

/// Serves the next player on `io`, in the form it can take, until `stop`.
async fn serve(io: DuplexStream, broadcast: Broadcast, stop: oneshot::Receiver<Ending>) -> Outcome {
    let Ok(Incoming::Play(pending)) = accept(io, &crate::tokio::Config::default()).await else {
        panic!("no player")
    };
    let player = pending.accept(&PlayStart::default());
    let form = player.capabilities().wire_form(&broadcast.tracks()).unwrap();
    let fanout = Fanout::new(broadcast, Wire::Rtmp { form, stream_id: player.stream_id() }, config());
    let stop = async { stop.await.unwrap_or(Ending::Shutdown) };
    play(&fanout, player, stop).await
}

async fn client(io: DuplexStream) -> Client<DuplexStream> {
    Client::play(io, RtmpUrl::parse("rtmp://h/play/stream").unwrap()).await.unwrap()
}

/// What a client hears, as words, until the connection is over or nothing comes.
async fn hear(client: &mut Client<DuplexStream>) -> Vec<String> {
    let mut heard = Vec::new();
    while let Ok(event) = ::tokio::time::timeout(TICK * 3, client.next_event()).await {
        heard.push(match event {
            Event::Track(track) => track.codec.name().to_owned(),
            Event::Frame(frame) if frame.track == VIDEO => format!("picture {}", frame.dts.0 / 1000),
            Event::Frame(frame) => format!("sound {}", frame.dts.0 / 1000),
            Event::Status { code, .. } => code.to_string(),
            Event::Eof => "eof".to_owned(),
            Event::Closed { reason } => {
                heard.push(format!("{reason:?}"));
                return heard;
            }
            Event::Metadata(_) | Event::Ignored(_) => continue,
            other => format!("{other:?}"),
        });
    }
    heard
}

fn publish(stream: &mut Stream, codec: Codec, ms: i64, keyframe: bool) {
    use media_core::{Frame, Timestamp};
    let unit = match (codec, keyframe) {
        (Codec::Hevc, _) => fixtures::HEVC_IDR,
        (_, true) => fixtures::AVC_IDR,
        (_, false) => fixtures::AVC_SLICE,
    };
    let data = fixtures::prefixed(&[unit]);
    stream.publisher.frame(Frame { track: VIDEO, dts: Timestamp(ms), pts: Timestamp(ms), keyframe, data });
}

#[test]
fn a_player_hears_the_stream_pauses_and_hears_its_end() {
    run(async {
        let mut stream = Stream::new();
        publish(&mut stream, Codec::H264, 0, true);
        let (near, far) = duplex(64 * 1024);
        let (_running, stop) = oneshot::channel();
        let server = ::tokio::spawn(serve(far, stream.broadcast.clone(), stop));
        let mut client = client(near).await;
        stream.sound(10);
        let heard = hear(&mut client).await;
        assert_eq!(heard[heard.len() - 4..], ["h264", "aac", "picture 0", "sound 10"], "{heard:?}");
        client.session().pause(true);
        hear(&mut client).await;
        publish(&mut stream, Codec::H264, 40, false);
        assert_eq!(hear(&mut client).await, [""; 0]);
        client.session().pause(false);
        let heard = hear(&mut client).await;
        assert!(heard.contains(&"picture 40".to_owned()), "{heard:?}");
        stream.publisher.end();
        let heard = hear(&mut client).await;
        assert!(heard.contains(&"NetStream.Play.UnpublishNotify".to_owned()), "{heard:?}");
        assert!(heard.contains(&"eof".to_owned()), "{heard:?}");
        drop(client);
        assert_eq!(server.await.unwrap(), Outcome::Delivery(End::StreamEnded));
    });
}

#[test]
fn hevc_goes_to_a_player_that_announced_it() {
    run(async {
        let mut stream = Stream::of(tracks(Codec::Hevc));
        publish(&mut stream, Codec::Hevc, 0, true);
        let (near, far) = duplex(64 * 1024);
        let (_running, stop) = oneshot::channel();
        let _server = ::tokio::spawn(serve(far, stream.broadcast.clone(), stop));
        let heard = hear(&mut client(near).await).await;
        assert_eq!(heard[heard.len() - 3..], ["hevc", "aac", "picture 0"], "{heard:?}");
    });
}

#[test]
fn a_player_that_leaves_frees_its_place() {
    run(async {
        let mut stream = Stream::new();
        publish(&mut stream, Codec::H264, 0, true);
        let (near, far) = duplex(64 * 1024);
        let (_running, stop) = oneshot::channel();
        let server = ::tokio::spawn(serve(far, stream.broadcast.clone(), stop));
        client(near).await.finish().await;
        assert!(matches!(server.await.unwrap(), Outcome::Session(_)));
    });
}

#[test]
fn a_player_whose_rights_are_revoked_is_told_and_closed() {
    run(async {
        let mut stream = Stream::new();
        publish(&mut stream, Codec::H264, 0, true);
        let (near, far) = duplex(64 * 1024);
        let (revoke, stop) = oneshot::channel();
        let server = ::tokio::spawn(serve(far, stream.broadcast.clone(), stop));
        let mut client = client(near).await;
        hear(&mut client).await;
        revoke.send(Ending::Revoked).unwrap();
        let heard = hear(&mut client).await;
        assert!(heard.contains(&"eof".to_owned()), "{heard:?}");
        drop(client);
        assert_eq!(server.await.unwrap(), Outcome::Session(CloseReason::Ended(Ending::Revoked)));
    });
}
