-- Text that is compared or sorted is so by its bytes, times are milliseconds since 1970, JSON is text.

CREATE TABLE tenancy_data_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tenancy_plans (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    limits TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenancy_plans_name ON tenancy_plans (name_key);

CREATE TABLE tenancy_settings (
    id TEXT COLLATE "C" PRIMARY KEY,
    registrations BOOLEAN NOT NULL,
    maintenance BOOLEAN NOT NULL,
    default_plan_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_plans (id),
    updated_at BIGINT NOT NULL
);

CREATE TABLE tenancy_users (
    id TEXT COLLATE "C" PRIMARY KEY,
    email TEXT COLLATE "C",
    email_key TEXT COLLATE "C",
    name TEXT COLLATE "C",
    password TEXT COLLATE "C",
    verified_at BIGINT,
    is_admin BOOLEAN NOT NULL,
    totp_secret BYTEA,
    totp_confirmed_at BIGINT,
    totp_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    suspended_at BIGINT,
    erased_at BIGINT
);
CREATE UNIQUE INDEX tenancy_users_email ON tenancy_users (email_key);

CREATE TABLE tenancy_recovery_codes (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_users (id),
    code BYTEA NOT NULL,
    used_at BIGINT
);
CREATE INDEX tenancy_recovery_codes_user ON tenancy_recovery_codes (user_id);

CREATE TABLE tenancy_mail_tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_users (id),
    purpose TEXT COLLATE "C" NOT NULL,
    token BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX tenancy_mail_tokens_token ON tenancy_mail_tokens (token);
CREATE INDEX tenancy_mail_tokens_user ON tenancy_mail_tokens (user_id, purpose);

CREATE TABLE tenancy_sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_users (id),
    salt BYTEA NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX tenancy_sessions_user ON tenancy_sessions (user_id, id);
CREATE INDEX tenancy_sessions_expiry ON tenancy_sessions (expires_at);

CREATE TABLE tenancy_organizations (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_plans (id),
    owners BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    suspended_at BIGINT,
    deleted_at BIGINT
);
CREATE INDEX tenancy_organizations_search ON tenancy_organizations (name_key);
CREATE INDEX tenancy_organizations_deleted ON tenancy_organizations (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_members (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_organizations (id),
    user_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_users (id),
    role TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenancy_members_user_id ON tenancy_members (organization_id, user_id);
CREATE INDEX tenancy_members_organization ON tenancy_members (organization_id, id);
CREATE INDEX tenancy_members_user ON tenancy_members (user_id);

CREATE TABLE tenancy_invitations (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_organizations (id),
    email TEXT COLLATE "C",
    email_key TEXT COLLATE "C",
    role TEXT COLLATE "C" NOT NULL,
    token BYTEA NOT NULL,
    invited_by TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE UNIQUE INDEX tenancy_invitations_token ON tenancy_invitations (token);
CREATE UNIQUE INDEX tenancy_invitations_email ON tenancy_invitations (organization_id, email_key) WHERE closed_at IS NULL;
CREATE INDEX tenancy_invitations_organization ON tenancy_invitations (organization_id, id);
CREATE INDEX tenancy_invitations_address ON tenancy_invitations (email_key);

CREATE TABLE tenancy_counters (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_organizations (id),
    resource TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL
);
CREATE INDEX tenancy_counters_organization ON tenancy_counters (organization_id);

CREATE TABLE tenancy_projects (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    streams BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX tenancy_projects_name ON tenancy_projects (organization_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX tenancy_projects_organization ON tenancy_projects (organization_id, id);
CREATE INDEX tenancy_projects_deleted ON tenancy_projects (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_projects (id),
    name TEXT COLLATE "C" NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    secret BYTEA NOT NULL,
    previous BYTEA,
    previous_expires_at BIGINT,
    scopes TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX tenancy_api_keys_public ON tenancy_api_keys (public);
CREATE INDEX tenancy_api_keys_project ON tenancy_api_keys (project_id, id);

CREATE TABLE tenancy_signing_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_projects (id),
    name TEXT COLLATE "C" NOT NULL,
    algorithm TEXT COLLATE "C" NOT NULL,
    public BYTEA,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX tenancy_signing_keys_project ON tenancy_signing_keys (project_id, id);

CREATE TABLE tenancy_streams (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_projects (id),
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    latency_mode TEXT COLLATE "C" NOT NULL,
    playback_policy TEXT COLLATE "C" NOT NULL,
    labels TEXT COLLATE "C" NOT NULL,
    metadata TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    suspended_at BIGINT,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX tenancy_streams_name ON tenancy_streams (project_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX tenancy_streams_project ON tenancy_streams (project_id, id);
CREATE INDEX tenancy_streams_deleted ON tenancy_streams (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE tenancy_stream_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    stream_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_streams (id),
    name TEXT COLLATE "C" NOT NULL,
    lookup BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX tenancy_stream_keys_lookup ON tenancy_stream_keys (lookup);
CREATE INDEX tenancy_stream_keys_stream ON tenancy_stream_keys (stream_id, id);

CREATE TABLE tenancy_usage (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL,
    project_id TEXT COLLATE "C",
    metric TEXT COLLATE "C" NOT NULL,
    day BIGINT NOT NULL,
    value BIGINT NOT NULL
);
CREATE INDEX tenancy_usage_day ON tenancy_usage (organization_id, project_id, day);

CREATE TABLE tenancy_usage_reports (
    id TEXT COLLATE "C" PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE INDEX tenancy_usage_reports_age ON tenancy_usage_reports (created_at);

CREATE TABLE tenancy_answers (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C",
    body BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tenancy_answers_user ON tenancy_answers (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX tenancy_answers_expiry ON tenancy_answers (expires_at);
