-- From version 1 of the tables to version 2. The columns are explained in schema.sql.

-- A check cannot be changed: the table is made anew, with its messages and their numbers.
CREATE TABLE actorbus_messages_2 (
    sequence          INTEGER PRIMARY KEY AUTOINCREMENT,
    state             TEXT NOT NULL
                      CHECK (state IN ('ready', 'claimed', 'waiting', 'held', 'parked')),
    owner             TEXT,
    epoch             INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    suspect           INTEGER NOT NULL,
    replays           INTEGER NOT NULL,
    priority          INTEGER NOT NULL,
    due_at            REAL NOT NULL,
    expires_at        REAL,
    enqueued_at       REAL NOT NULL,
    copy_id           TEXT NOT NULL,
    channel           TEXT NOT NULL,
    endpoint          TEXT NOT NULL,
    tenant            TEXT NOT NULL,
    message_id        TEXT NOT NULL,
    type_name         TEXT NOT NULL,
    content_type      TEXT NOT NULL,
    correlation_id    TEXT NOT NULL,
    causation_id      TEXT,
    timestamp         REAL NOT NULL,
    deduplication_key TEXT,
    headers           TEXT NOT NULL,
    body              BLOB NOT NULL,
    ordering_key      TEXT
) STRICT;
INSERT INTO actorbus_messages_2 (
    sequence, state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at,
    enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type,
    correlation_id, causation_id, timestamp, deduplication_key, headers, body
)
SELECT
    sequence, state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at,
    enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type,
    correlation_id, causation_id, timestamp, deduplication_key, headers, body
FROM actorbus_messages;
DELETE FROM sqlite_sequence WHERE name = 'actorbus_messages_2';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'actorbus_messages_2', seq FROM sqlite_sequence WHERE name = 'actorbus_messages';
DROP TABLE actorbus_messages;
PRAGMA legacy_alter_table = ON;
ALTER TABLE actorbus_messages_2 RENAME TO actorbus_messages;
PRAGMA legacy_alter_table = OFF;
CREATE INDEX actorbus_messages_ready ON actorbus_messages
    (channel, tenant, endpoint, suspect, priority DESC, due_at, sequence) WHERE state = 'ready';
CREATE INDEX actorbus_messages_claimed ON actorbus_messages (owner) WHERE state = 'claimed';
CREATE INDEX actorbus_messages_waiting ON actorbus_messages (due_at) WHERE state = 'waiting';
CREATE INDEX actorbus_messages_expiring ON actorbus_messages (expires_at)
    WHERE expires_at IS NOT NULL AND state <> 'claimed';
CREATE INDEX actorbus_messages_held ON actorbus_messages
    (channel, endpoint, tenant, ordering_key, sequence) WHERE state = 'held';
CREATE INDEX actorbus_messages_running ON actorbus_messages (deduplication_key)
    WHERE state = 'claimed' AND deduplication_key IS NOT NULL;

CREATE TABLE actorbus_keys (
    channel      TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    holder       INTEGER,
    parked_by    TEXT,
    PRIMARY KEY (channel, endpoint, tenant, ordering_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX actorbus_keys_parked ON actorbus_keys (parked_by) WHERE parked_by IS NOT NULL;

ALTER TABLE actorbus_dead_letters ADD COLUMN ordering_key TEXT;

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

CREATE INDEX actorbus_dead_letters_key ON actorbus_dead_letters (deduplication_key)
    WHERE deduplication_key IS NOT NULL;
