-- What is purged is found by its age, what is erased by whom it is about, and a project's audit rows by the project.
CREATE INDEX pulse_outbox_age ON pulse_outbox (created_at);
CREATE INDEX pulse_outbox_entity ON pulse_outbox (entity_id, entity_kind) WHERE event_id IS NOT NULL;
CREATE INDEX pulse_audit_project ON pulse_audit (project_id, id) WHERE project_id IS NOT NULL;
