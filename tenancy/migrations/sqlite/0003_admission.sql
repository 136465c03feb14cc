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
