//! Schemas of types that come from other crates.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! ids {
    ($($name:ident = $prefix:literal, $what:literal;)*) => {$(
        #[doc = $what]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let pattern = concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$");
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($what))
                    .pattern(Some(pattern))
                    .examples([concat!($prefix, "_01kas6hwd0f6t8q2mnxk1zr5vb")])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

ids! {
    UserId = "usr", "The id of a person.";
    OrganizationId = "org", "The id of an organization.";
    MemberId = "mem", "The id of a membership.";
    InvitationId = "inv", "The id of an invitation.";
    ProjectId = "prj", "The id of a project.";
    ApiKeyId = "key", "The id of an API key, which is not the key.";
    SigningKeyId = "sig", "The id of a signing key, its `kid`.";
    StreamId = "str", "The id of a stream.";
    StreamKeyId = "stk", "The id of a stream key, which is not the key.";
    PresetId = "pst", "The id of a preset.";
    AppId = "app", "The id of a bound RTMP application name.";
    AuditId = "aud", "The id of a row of the audit log.";
    PlanId = "pln", "The id of a plan.";
}

/// A moment, RFC 3339 in UTC.
pub(crate) struct Time;

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A moment, RFC 3339 in UTC."))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-21T14:42:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
}

/// Declares the schema of an enum that has `ALL` and `as_str`.
macro_rules! words {
    ($($name:ident = $type:ty, $what:literal;)*) => {$(
        #[doc = $what]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words: Vec<&str> = <$type>::ALL.iter().map(|one| one.as_str()).collect();
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($what))
                    .enum_values(Some(words))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    Role = tenancy::Role, "The role of a member.";
    LatencyMode = tenancy::stream::LatencyMode, "How far behind the encoder viewers are.";
    PlaybackPolicy = tenancy::stream::PlaybackPolicy, "Who may play.";
    BytesLimit = tenancy::plan::BytesLimit, "What happens to running sessions when the month's bytes are used up.";
    HookEvent = tenancy::hook::HookEvent, "When a hook is asked, or told.";
    HookFormat = tenancy::hook::HookFormat, "How a hook is asked.";
    OnFailure = tenancy::hook::OnFailure, "What holds when a hook does not answer.";
    Resource = tenancy::quota::Resource, "What a plan limits.";
    SigningAlgorithm = tenancy::signing_key::SigningAlgorithm, "How a playback token is signed.";
    Metric = tenancy::usage::Metric, "What is counted.";
    ActorKind = tenancy::store::ActorKind, "What kind of caller did something.";
}

/// What an API key can be given.
pub(crate) struct Scope;

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let words: Vec<&str> = tenancy::Permission::scopes().iter().map(|one| one.as_str()).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What an API key can be given."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for Scope {
    fn name() -> std::borrow::Cow<'static, str> {
        "Scope".into()
    }
}
