-- Mails that wait to be sent, sealed.
CREATE TABLE pulse_mail (
    id TEXT PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pulse_mail_next ON pulse_mail (next_at, id);
