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

CREATE TABLE actorbus_schedules (
    name           TEXT PRIMARY KEY,
    definition     TEXT NOT NULL,
    channel        TEXT NOT NULL,
    anchor         REAL NOT NULL,
    next_at        REAL NOT NULL,
    fires_at       REAL NOT NULL,
    ticks          INTEGER NOT NULL,
    last_at        REAL,
    last_fired_at  REAL,
    last_fired_by  TEXT,
    paused         INTEGER NOT NULL,
    version        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE actorbus_messages ADD COLUMN on_failure TEXT;
ALTER TABLE actorbus_dead_letters ADD COLUMN on_failure TEXT;

CREATE TABLE actorbus_failed (
    copy_id           TEXT PRIMARY KEY,
    channel           TEXT NOT NULL,
    endpoint          TEXT NOT NULL,
    tenant            TEXT NOT NULL,
    reason            TEXT NOT NULL,
    exception         TEXT,
    exception_message TEXT,
    traceback         TEXT,
    attempts          INTEGER NOT NULL,
    failed_at         REAL NOT NULL
) STRICT, WITHOUT ROWID;
