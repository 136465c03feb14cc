CREATE TABLE pulse_outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT,
    type TEXT,
    created_at INTEGER NOT NULL,
    organization_id TEXT,
    project_id TEXT,
    entity_kind TEXT,
    entity_id TEXT,
    data TEXT
) STRICT;

CREATE TABLE pulse_outbox_reader (
    name TEXT PRIMARY KEY,
    transaction_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pulse_audit (
    id TEXT PRIMARY KEY,
    organization_id TEXT,
    project_id TEXT,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    action TEXT NOT NULL,
    resource_kind TEXT,
    resource_id TEXT,
    changed TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pulse_audit_organization ON pulse_audit (organization_id, id);
CREATE INDEX pulse_audit_actor ON pulse_audit (actor_id, id);
CREATE INDEX pulse_audit_resource ON pulse_audit (resource_id, id);
