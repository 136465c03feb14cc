-- What mails are found by when their recipient is erased: an HMAC of the address. Those from before have none.
ALTER TABLE pulse_mail ADD COLUMN recipient BYTEA;
CREATE INDEX pulse_mail_recipient ON pulse_mail (recipient);

-- Registrations and forgotten passwords, sealed, that are carried out after the answer.
CREATE TABLE pulse_account_requests (
    id TEXT COLLATE "C" PRIMARY KEY,
    recipient BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    requested_at BIGINT NOT NULL
);
CREATE INDEX pulse_account_requests_recipient ON pulse_account_requests (recipient);
