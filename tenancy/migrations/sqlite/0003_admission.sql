-- Streams that are published in a window of time, and what voids what was given out.
ALTER TABLE tenancy_streams ADD COLUMN epoch_at INTEGER;
ALTER TABLE tenancy_streams ADD COLUMN publish_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenancy_streams ADD COLUMN starts_at INTEGER;
ALTER TABLE tenancy_streams ADD COLUMN ends_at INTEGER;
ALTER TABLE tenancy_streams ADD COLUMN lead_seconds INTEGER NOT NULL DEFAULT 900;

ALTER TABLE tenancy_plans ADD COLUMN bytes_limit TEXT NOT NULL DEFAULT 'soft';

-- Who publishes. No foreign keys: rows live for seconds, and outlive nothing that matters.
CREATE TABLE tenancy_leases (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    stream_key_id TEXT,
    since INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_leases_organization ON tenancy_leases (organization_id, expires_at);
CREATE INDEX tenancy_leases_node ON tenancy_leases (node_id);
CREATE INDEX tenancy_leases_expiry ON tenancy_leases (expires_at);

CREATE TABLE tenancy_revocations (
    id TEXT PRIMARY KEY NOT NULL,
    stream_id TEXT NOT NULL REFERENCES tenancy_streams (id),
    tag INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_revocations_stream ON tenancy_revocations (stream_id, id);
CREATE INDEX tenancy_revocations_expiry ON tenancy_revocations (expires_at);

CREATE TABLE tenancy_stream_labels (
    id TEXT PRIMARY KEY NOT NULL,
    stream_id TEXT NOT NULL REFERENCES tenancy_streams (id),
    project_id TEXT NOT NULL,
    label TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenancy_stream_labels_label ON tenancy_stream_labels (label, project_id, stream_id);
CREATE INDEX tenancy_stream_labels_stream ON tenancy_stream_labels (stream_id);

INSERT INTO tenancy_stream_labels (id, stream_id, project_id, label)
SELECT stream.id || ':' || one.key, stream.id, stream.project_id, one.key || ':' || one.value
FROM tenancy_streams AS stream, json_each(stream.labels) AS one;

CREATE TABLE tenancy_presets (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES tenancy_projects (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    stream TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_presets_name ON tenancy_presets (project_id, name_key);

CREATE TABLE tenancy_hooks (
    id TEXT PRIMARY KEY NOT NULL REFERENCES tenancy_projects (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    format TEXT NOT NULL,
    timeout_ms INTEGER NOT NULL,
    on_failure TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenancy_apps (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES tenancy_projects (id),
    allow_rename INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tenancy_apps_name ON tenancy_apps (name);
CREATE INDEX tenancy_apps_project ON tenancy_apps (project_id);
