-- What mails are found by when their recipient is erased: an HMAC of the address. Those from before have none.
ALTER TABLE pulse_mail ADD COLUMN recipient BLOB;
CREATE INDEX pulse_mail_recipient ON pulse_mail (recipient);

-- Registrations and forgotten passwords, sealed, that are carried out after the answer.
CREATE TABLE pulse_account_requests (
    id TEXT PRIMARY KEY NOT NULL,
    recipient BLOB NOT NULL,
    sealed BLOB NOT NULL,
    requested_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pulse_account_requests_recipient ON pulse_account_requests (recipient);
