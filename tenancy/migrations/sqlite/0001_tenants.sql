-- Text is sorted by its bytes, times are milliseconds since 1970, JSON is text.

CREATE TABLE tenancy_data_keys (
    id TEXT PRIMARY KEY NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenancy_plans (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_plans_name ON tenancy_plans (name_key);

CREATE TABLE tenancy_settings (
    id TEXT PRIMARY KEY NOT NULL,
    registrations INTEGER NOT NULL,
    maintenance INTEGER NOT NULL,
    default_plan_id TEXT NOT NULL REFERENCES tenancy_plans (id),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenancy_users (
    id TEXT PRIMARY KEY NOT NULL,
    email TEXT,
    email_key TEXT,
    name TEXT,
    password TEXT,
    verified_at INTEGER,
    is_admin INTEGER NOT NULL,
    totp_secret BLOB,
    totp_confirmed_at INTEGER,
    totp_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_at INTEGER,
    erased_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_users_email ON tenancy_users (email_key);

CREATE TABLE tenancy_recovery_codes (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES tenancy_users (id),
    code BLOB NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_recovery_codes_user ON tenancy_recovery_codes (user_id);

CREATE TABLE tenancy_mail_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES tenancy_users (id),
    purpose TEXT NOT NULL,
    token BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_mail_tokens_token ON tenancy_mail_tokens (token);
CREATE INDEX tenancy_mail_tokens_user ON tenancy_mail_tokens (user_id, purpose);

CREATE TABLE tenancy_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES tenancy_users (id),
    salt BLOB NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_sessions_user ON tenancy_sessions (user_id, id);
CREATE INDEX tenancy_sessions_expiry ON tenancy_sessions (expires_at);

CREATE TABLE tenancy_organizations (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    plan_id TEXT NOT NULL REFERENCES tenancy_plans (id),
    owners INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_at INTEGER,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_organizations_search ON tenancy_organizations (name_key);
CREATE INDEX tenancy_organizations_deleted ON tenancy_organizations (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_members (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES tenancy_organizations (id),
    user_id TEXT NOT NULL REFERENCES tenancy_users (id),
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_members_user_id ON tenancy_members (organization_id, user_id);
CREATE INDEX tenancy_members_organization ON tenancy_members (organization_id, id);
CREATE INDEX tenancy_members_user ON tenancy_members (user_id);

CREATE TABLE tenancy_invitations (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES tenancy_organizations (id),
    email TEXT,
    email_key TEXT,
    role TEXT NOT NULL,
    token BLOB NOT NULL,
    invited_by TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    closed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_invitations_token ON tenancy_invitations (token);
CREATE UNIQUE INDEX tenancy_invitations_email ON tenancy_invitations (organization_id, email_key) WHERE closed_at IS NULL;
CREATE INDEX tenancy_invitations_organization ON tenancy_invitations (organization_id, id);
CREATE INDEX tenancy_invitations_address ON tenancy_invitations (email_key);

CREATE TABLE tenancy_counters (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES tenancy_organizations (id),
    resource TEXT NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_counters_organization ON tenancy_counters (organization_id);

CREATE TABLE tenancy_projects (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES tenancy_organizations (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    settings TEXT NOT NULL,
    streams INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_projects_name ON tenancy_projects (organization_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX tenancy_projects_organization ON tenancy_projects (organization_id, id);
CREATE INDEX tenancy_projects_deleted ON tenancy_projects (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES tenancy_projects (id),
    name TEXT NOT NULL,
    public TEXT NOT NULL,
    secret BLOB NOT NULL,
    previous BLOB,
    previous_expires_at INTEGER,
    scopes TEXT NOT NULL,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_api_keys_public ON tenancy_api_keys (public);
CREATE INDEX tenancy_api_keys_project ON tenancy_api_keys (project_id, id);

CREATE TABLE tenancy_signing_keys (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES tenancy_projects (id),
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public BLOB,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_signing_keys_project ON tenancy_signing_keys (project_id, id);

CREATE TABLE tenancy_streams (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES tenancy_projects (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    latency_mode TEXT NOT NULL,
    playback_policy TEXT NOT NULL,
    labels TEXT NOT NULL,
    metadata TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_at INTEGER,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_streams_name ON tenancy_streams (project_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX tenancy_streams_project ON tenancy_streams (project_id, id);
CREATE INDEX tenancy_streams_deleted ON tenancy_streams (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_stream_keys (
    id TEXT PRIMARY KEY NOT NULL,
    stream_id TEXT NOT NULL REFERENCES tenancy_streams (id),
    name TEXT NOT NULL,
    lookup BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_stream_keys_lookup ON tenancy_stream_keys (lookup);
CREATE INDEX tenancy_stream_keys_stream ON tenancy_stream_keys (stream_id, id);

CREATE TABLE tenancy_usage (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    project_id TEXT,
    metric TEXT NOT NULL,
    day INTEGER NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_usage_day ON tenancy_usage (organization_id, project_id, day);

CREATE TABLE tenancy_usage_reports (
    id TEXT PRIMARY KEY NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_usage_reports_age ON tenancy_usage_reports (created_at);

CREATE TABLE tenancy_answers (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT,
    body BLOB NOT NULL,
    sealed BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_answers_user ON tenancy_answers (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX tenancy_answers_expiry ON tenancy_answers (expires_at);
