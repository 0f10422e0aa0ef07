-- The tables of a SQLite store, version 3. They are public: read them with any SQL tool.
--
-- They lie beside the users' own tables, hence the prefix. Times are unix seconds by the wall clock,
-- except for those named "boottime", which count from the start of the machine. Write to them only
-- through actorbus: the processes that run hold claims on rows.


-- Which version of the tables this is. One row.
CREATE TABLE actorbus_schema (
    version     INTEGER NOT NULL,   -- grows by one with each migration
    store_id    TEXT NOT NULL,      -- made with the store: tells it from another one at the same path
    created_at  REAL NOT NULL,         -- when the store was made
    migrated_at REAL NOT NULL       -- when `version` was reached
) STRICT;


-- Messages that are not settled yet: one row per copy, that is per message and endpoint. The row is
-- deleted when the message is handled or expires, and moved to actorbus_dead_letters when it fails
-- for good, so that this table stays as small as the backlog.
CREATE TABLE actorbus_messages (
    sequence          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of sending; never used twice
    state             TEXT NOT NULL      -- ready, claimed, waiting (until due_at), held or parked
                      CHECK (state IN ('ready', 'claimed', 'waiting', 'held', 'parked')),
    owner             TEXT,              -- the process that claimed it: actorbus_processes.process_id
    epoch             INTEGER NOT NULL,  -- fencing token: grows whenever the message changes hands
    attempts          INTEGER NOT NULL,  -- handler starts so far, without those that were released
    suspect           INTEGER NOT NULL,  -- 1: a process ended uncleanly while it had this message
    replays           INTEGER NOT NULL,  -- how often it came back from the dead letters
    priority          INTEGER NOT NULL,  -- higher goes first
    due_at            REAL NOT NULL,     -- not before this time; that of sending if not delayed
    expires_at        REAL,              -- no handler starts after this time; NULL: never too late
    enqueued_at       REAL NOT NULL,     -- when it was stored
    copy_id           TEXT NOT NULL,     -- names this copy, in all operations
    channel           TEXT NOT NULL,   -- the channel that it was sent on
    endpoint          TEXT NOT NULL,     -- the handler that it is for
    tenant            TEXT NOT NULL,     -- key of a dynamic channel; '' on other channels
    message_id        TEXT NOT NULL,     -- the same in all copies of a message
    type_name         TEXT NOT NULL,     -- registered name of the message's type
    content_type      TEXT NOT NULL,     -- of the body: application/msgpack or application/json; version=N
    correlation_id    TEXT NOT NULL,     -- the message that began the conversation
    causation_id      TEXT,              -- the message whose handler sent this one
    timestamp         REAL NOT NULL,     -- when the message was made
    deduplication_key TEXT,              -- see actorbus_sent
    on_failure        TEXT,              -- what its gateway says about failures: a JSON object, or NULL
    headers           TEXT NOT NULL,     -- the user's headers, a JSON object of text
    body              BLOB NOT NULL,   -- the message itself, encoded
    ordering_key      TEXT,              -- of such messages one at a time is in turn: actorbus_keys
    parked_reason     TEXT,              -- why it is held back; NULL: it is not parked
    for_endpoint      TEXT               -- of a message that waits to be relayed: the handler that it is for
) STRICT;

-- What a claim reads: its cost does not depend on how much else is stored.
CREATE INDEX actorbus_messages_ready ON actorbus_messages
    (channel, tenant, endpoint, suspect, priority DESC, due_at, sequence) WHERE state = 'ready';
-- What is held back, and for which tenant.
CREATE INDEX actorbus_messages_parked ON actorbus_messages (channel, tenant) WHERE state = 'parked';
-- Taking back what an expired process had.
CREATE INDEX actorbus_messages_claimed ON actorbus_messages (owner) WHERE state = 'claimed';
-- What comes due next.
CREATE INDEX actorbus_messages_waiting ON actorbus_messages (due_at) WHERE state = 'waiting';
-- Who is next of an ordering key.
CREATE INDEX actorbus_messages_held ON actorbus_messages
    (channel, endpoint, tenant, ordering_key, sequence) WHERE state = 'held';
-- Whether another copy with a deduplication key is being handled.
CREATE INDEX actorbus_messages_running ON actorbus_messages (deduplication_key)
    WHERE state = 'claimed' AND deduplication_key IS NOT NULL;
