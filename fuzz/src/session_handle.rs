//! Session handles in the paths of media: any text is read or refused, has one spelling, and none but the genuine one is believed.

#[path = "../../pulse-server/src/live/sessions/handle.rs"]
mod handle;

use hls_packager::Renditions;

use crate::authority::{Credential, Credentials, Terms};
use crate::edit::edit;
use crate::script::Script;
use crate::stream_id::StreamId;
use handle::{Fields, Handle, Signer};

const KEYS: [&[u8]; 2] = [&[7; 32], &[6; 32]];

/// What comes in the path, and whether that is the text or changes to a handle; or what a handle is to say.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let how = script.u8() % 4;
    let fields = if how == 3 { said(&mut script) } else { said(&mut Script::new(b"")) };
    let stream = stream("show");
    let signer = Signer::new(KEYS);
    let signed = signer.sign(&stream, &fields);
    let genuine = Handle::of(&signed);
    assert_eq!(handle::decode(genuine.as_str()), Some(signed));
    match how {
        0 => read(&signer, &genuine, script.rest()),
        1 => read(&signer, &genuine, &edit(genuine.as_str().as_bytes(), script.rest())),
        2 => read_signed(&signer, &genuine, &edit(&signed, script.rest())),
        _ => {
            assert_eq!(signer.open(&stream, &signed), Some(fields));
            assert_eq!(
                Signer::new([&[8; 32], KEYS[0]]).open(&stream, &signed),
                Some(fields),
                "by the key before"
            );
            assert_eq!(Signer::new([KEYS[1], &[8; 32]]).open(&stream, &signed), None, "by another key");
            for other in ["sho", "show-", "Show"] {
                assert_eq!(signer.open(&self::stream(other), &signed), None, "a handle of another stream");
            }
        }
    }
}

fn stream(name: &str) -> StreamId {
    StreamId::parse(name).expect("a name that streams may have")
}

fn said(script: &mut Script<'_>) -> Fields {
    let mut id = [0; 8];
    id.fill_with(|| script.u8());
    let (opened, expires) = (script.u32(), script.u32());
    let (epoch, renditions) = (script.u32(), Renditions::from_bits(script.u32()));
    let credentials = [script.i64(), script.i64(), script.i64()].map(|word| Credential(word.cast_unsigned()));
    let terms = Terms { epoch, ..Terms::viewer(Credentials::new(&credentials)) };
    Fields { id, opened, expires, terms, renditions }
}

/// Bytes that need not be what base64url can say.
fn read_signed(signer: &Signer, genuine: &Handle, bytes: &[u8]) {
    if let Ok(signed) = bytes.try_into() {
        read(signer, genuine, Handle::of(&signed).as_str().as_bytes());
    }
}

fn read(signer: &Signer, genuine: &Handle, text: &[u8]) {
    let text = &*String::from_utf8_lossy(text);
    let Some(signed) = handle::decode(text) else {
        assert_ne!(text, genuine.as_str());
        return;
    };
    assert_eq!(Handle::of(&signed).as_str(), text, "two spellings of one handle");
    assert_eq!(handle::claimed_id(&signed)[..], signed[2..10]);
    let believed = signer.open(&stream("show"), &signed).is_some();
    assert_eq!(believed, text == genuine.as_str(), "{text}");
}
