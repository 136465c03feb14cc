-- Streams that are published in a window of time, and what voids what was given out.
ALTER TABLE tenancy_streams ADD COLUMN epoch_at BIGINT;
ALTER TABLE tenancy_streams ADD COLUMN publish_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenancy_streams ADD COLUMN starts_at BIGINT;
ALTER TABLE tenancy_streams ADD COLUMN ends_at BIGINT;
ALTER TABLE tenancy_streams ADD COLUMN lead_seconds BIGINT NOT NULL DEFAULT 900;

ALTER TABLE tenancy_plans ADD COLUMN bytes_limit TEXT COLLATE "C" NOT NULL DEFAULT 'soft';

-- Who publishes. No foreign keys: rows live for seconds, and outlive nothing that matters.
CREATE TABLE tenancy_leases (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL,
    node_id TEXT COLLATE "C" NOT NULL,
    boot_id TEXT COLLATE "C" NOT NULL,
    stream_key_id TEXT COLLATE "C",
    since BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tenancy_leases_organization ON tenancy_leases (organization_id, expires_at);
CREATE INDEX tenancy_leases_node ON tenancy_leases (node_id);
CREATE INDEX tenancy_leases_expiry ON tenancy_leases (expires_at);

CREATE TABLE tenancy_revocations (
    id TEXT COLLATE "C" PRIMARY KEY,
    stream_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_streams (id),
    tag BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tenancy_revocations_stream ON tenancy_revocations (stream_id, id);
CREATE INDEX tenancy_revocations_expiry ON tenancy_revocations (expires_at);

CREATE TABLE tenancy_stream_labels (
    id TEXT COLLATE "C" PRIMARY KEY,
    stream_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_streams (id),
    project_id TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL
);
CREATE INDEX tenancy_stream_labels_label ON tenancy_stream_labels (label, project_id, stream_id);
CREATE INDEX tenancy_stream_labels_stream ON tenancy_stream_labels (stream_id);

INSERT INTO tenancy_stream_labels (id, stream_id, project_id, label)
SELECT stream.id || ':' || one.key, stream.id, stream.project_id, one.key || ':' || one.value
FROM tenancy_streams AS stream, json_each_text(stream.labels::json) AS one;

CREATE TABLE tenancy_presets (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_projects (id),
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenancy_presets_name ON tenancy_presets (project_id, name_key);

CREATE TABLE tenancy_hooks (
    id TEXT COLLATE "C" PRIMARY KEY REFERENCES tenancy_projects (id),
    url TEXT COLLATE "C" NOT NULL,
    events TEXT COLLATE "C" NOT NULL,
    format TEXT COLLATE "C" NOT NULL,
    timeout_ms BIGINT NOT NULL,
    on_failure TEXT COLLATE "C" NOT NULL,
    enabled BOOLEAN NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE tenancy_apps (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES tenancy_projects (id),
    allow_rename BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenancy_apps_name ON tenancy_apps (name);
CREATE INDEX tenancy_apps_project ON tenancy_apps (project_id);
