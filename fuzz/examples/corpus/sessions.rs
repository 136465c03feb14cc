//! Seeds of sessions: scripts for the target's adversary, made of recorded bytes and of rtmp-core's own client and server.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use rtmp_core::server::{Event, PlayStart};
use rtmp_core::{ClientSession, Output, RtmpUrl, ServerSession, client};

use crate::chunks::HANDSHAKE_BYTES;
use crate::folder::Folder;
use crate::recorded::Recording;

/// Acts of the targets: input, and the kinds of it.
const INPUT: u8 = 4;
const RAW: u8 = 0;
const MESSAGE: u8 = 1;
const COMMAND: u8 = 2;
const SAMPLE: u8 = 4;
/// Time passes; a request is decided.
const PASS: u8 = 0;
const DECIDE: u8 = 1;
const ACCEPT: u8 = 3;
const REJECT: u8 = 0;

pub fn write_server(folder: &mut Folder, recordings: &[Recording]) -> io::Result<()> {
    for recording in recordings {
        // The handshake is theirs, digest and all.
        folder.add(&format!("{}_whole", recording.name), &[vec![1], raw(&recording.rtmp)].concat())?;
        folder.add(recording.name, &[vec![0], raw(&recording.rtmp[HANDSHAKE_BYTES..])].concat())?;
    }
    let (publisher, _) = talk(client::Config::publish(url()));
    let (player, _) = talk(client::Config::play(url()));
    folder.add("own_publisher", &[vec![1], raw(&publisher)].concat())?;
    folder.add("own_player", &[vec![1], raw(&player), vec![PASS, 0x75, 0x30]].concat())?;
    for (name, script) in by_hand() {
        folder.add(name, &[vec![0], script].concat())?;
    }
    Ok(())
}

pub fn write_client(folder: &mut Folder) -> io::Result<()> {
    for (mode, name, config) in
        [(0, "publish", client::Config::publish(url())), (2, "play", client::Config::play(url()))]
    {
        let (_, server) = talk(config);
        folder.add(&format!("{name}_whole"), &[vec![mode | 1], raw(&server)].concat())?;
        let script = [vec![mode], raw(&server[HANDSHAKE_BYTES..])].concat();
        let media: Vec<u8> = (0..20).flat_map(|which| [INPUT, SAMPLE, which, 0, 0, 0, which]).collect();
        let frames: Vec<u8> = (0..20).flat_map(|which| [1, which, 0, 0, 0, which]).collect();
        folder.add(&format!("{name}_then_media"), &[&script[..], &media].concat())?;
        folder.add(&format!("{name}_then_frames"), &[&script[..], &frames, &[3]].concat())?;
        // _error, then onStatus with an error, then a reconnect request.
        folder.add(&format!("{name}_refused"), &[&script[..400], &[INPUT, COMMAND, 0, 19, 5, 0]].concat())?;
        let status = |code| [INPUT, COMMAND, 1, 20, 0, 2, 0, 5, 2, 6, 3, code, 7, 3, code];
        folder.add(
            &format!("{name}_statuses"),
            &[&script[..], &status(8), &status(10), &status(11)].concat(),
        )?;
    }
    Ok(())
}

fn url() -> RtmpUrl {
    RtmpUrl::parse("rtmp://127.0.0.1/live/key").expect("the URL is valid")
}

/// What the two sides of a connection say up to the permission to publish or play.
fn talk(config: client::Config) -> (Vec<u8>, Vec<u8>) {
    let now = Instant::now();
    let mut client = ClientSession::new(config, 1, now);
    let mut server = ServerSession::new(Default::default(), 2, now);
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        while let Some(bytes) = client_output(&mut client) {
            from_client.extend_from_slice(&bytes);
            server.handle_input(now, &bytes);
        }
        loop {
            match server.poll_output() {
                Output::Transmit(bytes) => {
                    from_server.extend_from_slice(&bytes);
                    client.handle_input(now, &bytes);
                }
                Output::Event(Event::Publish(request)) => server.accept_publish(now, request),
                Output::Event(Event::Play(request)) => {
                    server.accept_play(now, request, &PlayStart::default())
                }
                Output::Event(_) => {}
                Output::Timeout(_) => break,
            }
        }
    }
    (from_client, from_server)
}

fn client_output(client: &mut ClientSession) -> Option<Bytes> {
    loop {
        match client.poll_output() {
            Output::Transmit(bytes) => return Some(bytes),
            Output::Event(_) => {}
            Output::Timeout(_) => return None,
        }
    }
}

/// Bytes as they are, and after each piece the acceptance of what it may have asked for.
fn raw(wire: &[u8]) -> Vec<u8> {
    let mut script = Vec::new();
    let mut rest = wire;
    while !rest.is_empty() {
        // Lengths are multiples of eight; what is left over goes as a message's worth of single pieces.
        let eights = (rest.len() / 8).min(200);
        if eights == 0 {
            break;
        }
        let (piece, after) = rest.split_at(eights * 8);
        script.extend([INPUT, RAW, eights as u8]);
        script.extend_from_slice(piece);
        script.extend([DECIDE, ACCEPT]);
        rest = after;
    }
    script
}

/// A command by its number among the adversary's names, with the stream's name as its value.
fn command(stream: u8, name: u8, values: &[u8]) -> Vec<u8> {
    [&[INPUT, COMMAND, stream, name, 1, (values.len() / 2) as u8], values].concat()
}

fn by_hand() -> Vec<(&'static str, Vec<u8>)> {
    // Text 0 is "live", text 1 "key".
    let (live, key) = ([3, 0], [3, 1]);
    // An object with "app" and "tcUrl".
    let connect = || vec![INPUT, COMMAND, 0, 0, 1, 1, 5, 2, 0, 3, 0, 1, 3, 2];
    let publish = || command(1, 4, &[&[0][..], &key, &live].concat());
    let bare = |name| vec![INPUT, COMMAND, 0, name, 2, 1, 0];
    let accept = vec![DECIDE, ACCEPT];
    let reject = vec![DECIDE, REJECT];
    let media: Vec<u8> = (0..40).flat_map(|which| [INPUT, SAMPLE, which, 0, 0, 0, which * 6]).collect();
    let silence = vec![PASS, 0xff, 0xff];
    vec![
        (
            "fmle_order",
            [connect(), bare(1), bare(2), bare(3), publish(), accept.clone(), media.clone()].concat(),
        ),
        (
            "trap_8_haivision_order",
            [connect(), bare(3), bare(2), publish(), accept.clone(), media.clone()].concat(),
        ),
        ("publish_without_connect", [publish(), accept.clone()].concat()),
        ("connect_twice", [connect(), connect()].concat()),
        ("wrong_key", [connect(), bare(3), publish(), reject].concat()),
        (
            "trap_19_delete_stream",
            [connect(), bare(3), publish(), accept.clone(), media.clone(), bare(12)].concat(),
        ),
        ("trap_19_silence", [connect(), bare(3), publish(), accept.clone(), silence.clone()].concat()),
        ("nobody_decides", [connect(), bare(3), publish(), silence.clone()].concat()),
        ("no_request", [connect(), silence].concat()),
        ("impatient", [connect(), bare(3), publish(), media.clone(), accept.clone(), media].concat()),
        ("too_many_commands", bare(16).repeat(80)),
        ("too_many_streams", [connect(), bare(3).repeat(12)].concat()),
        (
            "keep_alive",
            [connect(), bare(3), publish(), accept, vec![INPUT, MESSAGE, 8, 0, 0, 0, 0, 1, 0, 0, 4]].concat(),
        ),
    ]
}
