//! Trap 8: the order of commands differs between encoders, and each waits for other answers.

use rtmp_core::amf::{Object, Value};
use rtmp_core::server::{Config, Event};

use crate::wire::Wire;

/// A command: name, transaction, message stream, arguments.
type Step = (&'static str, f64, u32, &'static [Argument]);

#[derive(Clone, Copy)]
enum Argument {
    Text(&'static str),
    Number(f64),
    Truth(bool),
}

use Argument::{Number, Text, Truth};

fn run(wire: &mut Wire, steps: &[Step]) {
    for (name, transaction, stream_id, arguments) in steps {
        let value = |argument: &Argument| match *argument {
            Text(text) => Value::from(text),
            Number(number) => number.into(),
            Truth(truth) => truth.into(),
        };
        let values: Vec<Value> = std::iter::once(Value::Null).chain(arguments.iter().map(value)).collect();
        wire.command(*stream_id, name, *transaction, &values);
    }
}

/// Runs an encoder's commands up to its request, lets it in, and expects every command to be answered and the publishing begun.
fn publishes(connect: &Object, steps: &[Step]) {
    for step in [1, usize::MAX] {
        let mut wire = Wire::new(Config::default());
        wire.step = step;
        wire.handshake();
        wire.command(0, "connect", 1.0, &[connect.clone().into()]);
        run(&mut wire, steps);
        for (name, transaction, ..) in steps {
            let expected = *transaction != 0.0 && *name != "publish";
            assert_eq!(wire.has_result(*transaction), expected, "{name}");
        }
        let request = wire.publish_request();
        assert_eq!(request.target.key.expose(), "key");
        assert!(
            !wire.codes().iter().any(|code| code == "NetStream.Publish.Start") || has(steps, "FCPublish")
        );
        wire.answers.clear();
        wire.session.accept_publish(wire.now, request);
        wire.poll();
        assert_eq!(wire.codes(), ["NetStream.Publish.Start"]);
    }
}

fn has(steps: &[Step], command: &str) -> bool {
    steps.iter().any(|(name, ..)| *name == command)
}

fn app() -> Object {
    Object::new().with("app", "live").with("type", "nonprivate").with("tcUrl", "rtmp://h/live")
}

#[test]
fn trap_8_obs_and_fmle() {
    publishes(
        &app().with("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)"),
        &[
            ("releaseStream", 2.0, 0, &[Text("key")]),
            ("FCPublish", 3.0, 0, &[Text("key")]),
            ("createStream", 4.0, 0, &[]),
            ("publish", 5.0, 1, &[Text("key"), Text("live")]),
        ],
    );
}

#[test]
fn trap_8_ffmpeg() {
    publishes(
        &app().with("flashVer", "FMLE/3.0 (compatible; Lavf59.27.100)"),
        &[
            ("releaseStream", 2.0, 0, &[Text("key")]),
            ("FCPublish", 3.0, 0, &[Text("key")]),
            ("createStream", 4.0, 0, &[]),
            ("_checkbw", 5.0, 0, &[]),
            ("publish", 6.0, 1, &[Text("key"), Text("live")]),
        ],
    );
}

#[test]
fn trap_8_gstreamer() {
    publishes(
        &app().with("capabilities", 15.0).with("objectEncoding", 0.0),
        &[
            ("releaseStream", 0.0, 0, &[Text("key")]),
            ("FCPublish", 0.0, 0, &[Text("key")]),
            ("createStream", 3.0, 0, &[]),
            ("publish", 4.0, 1, &[Text("key"), Text("live")]),
        ],
    );
}

#[test]
fn trap_8_haivision_creates_the_stream_first() {
    publishes(
        &app(),
        &[
            ("createStream", 2.0, 0, &[]),
            ("FCPublish", 3.0, 0, &[Text("key")]),
            ("publish", 4.0, 1, &[Text("key"), Text("live")]),
        ],
    );
}

#[test]
fn trap_8_wirecast_waits_for_on_fc_publish() {
    let mut wire = Wire::ready();
    wire.connect("live");
    run(&mut wire, &[("releaseStream", 2.0, 0, &[Text("key")]), ("FCPublish", 3.0, 0, &[Text("key")])]);
    assert!(wire.commands().iter().any(|(name, ..)| name == "onFCPublish"));
}

#[test]
fn trap_8_larix_says_little() {
    publishes(&app(), &[("createStream", 2.0, 0, &[]), ("publish", 0.0, 1, &[Text("key")])]);
}

#[test]
fn trap_8_commands_of_all_kinds_are_answered_in_any_order() {
    publishes(
        &app().with("objectEncoding", 3.0),
        &[
            ("FCSubscribe", 9.0, 0, &[Text("x")]),
            ("getStreamLength", 8.0, 0, &[Text("x")]),
            ("setPeerInfo", 7.0, 0, &[Number(1.0), Truth(true)]),
            ("deleteStream", 6.0, 0, &[Number(0.0)]),
            ("closeStream", 5.0, 1, &[]),
            ("FCUnpublish", 4.0, 0, &[Text("key")]),
            ("createStream", 3.0, 0, &[]),
            ("releaseStream", 2.0, 0, &[]),
            ("publish", 0.0, 1, &[Text("key")]),
        ],
    );
}

#[test]
fn trap_8_a_second_request_is_refused_and_the_first_goes_on() {
    let mut wire = Wire::publishing();
    wire.command(1, "publish", 9.0, &[Value::Null, "other".into()]);
    wire.command(1, "play", 9.0, &[Value::Null, "other".into()]);
    assert_eq!(wire.codes(), ["NetStream.Publish.BadName", "NetStream.Play.Failed"]);
    assert!(!wire.session.is_closed());
}

#[test]
fn commands_before_connect_are_refused() {
    let mut wire = Wire::ready();
    wire.command(0, "createStream", 2.0, &[Value::Null]);
    assert_eq!(wire.codes(), ["NetConnection.Call.Failed"]);
    wire.connect("live");
    assert!(wire.has_result(1.0));
}

#[test]
fn message_streams_are_numbered_from_one_and_used_again() {
    let mut wire = Wire::ready();
    wire.connect("live");
    for (transaction, delete) in [(2.0, None), (3.0, Some(1.0)), (4.0, None)] {
        wire.command(0, "createStream", transaction, &[Value::Null]);
        if let Some(id) = delete {
            wire.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(id)]);
        }
    }
    let ids: Vec<_> =
        wire.commands().iter().filter(|(_, t, _)| *t > 1.0).map(|(.., values)| values[1].clone()).collect();
    assert_eq!(ids, [1.0.into(), 2.0.into(), Value::Number(1.0)]);
}

