-- Mails that wait to be sent, sealed.
CREATE TABLE pulse_mail (
    id TEXT COLLATE "C" PRIMARY KEY,
    sealed BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);
CREATE INDEX pulse_mail_next ON pulse_mail (next_at, id);
