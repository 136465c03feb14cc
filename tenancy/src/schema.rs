//! All tables.

use crate::store::{Record, Table};

/// All tables, those that are referred to first.
pub const TABLES: [&Table; 27] = [
    crate::vault::WrappedKey::TABLE,
    crate::plan::Plan::TABLE,
    crate::settings::Settings::TABLE,
    crate::user::User::TABLE,
    crate::user::totp::RecoveryCode::TABLE,
    crate::mail::MailToken::TABLE,
    crate::session::Session::TABLE,
    crate::organization::Organization::TABLE,
    crate::member::Member::TABLE,
    crate::invitation::Invitation::TABLE,
    crate::quota::Counter::TABLE,
    crate::project::Project::TABLE,
    crate::api_key::ApiKey::TABLE,
    crate::signing_key::SigningKey::TABLE,
    crate::stream::Stream::TABLE,
    crate::stream_key::StreamKey::TABLE,
    crate::revocation::Revocation::TABLE,
    crate::lease::Lease::TABLE,
    crate::label::StreamLabel::TABLE,
    crate::preset::Preset::TABLE,
    crate::hook::Hook::TABLE,
    crate::app::App::TABLE,
    crate::usage::Usage::TABLE,
    crate::usage::Report::TABLE,
    crate::idempotency::Answer::TABLE,
    crate::idempotency::AnswerBudget::TABLE,
    crate::quota::Notice::TABLE,
];
