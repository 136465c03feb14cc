-- What housekeeping looks for is found by an index, and what a tenant makes grow is counted.

CREATE INDEX tenancy_mail_tokens_expiry ON tenancy_mail_tokens (expires_at);
CREATE INDEX tenancy_invitations_expiry ON tenancy_invitations (expires_at);
CREATE INDEX tenancy_invitations_inviter ON tenancy_invitations (organization_id, invited_by) WHERE closed_at IS NULL;
CREATE INDEX tenancy_stream_keys_expiry ON tenancy_stream_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tenancy_stream_keys_revoked ON tenancy_stream_keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tenancy_api_keys_expiry ON tenancy_api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tenancy_api_keys_revoked ON tenancy_api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tenancy_signing_keys_revoked ON tenancy_signing_keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tenancy_users_unverified ON tenancy_users (created_at) WHERE verified_at IS NULL;

-- For how many days the audit log is kept.
ALTER TABLE tenancy_settings ADD COLUMN audit_days INTEGER NOT NULL DEFAULT 365;

-- Answers that are kept for idempotency, by whom they are for and the hour.
CREATE TABLE tenancy_answer_budgets (
    id TEXT PRIMARY KEY NOT NULL,
    answers INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_answer_budgets_expiry ON tenancy_answer_budgets (expires_at);

-- Refusals that were told of, by organization, resource and day.
CREATE TABLE tenancy_quota_notices (
    id TEXT PRIMARY KEY NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_quota_notices_age ON tenancy_quota_notices (created_at);