#[test]
fn the_answer_to_connect_announces_enhanced_rtmp_to_those_who_ask() {
    for (fourcc, announced) in [(None, false), (Some(Value::Array(vec!["hvc1".into()])), true)] {
        let mut wire = Wire::ready();
        let mut object = app();
        if let Some(list) = fourcc {
            object.push("fourCcList".to_owned(), list);
        }
        wire.command(0, "connect", 1.0, &[object.into()]);
        let (_, _, values) = wire.commands().remove(0);
        for value in &values {
            let object = value.as_object().expect("two objects");
            assert_eq!(object.get("videoFourCcInfoMap").is_some(), announced);
            assert_eq!(object.number("capsEx"), announced.then_some(15.0));
        }
        assert_eq!(
            values[1].as_object().and_then(|info| info.text("code")),
            Some("NetConnection.Connect.Success")
        );
    }
}

#[test]
fn nothing_is_reported_but_the_request() {
    let mut wire = Wire::connected("live");
    run(&mut wire, &[("pause", 0.0, 1, &[Truth(true)]), ("receiveAudio", 0.0, 1, &[Truth(false)])]);
    assert!(wire.events.is_empty());
    wire.command(1, "publish", 5.0, &[Value::Null, "key".into(), "record".into()]);
    assert!(matches!(wire.events[..], [Event::Publish(_)]));
}
