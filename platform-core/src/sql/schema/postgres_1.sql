CREATE TABLE pulse_outbox (
    transaction_id BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    sequence BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id TEXT COLLATE "C",
    type TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    organization_id TEXT COLLATE "C",
    project_id TEXT COLLATE "C",
    entity_kind TEXT COLLATE "C",
    entity_id TEXT COLLATE "C",
    data TEXT,
    PRIMARY KEY (transaction_id, sequence)
);

CREATE TABLE pulse_outbox_reader (
    name TEXT COLLATE "C" PRIMARY KEY,
    transaction_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);

CREATE TABLE pulse_audit (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C",
    project_id TEXT COLLATE "C",
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_id TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    resource_kind TEXT COLLATE "C",
    resource_id TEXT COLLATE "C",
    changed TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    created_at BIGINT NOT NULL
);

CREATE INDEX pulse_audit_organization ON pulse_audit (organization_id, id);
CREATE INDEX pulse_audit_actor ON pulse_audit (actor_id, id);
CREATE INDEX pulse_audit_resource ON pulse_audit (resource_id, id);