-- Whether a key has messages that wait for a time, or for somebody.
CREATE INDEX actorbus_messages_keyed ON actorbus_messages (ordering_key, channel, endpoint)
    WHERE ordering_key IS NOT NULL AND state IN ('waiting', 'parked');
-- What expires next.
CREATE INDEX actorbus_messages_expiring ON actorbus_messages (expires_at)
    WHERE expires_at IS NOT NULL AND state <> 'claimed';


-- Ordering keys with a message in turn, or with messages that wait for a dead letter. The key's
-- other messages are held. The row is deleted when none is left.
CREATE TABLE actorbus_keys (
    channel      TEXT NOT NULL,          -- the channel that its messages were sent on
    endpoint     TEXT NOT NULL,          -- the handler that they are for
    tenant       TEXT NOT NULL,          -- key of a dynamic channel; '' on other channels
    ordering_key TEXT NOT NULL,          -- what the sender computed
    holder       INTEGER,                -- sequence of the message in turn; NULL: the key is parked
    parked_by    TEXT,                   -- copy_id of the dead letter that the others wait for
    PRIMARY KEY (channel, endpoint, tenant, ordering_key)
) STRICT, WITHOUT ROWID;
-- What a dead letter holds up.
CREATE INDEX actorbus_keys_parked ON actorbus_keys (parked_by) WHERE parked_by IS NOT NULL;


-- Messages that failed for good, until they are replayed or deleted.
CREATE TABLE actorbus_dead_letters (
    number            INTEGER PRIMARY KEY AUTOINCREMENT, -- order of their deaths
    copy_id           TEXT NOT NULL UNIQUE, -- what `actorbus deadletter` takes
    channel           TEXT NOT NULL,   -- the channel that it was sent on
    endpoint          TEXT NOT NULL,     -- a replay goes to this endpoint only
    tenant            TEXT NOT NULL,   -- key of a dynamic channel; '' on other channels
    reason            TEXT NOT NULL,     -- attempts exhausted, permanent error, undecodable, ...
    exception         TEXT,              -- type of the last exception; NULL: there was none
    exception_message TEXT,            -- text of the last exception
    traceback         TEXT,            -- traceback of the last exception
    attempts          INTEGER NOT NULL,  -- handler starts, since the last replay
    replays           INTEGER NOT NULL,  -- how often it came back before
    died_at           REAL NOT NULL,   -- when it became a dead letter
    priority          INTEGER NOT NULL,-- as in actorbus_messages
    enqueued_at       REAL NOT NULL,   -- when it was stored, or replayed last
    message_id        TEXT NOT NULL,   -- as in actorbus_messages, as are all below
    type_name         TEXT NOT NULL,   -- registered name of the message's type
    content_type      TEXT NOT NULL,   -- of the body
    correlation_id    TEXT NOT NULL,   -- the message that began the conversation
    causation_id      TEXT,            -- the message whose handler sent this one
    timestamp         REAL NOT NULL,   -- when the message was made
    deduplication_key TEXT,            -- see actorbus_sent
    on_failure        TEXT,            -- what its gateway says about failures: a JSON object, or NULL
    ordering_key      TEXT,            -- see actorbus_keys
    headers           TEXT NOT NULL,   -- the user's headers, a JSON object of text
    body              BLOB NOT NULL,   -- the message itself, encoded
    for_endpoint      TEXT             -- of a message that was to be relayed: the handler that it is for
) STRICT;
-- One dead letter for a key: a later one takes the place of the first.
CREATE INDEX actorbus_dead_letters_key ON actorbus_dead_letters (deduplication_key)
    WHERE deduplication_key IS NOT NULL;


-- The history of failed attempts, of messages that are to be retried and of dead letters. Deleted
-- when the message is handled in the end, or with its dead letter.
CREATE TABLE actorbus_failures (
    number            INTEGER PRIMARY KEY, -- order of the failures
    copy_id           TEXT NOT NULL,     -- of the message, or of the dead letter
    attempt           INTEGER NOT NULL,  -- 1 for the first start; begins anew with a replay
    failed_at         REAL NOT NULL,   -- when the attempt failed
    exception         TEXT NOT NULL,     -- type of the exception
    exception_message TEXT NOT NULL,   -- text of the exception
    traceback         TEXT NOT NULL    -- traceback of the exception
) STRICT;
CREATE INDEX actorbus_failures_copy ON actorbus_failures (copy_id, number);


