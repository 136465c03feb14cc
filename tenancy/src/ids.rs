//! The kinds of ids beside those of platform-core.

platform_core::id_kinds! {
    /// The id of a person.
    pub UserId(UserKind) = "usr", "user";
    /// The id of a login: one family of refresh tokens.
    pub SessionId(SessionKind) = "ses", "session";
    /// The id of a token that was sent by mail.
    pub MailTokenId(MailTokenKind) = "mtk", "mail token";
    /// The id of a recovery code.
    pub RecoveryCodeId(RecoveryCodeKind) = "rcv", "recovery code";
    /// The id of a membership in an organization.
    pub MemberId(MemberKind) = "mem", "member";
    /// The id of an invitation into an organization.
    pub InvitationId(InvitationKind) = "inv", "invitation";
    /// The id of an API key of a project.
    pub ApiKeyId(ApiKeyKind) = "key", "API key";
    /// The id of a stream.
    pub StreamId(StreamKind) = "str", "stream";
    /// The id of a stream key, not the key itself.
    pub StreamKeyId(StreamKeyKind) = "stk", "stream key";
    /// The id of a playback signing key, which is its `kid`.
    pub SigningKeyId(SigningKeyKind) = "sig", "signing key";
    /// The id of an RTMP application name that is bound to a project.
    pub AppId(AppKind) = "app", "app";
    /// The id of a preset of streams.
    pub PresetId(PresetKind) = "pst", "preset";
    /// The id of a plan.
    pub PlanId(PlanKind) = "pln", "plan";
}
