//! What a backend is asked, as JSON or with the fields of nginx-rtmp's notifications.

use std::net::IpAddr;

use form_urlencoded::Serializer;
use platform_core::{ProjectId, WallTime};
use serde::Serialize;
use tenancy::hook::{HookEvent, HookFormat};

use crate::authority::Client;

/// Bytes of a body at most. What a peer sends of itself is bounded by the session: three fields of 8 KiB and 32 parameters.
const MAX_BODY: usize = 128 * 1024;

/// Who wants what.
#[derive(Clone, Debug)]
pub(in crate::authority) struct Question {
    pub(in crate::authority) event: HookEvent,
    pub(in crate::authority) project_id: ProjectId,
    /// The RTMP application, or `hls` or `flv`.
    pub(in crate::authority) app: String,
    /// What is to be published or played, as the peer named it; of a tenant's stream its id.
    pub(in crate::authority) name: String,
    /// The tenant's stream, where it is known before the backend is asked.
    pub(in crate::authority) stream_id: Option<String>,
    pub(in crate::authority) address: IpAddr,
    pub(in crate::authority) client: Client,
    /// A number of this process's for the peer, the same when it is gone.
    pub(in crate::authority) client_id: u64,
}

#[derive(Serialize)]
struct Json<'a> {
    r#type: &'static str,
    timestamp: WallTime,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    project_id: ProjectId,
    app: &'a str,
    name: &'a str,
    stream_id: Option<&'a str>,
    address: IpAddr,
    software: &'a str,
    tc_url: &'a str,
    client_id: u64,
    parameters: Vec<[&'a str; 2]>,
}

impl Question {
    /// The body, and of what media type it is; `None` where it would be too long.
    pub(super) fn body(&self, format: HookFormat, now: WallTime) -> Option<(Vec<u8>, &'static str)> {
        let (body, kind) = match format {
            HookFormat::Form => (self.form(), "application/x-www-form-urlencoded"),
            _ => (self.json(now), "application/json"),
        };
        (!body.is_empty() && body.len() <= MAX_BODY).then_some((body, kind))
    }

    fn json(&self, now: WallTime) -> Vec<u8> {
        let data = Data {
            project_id: self.project_id,
            app: &self.app,
            name: &self.name,
            stream_id: self.stream_id.as_deref(),
            address: self.address.to_canonical(),
            software: &self.client.software,
            tc_url: &self.client.tc_url,
            client_id: self.client_id,
            parameters: self.client.params.iter().map(|(name, value)| [&**name, &**value]).collect(),
        };
        let r#type = match self.event {
            HookEvent::Publish => "publish",
            HookEvent::Play => "play",
            _ => "publish_done",
        };
        serde_json::to_vec(&Json { r#type, timestamp: now, data }).unwrap_or_default()
    }

    /// In nginx-rtmp's order: the session, the call with its own fields, the parameters of the name.
    fn form(&self) -> Vec<u8> {
        let client = &self.client;
        let mut form = Serializer::new(String::new());
        form.append_pair("app", &self.app)
            .append_pair("flashver", &client.software)
            .append_pair("swfurl", &client.swf_url)
            .append_pair("tcurl", &client.tc_url)
            .append_pair("pageurl", &client.page_url)
            .append_pair("addr", &self.address.to_canonical().to_string())
            .append_pair("clientid", &self.client_id.to_string());
        match self.event {
            HookEvent::Publish => form
                .append_pair("call", "publish")
                .append_pair("name", &self.name)
                .append_pair("type", "live"),
            HookEvent::Play => form
                .append_pair("call", "play")
                .append_pair("name", &self.name)
                // Live, -2 s as ffmpeg and most players say it, in the 32 bits of nginx-rtmp.
                .append_pair("start", "4294965296")
                .append_pair("duration", "0")
                .append_pair("reset", "0"),
            _ => form.append_pair("call", "publish_done").append_pair("name", &self.name),
        };
        for (name, value) in &client.params {
            form.append_pair(name, value);
        }
        form.finish().into_bytes()
    }

    /// What an answer holds for: all but the number of the peer.
    pub(super) fn identity(&self) -> Vec<u8> {
        Self { client_id: 0, ..self.clone() }.json(WallTime::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(event: HookEvent) -> Question {
        let client = Client {
            software: "FMLE/3.0 (compatible; Lavf59)".to_owned(),
            tc_url: "rtmp://host:1935/old".to_owned(),
            params: vec![("user".to_owned(), "a&b=c".to_owned())],
            ..Client::default()
        };
        Question {
            event,
            project_id: ProjectId::parse("prj_01kas6hwd0f6t8q2mnxk1zr5vb").unwrap(),
            app: "old".to_owned(),
            name: "show".to_owned(),
            stream_id: None,
            address: "::ffff:192.0.2.7".parse().unwrap(),
            client,
            client_id: 7,
        }
    }

    #[test]
    fn a_form_has_the_fields_of_nginx_rtmp_and_what_a_peer_sends_stays_in_its_field() {
        let of = |event| String::from_utf8(question(event).form()).unwrap();
        let session = "app=old&flashver=FMLE%2F3.0+%28compatible%3B+Lavf59%29&swfurl=&tcurl=rtmp%3A%2F%2Fhost%3A1935%2Fold&pageurl=\
                       &addr=192.0.2.7&clientid=7";
        assert_eq!(
            of(HookEvent::Publish),
            format!("{session}&call=publish&name=show&type=live&user=a%26b%3Dc")
        );
        assert_eq!(of(HookEvent::Done), format!("{session}&call=publish_done&name=show&user=a%26b%3Dc"));
        assert!(of(HookEvent::Play).contains("&call=play&name=show&start="));
    }

    #[test]
    fn json_says_the_same() {
        let (body, kind) = question(HookEvent::Publish).body(HookFormat::Json, WallTime::MIN).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (kind, &body["type"], &body["timestamp"]),
            ("application/json", &"publish".into(), &"1970-01-01T00:00:00.000Z".into())
        );
        assert_eq!(body["data"]["address"], "192.0.2.7");
        assert_eq!(body["data"]["parameters"], serde_json::json!([["user", "a&b=c"]]));
    }

    #[test]
    fn an_answer_holds_for_the_same_question_of_another_connection() {
        let one = question(HookEvent::Play);
        let other = Question { client_id: 8, ..one.clone() };
        let name = Question { name: "other".to_owned(), ..one.clone() };
        assert_eq!(one.identity(), other.identity());
        assert_ne!(one.identity(), name.identity());
    }
}