-- Where messages come from that failed for good and wait for the handler of an error channel. They
-- are in actorbus_messages, with the channel and endpoint of that handler.
CREATE TABLE actorbus_failed (
    copy_id           TEXT PRIMARY KEY,  -- of the message
    channel           TEXT NOT NULL,     -- where it failed; '' for a synchronous handler
    endpoint          TEXT NOT NULL,     -- the handler that failed
    tenant            TEXT NOT NULL,     -- key of a dynamic channel; '' on other channels
    reason            TEXT NOT NULL,     -- attempts exhausted, permanent error, undecodable, ...
    exception         TEXT,              -- type of the last exception; NULL: there was none
    exception_message TEXT,              -- text of the last exception
    traceback         TEXT,              -- traceback of the last exception
    attempts          INTEGER NOT NULL,  -- starts of the handler that failed
    failed_at         REAL NOT NULL      -- when it failed for good
) STRICT, WITHOUT ROWID;


-- How many messages were dropped because their time to live ran out.
CREATE TABLE actorbus_expired (
    channel         TEXT NOT NULL,     -- the channel that they were sent on
    endpoint        TEXT NOT NULL,     -- the handler that they were for
    tenant          TEXT NOT NULL,     -- key of a dynamic channel; '' on other channels
    messages        INTEGER NOT NULL,    -- since the store was made
    last_expired_at REAL NOT NULL,     -- when the last of them was dropped
    PRIMARY KEY (channel, endpoint, tenant)
) STRICT, WITHOUT ROWID;


-- Deduplication at the gateway: what was sent with a key. Forgotten after the retention.
CREATE TABLE actorbus_sent (
    number   INTEGER PRIMARY KEY,        -- order of sending, in which they are forgotten
    endpoint TEXT NOT NULL,            -- the handler that the copy was for
    key      TEXT NOT NULL,              -- the message id, or what the sender computes
    sent_at  REAL NOT NULL,            -- when it was sent
    UNIQUE (endpoint, key)
) STRICT;


-- Deduplication at the handler (inbox): what was handled, noted in the handler's transaction.
CREATE TABLE actorbus_handled (
    number     INTEGER PRIMARY KEY,      -- order of handling, in which they are forgotten
    endpoint   TEXT NOT NULL,          -- the handler
    key        TEXT NOT NULL,            -- the message id, or what the handler computes
    handled_at REAL NOT NULL,          -- when it was handled
    owner      TEXT,                   -- of a broker's message: who is handling it; NULL: it is done
    UNIQUE (endpoint, key)
) STRICT;


-- How far the messages of a broker's partitions were begun, by the process that has the partition.
-- It deletes the row when it hands the partition over. What it leaves, because it died, says which
-- messages are suspects.
CREATE TABLE actorbus_partitions (
    group_name TEXT NOT NULL,          -- the consumer group
    topic      TEXT NOT NULL,          -- the topic
    partition  INTEGER NOT NULL,       -- the partition's number
    owner      TEXT NOT NULL,          -- the process that has it: actorbus_processes.process_id
    begun_to   INTEGER NOT NULL,       -- the offset after the last that may have been begun
    noted_at   REAL NOT NULL,          -- when that was noted
    PRIMARY KEY (group_name, topic, partition)
) STRICT, WITHOUT ROWID;


-- The processes that use this store: a lease each, and what they say of themselves.
CREATE TABLE actorbus_processes (
    process_id        TEXT PRIMARY KEY,  -- unique for each start of a process
    bus               TEXT NOT NULL,     -- name of its bus
    host              TEXT NOT NULL,   -- where it runs
    pid               INTEGER NOT NULL,-- of the operating system, on that host
    started_at        REAL NOT NULL,   -- when it opened the store
    boot_id           TEXT NOT NULL,     -- of the machine's start; of another one: its owner is dead
    epoch             INTEGER NOT NULL,  -- grows when a lost lease is taken anew
    lease             REAL NOT NULL,     -- seconds that it holds after a renewal
    expires_boottime  REAL NOT NULL,     -- end of the lease; after it the messages are taken back
    renewed_at        REAL NOT NULL,     -- last renewal
    snapshot          TEXT,              -- its supervision tree, as JSON
    snapshot_at       REAL               -- when the snapshot was written
) STRICT, WITHOUT ROWID;


