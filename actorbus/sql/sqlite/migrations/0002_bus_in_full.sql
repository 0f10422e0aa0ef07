-- From version 1 of the tables to version 2. The columns are explained in schema.sql.

CREATE TABLE actorbus_replies (
    number            INTEGER PRIMARY KEY,
    process_id        TEXT NOT NULL,
    query_id          TEXT NOT NULL,
    body              BLOB,
    exception         TEXT,
    exception_message TEXT,
    expires_at        REAL NOT NULL
) STRICT;
CREATE INDEX actorbus_replies_process ON actorbus_replies (process_id);
CREATE INDEX actorbus_replies_expiring ON actorbus_replies (expires_at);

CREATE TABLE actorbus_pauses (
    channel   TEXT NOT NULL,
    endpoint  TEXT NOT NULL,
    paused_at REAL NOT NULL,
    until_at  REAL,
    reason    TEXT NOT NULL,
    PRIMARY KEY (channel, endpoint)
) STRICT, WITHOUT ROWID;

ALTER TABLE actorbus_messages ADD COLUMN parked_reason TEXT;
CREATE INDEX actorbus_messages_parked ON actorbus_messages (channel, tenant) WHERE state = 'parked';
