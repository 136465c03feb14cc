//! Accepted players, from their first message to the last.

use ::tokio::io::{DuplexStream, duplex};
use ::tokio::sync::oneshot;

use super::stream::*;
use super::*;
use crate::capability::Capabilities;
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
    let data = if keyframe { fixtures::key_frame(codec) } else { fixtures::prefixed(&[fixtures::AVC_SLICE]) };
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

/// What a player that announced `list` hears when the stream's video goes from one codec to HEVC, and how its session ends.
async fn after_the_codec_changed(list: &[Codec], from: Codec) -> (Vec<String>, Option<Outcome>) {
    let mut stream = Stream::of(tracks(from));
    publish(&mut stream, from, 0, true);
    let (near, far) = duplex(64 * 1024);
    let (_running, stop) = oneshot::channel();
    let server = ::tokio::spawn(serve(far, stream.broadcast.clone(), stop));
    let mut config = crate::client::Config::play(RtmpUrl::parse("rtmp://h/play/stream").unwrap());
    config.capabilities =
        list.iter().fold(Capabilities::default(), |announced, codec| announced.with(*codec));
    config.capabilities.enhanced = !list.is_empty();
    let mut client = Client::connect(near, config).await.unwrap();
    hear(&mut client).await;
    publish(&mut stream, from, 40, from != Codec::H264);
    stream.publisher.pause();
    stream.publisher.resume();
    // As publishers do: one track after the other.
    stream.publisher.tracks(tracks(Codec::Hevc).into_iter().skip(1).collect());
    stream.sound(60);
    stream.publisher.tracks(tracks(Codec::Hevc).into());
    publish(&mut stream, Codec::Hevc, 80, true);
    let heard = hear(&mut client).await;
    drop(client);
    let outcome = ::tokio::time::timeout(TICK, server).await.ok().map(Result::unwrap);
    (heard, outcome)
}

#[test]
fn a_player_that_cannot_be_sent_what_the_encoder_came_back_with_is_told_and_closed() {
    run(async {
        // One never announced anything, one announced AV1 and not HEVC, one is in a form that others share who know neither.
        let both = [Codec::Av1, Codec::Hevc];
        for (list, from) in [(&both[..0], Codec::H264), (&both[..1], Codec::Av1), (&both, Codec::H264)] {
            let (heard, outcome) = after_the_codec_changed(list, from).await;
            assert_eq!(outcome, Some(Outcome::Delivery(End::CodecsChanged)), "{list:?}");
            let told = ["NetStream.Play.UnpublishNotify", "eof", "Finished"].map(str::to_owned);
            assert!(heard.ends_with(&told), "{heard:?}");
            assert!(heard.contains(&"picture 40".to_owned()), "what came before is not lost: {heard:?}");
        }
    });
}

#[test]
fn a_player_that_announced_what_the_encoder_came_back_with_goes_on() {
    run(async {
        let (heard, _) = after_the_codec_changed(&[Codec::Av1, Codec::Hevc], Codec::Av1).await;
        assert_eq!(heard.last().map(String::as_str), Some("picture 80"), "{heard:?}");
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