-- Answers to queries that another process asked, until it fetches them.
CREATE TABLE actorbus_replies (
    number            INTEGER PRIMARY KEY, -- order of the answers
    process_id        TEXT NOT NULL,     -- who asked: actorbus_processes.process_id
    query_id          TEXT NOT NULL,     -- the message id of the query
    body              BLOB,              -- the answer, encoded as msgpack; NULL: the handler failed
    exception         TEXT,              -- type of the handler's exception
    exception_message TEXT,              -- text of the handler's exception
    expires_at        REAL NOT NULL      -- nobody waits for it after this time
) STRICT;
CREATE INDEX actorbus_replies_process ON actorbus_replies (process_id);
CREATE INDEX actorbus_replies_expiring ON actorbus_replies (expires_at);


-- Channels and endpoints that are paused: their messages are kept and not taken. Sending goes on.
CREATE TABLE actorbus_pauses (
    channel   TEXT NOT NULL,           -- whose messages wait
    endpoint  TEXT NOT NULL,           -- of this handler alone; '' for all on the channel
    paused_at REAL NOT NULL,           -- when it was paused
    until_at  REAL,                    -- when it ends by itself; NULL: when it is resumed
    reason    TEXT NOT NULL,           -- in the words of whoever paused it
    PRIMARY KEY (channel, endpoint)
) STRICT, WITHOUT ROWID;


-- Schedules: when each of them ticks next. A tick is a message, stored in the transaction that plans
-- the one after it. A row stays when its schedule is no longer declared, until it is deleted.
CREATE TABLE actorbus_schedules (
    name           TEXT PRIMARY KEY,   -- also the endpoint that its ticks are for
    definition     TEXT NOT NULL,      -- when it ticks: cron line and zone, or the interval
    channel        TEXT NOT NULL,      -- the channel that its ticks are sent on
    anchor         REAL NOT NULL,      -- from here an interval counts
    next_at        REAL NOT NULL,      -- the planned time of the next tick
    fires_at       REAL NOT NULL,      -- the same with its jitter: the tick is sent then
    ticks          INTEGER NOT NULL,   -- how many were sent
    last_at        REAL,               -- the planned time of the last one
    last_fired_at  REAL,               -- when the last one was sent
    last_fired_by  TEXT,               -- the process that sent it: host and pid
    paused         INTEGER NOT NULL,   -- 1: it does not tick until it is resumed
    version        INTEGER NOT NULL    -- grows with each change: of two processes one sends a tick
) STRICT, WITHOUT ROWID;


-- Supervision that was set while the bus runs: what of an endpoint's retries, backoff and limits
-- takes the place of what was declared. A row stays, empty, when they were reset.
CREATE TABLE actorbus_supervision (
    endpoint   TEXT PRIMARY KEY,       -- whose it is, on all channels and for all tenants
    settings   TEXT NOT NULL,          -- what was set, as a JSON object; '{}': nothing
    changed_at REAL NOT NULL,          -- when it was last changed
    changed_by TEXT NOT NULL,          -- who changed it, as they said
    reason     TEXT NOT NULL,          -- in their words
    version    INTEGER NOT NULL        -- grows with each change: of two at once one is told
) STRICT, WITHOUT ROWID;


-- The history of that: each change with what it replaced. Nothing deletes it.
CREATE TABLE actorbus_supervision_changes (
    endpoint   TEXT NOT NULL,          -- whose supervision was changed
    version    INTEGER NOT NULL,       -- the number of the change, for each endpoint from 1
    old_settings TEXT NOT NULL,        -- what was set before, as a JSON object
    new_settings TEXT NOT NULL,        -- what was set then
    changed_at REAL NOT NULL,          -- when
    changed_by TEXT NOT NULL,          -- by whom, as they said
    reason     TEXT NOT NULL,          -- why, in their words
    PRIMARY KEY (endpoint, version)
) STRICT, WITHOUT ROWID;
