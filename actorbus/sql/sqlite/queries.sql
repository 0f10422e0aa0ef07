-- name: insert_message
-- Store a copy: ready, waiting, held or parked.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers, body, parked_reason,
    ordering_key, for_endpoint
) VALUES (?, NULL, 0, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_plain_message
-- The same for a copy without anything special: each NULL that is not bound saves time.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, enqueued_at,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, headers, body
) VALUES (?, NULL, 0, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?);

-- name: remember_sent
-- Note a key at the gateway; no row is changed if it was there.
INSERT INTO actorbus_sent (endpoint, key, sent_at) VALUES (?, ?, ?)
ON CONFLICT (endpoint, key) DO NOTHING;

-- name: remember_handled
-- Note a key in the handler's transaction; no row is changed if it was there.
INSERT INTO actorbus_handled (endpoint, key, handled_at) VALUES (?, ?, ?)
ON CONFLICT (endpoint, key) DO NOTHING;

-- name: forget_sent_key
-- Forget a key at the gateway whose message was not handled: it may be sent again.
DELETE FROM actorbus_sent WHERE endpoint = ? AND key = ?;

-- name: adopt_history
-- Give a dead letter the history of an earlier one of its key.
UPDATE actorbus_failures SET copy_id = :copy_id WHERE copy_id IN (
    SELECT copy_id FROM actorbus_dead_letters
    WHERE deduplication_key = :key AND coalesce(for_endpoint, endpoint) = :endpoint
      AND copy_id <> :copy_id
);

-- name: replace_dead_letter
-- Drop an earlier dead letter of a key, whose history the later one has.
DELETE FROM actorbus_dead_letters
WHERE deduplication_key = :key AND coalesce(for_endpoint, endpoint) = :endpoint
  AND copy_id <> :copy_id
RETURNING copy_id;

-- name: endpoint_of_letter
-- Whose dead letter is this?
SELECT coalesce(for_endpoint, endpoint) FROM actorbus_dead_letters WHERE copy_id = ?;

-- name: running_keys
-- Which messages of an endpoint with one of these keys are in somebody's hands?
SELECT sequence, deduplication_key FROM actorbus_messages
WHERE state = 'claimed' AND deduplication_key IN (SELECT value FROM json_each(?))
  AND endpoint IN (SELECT value FROM json_each(?));

-- name: put_off
-- Give back a message that was just claimed, and look again later.
UPDATE actorbus_messages
SET state = 'waiting', owner = NULL, epoch = epoch + 1, attempts = ?, due_at = ?
WHERE sequence = ?;

-- name: remembered
-- How many keys are remembered, and since when.
SELECT
    (SELECT count(*) FROM actorbus_sent),
    (SELECT count(*) FROM actorbus_handled),
    (SELECT sent_at FROM actorbus_sent ORDER BY number LIMIT 1),
    (SELECT handled_at FROM actorbus_handled ORDER BY number LIMIT 1);

-- name: handled_keys
-- Which of these keys has an endpoint handled, under any of its ids?
SELECT key FROM actorbus_handled
WHERE endpoint IN (SELECT value FROM json_each(?)) AND key IN (SELECT value FROM json_each(?));

-- name: candidates
-- The ready messages of one endpoint in the order of their turn, from the index alone.
SELECT sequence, priority, due_at FROM actorbus_messages
WHERE state = 'ready' AND channel = ? AND tenant = ? AND endpoint = ? AND suspect = 0
ORDER BY priority DESC, due_at, sequence
LIMIT ?;

-- name: first_ready
-- The first ready messages of one endpoint, as they will be once they are claimed. Of a body that
-- is too large only the length is read.
SELECT sequence, epoch + 1, attempts, suspect, ordering_key, for_endpoint, replays, priority, due_at,
    expires_at, enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers,
    iif(length(body) > ?, length(body), body)
FROM actorbus_messages
WHERE state = 'ready' AND channel = ? AND tenant = ? AND endpoint = ? AND suspect = 0
ORDER BY priority DESC, due_at, sequence
LIMIT ?;

-- name: claim_run
-- Claim ready messages that were just found and have consecutive numbers.
UPDATE actorbus_messages SET state = 'claimed', owner = ?, epoch = epoch + 1
WHERE sequence BETWEEN ? AND ?;

-- name: claim_one
-- Claim one of the candidates of several endpoints.
UPDATE actorbus_messages SET state = 'claimed', owner = ?, epoch = epoch + 1
WHERE sequence = ? AND state = 'ready'
RETURNING sequence, epoch, attempts, suspect, ordering_key, for_endpoint, replays, priority, due_at,
    expires_at, enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers,
    iif(length(body) > ?, length(body), body);

-- name: suspect_candidate
-- The first ready suspect of one endpoint.
SELECT sequence, priority, due_at FROM actorbus_messages
WHERE state = 'ready' AND channel = ? AND tenant = ? AND endpoint = ? AND suspect = 1
ORDER BY priority DESC, due_at, sequence
LIMIT 1;

-- name: holds_suspect
-- Does this process have a suspect in its hands?
SELECT EXISTS (
    SELECT 1 FROM actorbus_messages WHERE state = 'claimed' AND owner = ? AND suspect = 1
);

-- name: claim_suspect
-- Claim a suspect and count its start, before it starts. The attempts returned are those before it.
UPDATE actorbus_messages
SET state = 'claimed', owner = ?, epoch = epoch + 1, attempts = attempts + 1
WHERE sequence = ? AND state = 'ready'
RETURNING sequence, epoch, attempts - 1, suspect, ordering_key, for_endpoint, replays, priority,
    due_at, expires_at, enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type,
    correlation_id, causation_id, timestamp, deduplication_key, on_failure, headers,
    iif(length(body) > ?, length(body), body);

-- name: first_tenant
-- The first tenant that has ready messages on a channel (one seek).
SELECT tenant FROM actorbus_messages WHERE state = 'ready' AND channel = ? ORDER BY tenant LIMIT 1;

-- name: next_tenants
-- The next tenants after a name that have ready messages on a channel: a seek for each of them.
WITH RECURSIVE waiting (tenant) AS (
    SELECT (
        SELECT tenant FROM actorbus_messages
        WHERE state = 'ready' AND channel = :channel AND tenant > :after
        ORDER BY tenant LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT tenant FROM actorbus_messages
        WHERE state = 'ready' AND channel = :channel AND tenant > waiting.tenant
        ORDER BY tenant LIMIT 1
    )
    FROM waiting WHERE waiting.tenant IS NOT NULL
    LIMIT :limit
)
SELECT tenant FROM waiting WHERE tenant IS NOT NULL;

-- name: key_holder
-- Is an ordering key taken, and by which message? NULL: it is parked.
SELECT holder FROM actorbus_keys
WHERE channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?;

-- name: take_key
-- Take a free ordering key.
INSERT INTO actorbus_keys (channel, endpoint, tenant, ordering_key, holder, parked_by)
VALUES (?, ?, ?, ?, ?, NULL);

-- name: hand_key
-- Hand an ordering key over to another message.
UPDATE actorbus_keys SET holder = ?, parked_by = NULL
WHERE channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?;

-- name: park_key
-- Keep an ordering key for what becomes of a dead letter.
UPDATE actorbus_keys SET holder = NULL, parked_by = ?
WHERE channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?;

-- name: free_key
-- Forget an ordering key that nothing is held behind.
DELETE FROM actorbus_keys
WHERE channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?;

-- name: hold_message
-- Hold a message back, which has just become ready, until it is the turn of its ordering key.
UPDATE actorbus_messages SET state = 'held' WHERE sequence = ?;

-- name: first_held
-- Who is next of an ordering key: what was sent first (one seek).
SELECT sequence FROM actorbus_messages
WHERE state = 'held' AND channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?
ORDER BY sequence LIMIT 1;

-- name: followers
-- Messages that are held behind the one in turn of an ordering key, as they lie.
SELECT sequence, epoch, attempts, suspect, ordering_key, for_endpoint, replays, priority, due_at,
    expires_at, enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers,
    iif(length(body) > ?, length(body), body)
FROM actorbus_messages
WHERE state = 'held' AND channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?
ORDER BY sequence LIMIT ?;

-- name: claim_holds
-- Does this claim still hold?
SELECT 1 FROM actorbus_messages WHERE sequence = ? AND epoch = ?;

-- name: delete_follower
-- Settle as handled a message that was held behind one that is.
DELETE FROM actorbus_messages WHERE sequence = ? AND state = 'held';

-- name: let_go
-- Make a message ready whose turn it is.
UPDATE actorbus_messages SET state = 'ready' WHERE sequence = ?;

-- name: keys_parked_by
-- The ordering key that a failed message holds up.
SELECT channel, endpoint, tenant, ordering_key FROM actorbus_keys WHERE parked_by = ?;

-- name: place_of
-- Where a message is now.
SELECT channel, endpoint, tenant, state FROM actorbus_messages WHERE sequence = ?;

-- name: parked_keys
-- The ordering keys that dead letters hold up.
SELECT channel, endpoint, tenant, ordering_key FROM actorbus_keys
WHERE parked_by IN (SELECT copy_id FROM actorbus_dead_letters WHERE {matching});

-- name: parking_letter
-- The dead letter that holds up an ordering key.
SELECT parked_by FROM actorbus_keys
WHERE channel = ? AND endpoint = ? AND tenant = ? AND ordering_key = ?;

-- name: delete_message
-- Settle as handled: the row goes, if the claim still holds.
DELETE FROM actorbus_messages WHERE sequence = ? AND epoch = ?;

-- name: retry_message
-- Settle as failed: wait until due, with the start counted.
UPDATE actorbus_messages
SET state = 'waiting', owner = NULL, epoch = epoch + 1, suspect = 0, attempts = ?, due_at = ?
WHERE sequence = ? AND epoch = ?;

-- name: release_message
-- Give back a claim as if it had not been made.
UPDATE actorbus_messages
SET state = 'ready', owner = NULL, epoch = epoch + 1, attempts = ?
WHERE sequence = ? AND epoch = ?;

-- name: park_message
-- Give back a claim, and hold the message back.
UPDATE actorbus_messages
SET state = 'parked', owner = NULL, epoch = epoch + 1, suspect = 0, attempts = ?, parked_reason = ?
WHERE sequence = ? AND epoch = ?;

-- name: parked
-- What is held back, by queue and reason.
SELECT channel, tenant, endpoint, coalesce(parked_reason, ''), count(*), min(enqueued_at)
FROM actorbus_messages WHERE state = 'parked' AND {matching}
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: unpark
-- Let parked messages go on, in the order of their sending, some at a time.
UPDATE actorbus_messages
SET state = CASE WHEN due_at > :now THEN 'waiting' ELSE 'ready' END, epoch = epoch + 1,
    parked_reason = NULL, channel = coalesce(:to_channel, channel),
    tenant = coalesce(:to_tenant, tenant)
WHERE sequence IN (
    SELECT sequence FROM actorbus_messages WHERE state = 'parked' AND {matching}
    ORDER BY sequence LIMIT :limit
)
RETURNING channel, sequence, endpoint, tenant, ordering_key, state;

-- name: ready_endpoints
-- The endpoints that have ready messages on a channel: a seek for each, and each of its tenants.
WITH RECURSIVE queue (sequence) AS (
    SELECT (
        SELECT sequence FROM actorbus_messages
        WHERE state = 'ready' AND channel = :channel ORDER BY tenant, endpoint LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT sequence FROM actorbus_messages
        WHERE state = 'ready' AND channel = :channel AND (tenant, endpoint) > (
            SELECT tenant, endpoint FROM actorbus_messages WHERE sequence = queue.sequence
        )
        ORDER BY tenant, endpoint LIMIT 1
    )
    FROM queue WHERE queue.sequence IS NOT NULL
)
SELECT DISTINCT endpoint FROM actorbus_messages
WHERE sequence IN (SELECT sequence FROM queue WHERE sequence IS NOT NULL);

-- name: park
-- Hold ready messages back, some at a time.
UPDATE actorbus_messages SET state = 'parked', epoch = epoch + 1, parked_reason = :why
WHERE sequence IN (
    SELECT sequence FROM actorbus_messages WHERE state = 'ready' AND {matching}
    ORDER BY sequence LIMIT :limit
);

-- name: tenants
-- The tenants that have messages on a channel.
SELECT DISTINCT tenant FROM actorbus_messages WHERE channel = ? LIMIT ?;

-- name: release_owned
-- Give back all that a process has, at its orderly end.
UPDATE actorbus_messages
SET state = 'ready', owner = NULL, epoch = epoch + 1, attempts = attempts - suspect
WHERE state = 'claimed' AND owner = ?;

-- name: add_failure
-- Add an attempt to the history of a message.
INSERT INTO actorbus_failures
    (copy_id, attempt, failed_at, exception, exception_message, traceback)
VALUES (?, ?, ?, ?, ?, ?);

-- name: delete_failures
-- Drop the history of a message that was handled in the end.
DELETE FROM actorbus_failures WHERE copy_id = ?;

-- name: bury_message
-- Copy a message to the dead letters, if the claim still holds. One that is dead already under
-- this copy id (a copy that was sent twice) is replaced by the later death.
INSERT OR REPLACE INTO actorbus_dead_letters (
    copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    replays, died_at, priority, enqueued_at, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
)
SELECT copy_id, channel, endpoint, tenant, ?, ?, ?, ?, ?,
    replays, ?, priority, enqueued_at, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
FROM actorbus_messages WHERE sequence = ? AND epoch = ?;

-- name: note_failed
-- Note where a message comes from that an error channel gets, if the claim still holds.
INSERT OR REPLACE INTO actorbus_failed (
    copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    failed_at
)
SELECT copy_id, channel, endpoint, tenant, ?, ?, ?, ?, ?, ?
FROM actorbus_messages WHERE sequence = ? AND epoch = ?;

-- name: insert_failed
-- Note where a message comes from that failed in a synchronous handler.
INSERT OR REPLACE INTO actorbus_failed (
    copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    failed_at
) VALUES (?, '', ?, '', ?, ?, ?, ?, ?, ?);

-- name: divert_message
-- Hand a message to the handler of an error channel, which may take as long as it likes.
UPDATE actorbus_messages
SET state = 'ready', owner = NULL, epoch = epoch + 1, attempts = 0, suspect = 0, due_at = ?,
    expires_at = NULL, channel = ?, endpoint = ?, tenant = ''
WHERE sequence = ? AND epoch = ?;

-- name: send_back
-- Hand a message back to the endpoint that failed, with all its attempts. That of which nothing is
-- known any more, since another copy with its id was settled, stays where it is.
UPDATE actorbus_messages
SET state = ?, owner = NULL, epoch = epoch + 1, attempts = 0, suspect = 0, replays = replays + 1,
    due_at = ?, (channel, endpoint, tenant) = (
        SELECT coalesce(failed.channel, message.channel), coalesce(failed.endpoint, message.endpoint),
            coalesce(failed.tenant, message.tenant)
        FROM actorbus_messages AS message LEFT JOIN actorbus_failed AS failed USING (copy_id)
        WHERE message.sequence = actorbus_messages.sequence
    )
WHERE sequence = ? AND epoch = ?;

-- name: bury_failed
-- Copy a message to the dead letters as that of the endpoint where it failed first; without an
-- exception of the error handler's with the one that it failed with there. What failed in a
-- synchronous handler stays the error handler's: nothing else could take it again. So does
-- that of which nothing is known any more.
INSERT OR REPLACE INTO actorbus_dead_letters (
    copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    replays, died_at, priority, enqueued_at, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
)
SELECT message.copy_id,
    iif(failed.channel <> '', failed.channel, message.channel),
    iif(failed.channel <> '', failed.endpoint, message.endpoint),
    coalesce(failed.tenant, message.tenant), ?,
    coalesce(?, failed.exception), coalesce(?, failed.exception_message),
    coalesce(?, failed.traceback), coalesce(failed.attempts, message.attempts + 1), replays, ?,
    priority, enqueued_at, message_id, type_name, content_type, correlation_id, causation_id,
    timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
FROM actorbus_messages AS message LEFT JOIN actorbus_failed AS failed USING (copy_id)
WHERE sequence = ? AND epoch = ?;

-- name: failed_message
-- Where a message comes from that an error channel has.
SELECT channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    failed_at
FROM actorbus_failed WHERE copy_id = ?;

-- name: delete_failed
-- Forget where a message came from. Of a synchronous handler's it is kept with its dead letter.
DELETE FROM actorbus_failed WHERE copy_id = ? AND (? OR channel <> '');

-- name: delete_failed_of_letters
-- Forget where the dead letters came from that match.
DELETE FROM actorbus_failed
WHERE copy_id IN (SELECT copy_id FROM actorbus_dead_letters WHERE {matching});

-- name: next_due
-- When the next waiting message comes due, when the next unclaimed one expires, whether anything is
-- paused, and how often the supervision of endpoints was changed.
SELECT
    (SELECT min(due_at) FROM actorbus_messages WHERE state = 'waiting'),
    (SELECT min(expires_at) FROM actorbus_messages
     WHERE expires_at IS NOT NULL AND state <> 'claimed'),
    EXISTS (SELECT 1 FROM actorbus_pauses WHERE channel >= ''),
    (SELECT coalesce(sum(version), 0) FROM actorbus_supervision WHERE endpoint >= '');

-- name: promote
-- Make ready what came due.
UPDATE actorbus_messages SET state = 'ready'
WHERE sequence IN (
    SELECT sequence FROM actorbus_messages
    WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at LIMIT ?
)
RETURNING channel, sequence, endpoint, tenant, ordering_key;

-- name: expire
-- Delete messages that are too old to be started.
DELETE FROM actorbus_messages
WHERE sequence IN (
    SELECT sequence FROM actorbus_messages
    WHERE expires_at IS NOT NULL AND state <> 'claimed' AND expires_at <= ?
    ORDER BY expires_at LIMIT ?
)
RETURNING channel, endpoint, tenant, copy_id, attempts + replays, sequence, ordering_key,
    deduplication_key, coalesce(for_endpoint, endpoint);

-- name: count_expired
-- Count dropped messages for their queue.
INSERT INTO actorbus_expired (channel, endpoint, tenant, messages, last_expired_at)
VALUES (?, ?, ?, 1, ?)
ON CONFLICT (channel, endpoint, tenant) DO UPDATE
SET messages = messages + 1, last_expired_at = excluded.last_expired_at;

-- name: pause
-- Note a pause; one that was noted before gives way to it.
INSERT OR REPLACE INTO actorbus_pauses (channel, endpoint, paused_at, until_at, reason)
VALUES (?, ?, ?, ?, ?);

-- name: resume
-- End a pause that holds.
DELETE FROM actorbus_pauses
WHERE channel = ? AND endpoint = ? AND (until_at IS NULL OR until_at > ?);

-- name: pauses
-- What is paused now.
SELECT channel, endpoint, paused_at, until_at, reason FROM actorbus_pauses
WHERE until_at IS NULL OR until_at > ? ORDER BY channel, endpoint;

-- name: end_pauses
-- Forget the pauses whose time is over.
DELETE FROM actorbus_pauses WHERE until_at <= ?;

-- name: register_process
-- Take a lease; a lost one is taken anew with a higher epoch.
INSERT INTO actorbus_processes
    (process_id, bus, host, pid, started_at, boot_id, epoch, lease, expires_boottime, renewed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (process_id) DO UPDATE
SET boot_id = excluded.boot_id, epoch = max(epoch + 1, excluded.epoch), lease = excluded.lease,
    expires_boottime = excluded.expires_boottime, renewed_at = excluded.renewed_at;

-- name: renew_process
-- Renew a lease that is still there.
UPDATE actorbus_processes SET expires_boottime = ?, renewed_at = ?, boot_id = ?
WHERE process_id = ?;

-- name: has_lease
-- Does a process have its lease, and so what it claimed? Who takes that back deletes the row.
SELECT EXISTS (SELECT 1 FROM actorbus_processes WHERE process_id = ?);

-- name: delete_process
-- End a lease.
DELETE FROM actorbus_processes WHERE process_id = ?;

-- name: expired_owners
-- Who has lost its messages: leases that ran out, of an earlier start of the machine, or deleted.
SELECT process_id FROM actorbus_processes WHERE boot_id <> ? OR expires_boottime <= ?
UNION
SELECT DISTINCT owner FROM actorbus_messages
WHERE state = 'claimed' AND owner NOT IN (SELECT process_id FROM actorbus_processes);

-- name: take_back
-- Make ready, as suspects, what an owner had. What waits to be relayed ends no process: its body
-- is not looked at.
UPDATE actorbus_messages
SET state = 'ready', owner = NULL, epoch = epoch + 1, suspect = for_endpoint IS NULL
WHERE state = 'claimed' AND owner = ?
RETURNING channel;

-- name: publish_process
-- Write what a process says of itself.
UPDATE actorbus_processes SET snapshot = ?, snapshot_at = ? WHERE process_id = ?;

-- name: processes
-- All processes, and whether their leases hold.
SELECT process_id, bus, host, pid, started_at, renewed_at,
    boot_id = ? AND expires_boottime > ? AS alive, snapshot, snapshot_at
FROM actorbus_processes ORDER BY started_at, process_id;

-- name: statistics
-- How many messages each queue has in each state, and the time of the oldest. Those that are held
-- behind a dead letter are parked.
SELECT channel, endpoint, tenant,
    CASE WHEN state = 'held' AND EXISTS (
        SELECT 1 FROM actorbus_keys AS keys
        WHERE keys.channel = messages.channel AND keys.endpoint = messages.endpoint
          AND keys.tenant = messages.tenant AND keys.ordering_key = messages.ordering_key
          AND keys.parked_by IS NOT NULL
    ) THEN 'parked' ELSE state END AS state_now,
    count(*), min(enqueued_at)
FROM actorbus_messages AS messages GROUP BY channel, endpoint, tenant, state_now
UNION ALL
SELECT channel, endpoint, tenant, 'dead', count(*), NULL
FROM actorbus_dead_letters GROUP BY channel, endpoint, tenant
UNION ALL
SELECT channel, endpoint, tenant, 'expired', messages, NULL FROM actorbus_expired;

-- name: dead_letters
-- Dead letters that match, oldest first, a page at a time; of bodies the length, if that will do.
SELECT number, copy_id, channel, endpoint, tenant, message_id, type_name, content_type, headers,
    iif(:bodies, body, x'') AS body, length(body) AS body_bytes, correlation_id, causation_id, timestamp, priority, enqueued_at, died_at, reason,
    exception, exception_message, traceback, attempts, replays, deduplication_key, ordering_key,
    for_endpoint
FROM actorbus_dead_letters WHERE {matching} AND number > :after ORDER BY number LIMIT :limit;

-- name: newest_dead_letter
-- The number of the last one that died.
SELECT coalesce(max(number), 0) FROM actorbus_dead_letters;

-- name: dead_letter_groups
-- How many dead letters match, of each kind.
SELECT channel, endpoint, type_name, reason, exception, count(*), min(died_at), max(died_at)
FROM actorbus_dead_letters WHERE {matching}
GROUP BY channel, endpoint, type_name, reason, exception
ORDER BY count(*) DESC, channel, endpoint, type_name, reason, exception LIMIT :limit;

-- name: oldest_dead_letters
-- The numbers of the first ones that match.
SELECT number FROM actorbus_dead_letters WHERE {matching} ORDER BY number LIMIT :limit;

-- name: count_dead_letters
-- How many dead letters match.
SELECT count(*) FROM actorbus_dead_letters WHERE {matching};

-- name: failures
-- The history of a message.
SELECT exception, exception_message, traceback, failed_at, attempt
FROM actorbus_failures WHERE copy_id = ? ORDER BY number;

-- name: revive
-- Send dead letters to their endpoints again: ready at once, with fresh attempts, never expiring.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
)
SELECT 'ready', NULL, 0, 0, 0, replays + 1, priority, :now, NULL, :now,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, ordering_key, for_endpoint, headers, body
FROM actorbus_dead_letters WHERE {matching} ORDER BY number
RETURNING channel, sequence, endpoint, tenant, ordering_key, copy_id;

-- name: delete_histories
-- Drop the histories of the dead letters that match.
DELETE FROM actorbus_failures
WHERE copy_id IN (SELECT copy_id FROM actorbus_dead_letters WHERE {matching});

-- name: delete_dead_letters
-- Drop dead letters that match.
DELETE FROM actorbus_dead_letters WHERE {matching};

-- name: edit_dead_letter
-- Replace the body or headers of a dead letter; NULL keeps them.
UPDATE actorbus_dead_letters SET body = coalesce(?, body), headers = coalesce(?, headers)
WHERE copy_id = ?;

-- name: oldest_sent
-- The keys of the gateway that were noted first.
SELECT number, sent_at FROM actorbus_sent ORDER BY number LIMIT ?;

-- name: forget_sent
-- Forget keys of the gateway, up to one.
DELETE FROM actorbus_sent WHERE number <= ?;

-- name: oldest_handled
-- The keys of the handlers that were noted first.
SELECT number, handled_at FROM actorbus_handled ORDER BY number LIMIT ?;

-- name: forget_handled
-- Forget keys of the handlers, up to one.
DELETE FROM actorbus_handled WHERE number <= ?;

-- name: insert_reply
-- Leave an answer for the process that asked.
INSERT INTO actorbus_replies (
    process_id, query_id, body, exception, exception_message, expires_at
) VALUES (?, ?, ?, ?, ?, ?);

-- name: has_replies
-- Is there an answer for this process?
SELECT 1 FROM actorbus_replies WHERE process_id = ? LIMIT 1;

-- name: take_replies
-- Fetch the oldest answers for a process; they are its own from now on.
DELETE FROM actorbus_replies WHERE number IN (
    SELECT number FROM actorbus_replies WHERE process_id = ? ORDER BY number LIMIT ?
)
RETURNING number, process_id, query_id, body, exception, exception_message, expires_at;

-- name: forget_replies
-- Drop answers that nobody waits for any more.
DELETE FROM actorbus_replies WHERE expires_at < ?;

-- name: read_schema
-- Version and identity of the store.
SELECT version, store_id FROM actorbus_schema;

-- name: has_schema
-- Are there tables of ours in this database?
SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'actorbus_schema';

-- name: write_schema
-- Note the version of tables that were just made.
INSERT INTO actorbus_schema (version, store_id, created_at, migrated_at) VALUES (?, ?, ?, ?);

-- name: migrate_schema
-- Note that a migration was made.
UPDATE actorbus_schema SET version = ?, migrated_at = ?;

-- name: schedules
-- All schedules that were ever planned here and not deleted.
SELECT name, definition, channel, anchor, next_at, fires_at, ticks, last_at, last_fired_at,
    last_fired_by, paused, version
FROM actorbus_schedules ORDER BY name;

-- name: add_schedule
-- Plan a schedule that is not there yet.
INSERT INTO actorbus_schedules (
    name, definition, channel, anchor, next_at, fires_at, ticks, last_at, last_fired_at,
    last_fired_by, paused, version
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: change_schedule
-- Write what a schedule is now, unless somebody has changed it since it was read.
UPDATE actorbus_schedules SET definition = ?, channel = ?, anchor = ?, next_at = ?, fires_at = ?,
    ticks = ?, last_at = ?, last_fired_at = ?, last_fired_by = ?, paused = ?, version = ?
WHERE name = ? AND version = ?;

-- name: delete_schedule
-- Forget a schedule.
DELETE FROM actorbus_schedules WHERE name = ?;

-- name: schema_times
-- When the store was made, and when it reached its version.
SELECT created_at, migrated_at FROM actorbus_schema;

-- name: our_tables
-- The tables of ours that are there, by name.
SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'actorbus\_%' ESCAPE '\' ORDER BY name;

-- name: inbox
-- Which of a broker's messages are known, and is somebody who lives handling them?
SELECT wanted.key, handled.owner, handled.owner IN (SELECT process_id FROM actorbus_processes)
FROM json_each(?) AS wanted
JOIN actorbus_handled AS handled
    ON handled.endpoint = wanted.value ->> 0 AND handled.key = wanted.value ->> 1;

-- name: note_running
-- Note who handles a broker's message; not if it is done, or somebody else who lives has it.
INSERT INTO actorbus_handled (endpoint, key, handled_at, owner) VALUES (?, ?, ?, ?)
ON CONFLICT (endpoint, key) DO UPDATE SET owner = excluded.owner, handled_at = excluded.handled_at
WHERE owner = excluded.owner OR owner NOT IN (SELECT process_id FROM actorbus_processes);

-- name: note_done
-- Note that a broker's message is done; no row is changed if it was, or is another process's.
INSERT INTO actorbus_handled (endpoint, key, handled_at) VALUES (?, ?, ?)
ON CONFLICT (endpoint, key) DO UPDATE SET owner = NULL, handled_at = excluded.handled_at
WHERE owner = ?;

-- name: note_done_anyway
-- Note that a broker's message is done, whoever handles it; no row is changed if it was.
INSERT INTO actorbus_handled (endpoint, key, handled_at) VALUES (?, ?, ?)
ON CONFLICT (endpoint, key) DO UPDATE SET owner = NULL, handled_at = excluded.handled_at
WHERE owner IS NOT NULL;

-- name: note_not_begun
-- A broker's message is not being handled after all.
DELETE FROM actorbus_handled WHERE endpoint = ? AND key = ? AND owner = ?;

-- name: note_begun
-- Note how far a partition's messages may have been begun.
INSERT INTO actorbus_partitions (group_name, topic, partition, owner, begun_to, noted_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (group_name, topic, partition) DO UPDATE
SET owner = excluded.owner, begun_to = excluded.begun_to, noted_at = excluded.noted_at;

-- name: begun
-- How far processes came that did not hand their partitions over.
SELECT topic, partition, begun_to FROM actorbus_partitions WHERE group_name = ? AND owner <> ?;

-- name: handed_over
-- A partition was handed over in order.
DELETE FROM actorbus_partitions
WHERE group_name = ? AND topic = ? AND partition = ? AND owner = ?;

-- name: keys_stored
-- Which of these ordering keys have messages here, or are parked?
SELECT wanted.key FROM json_each(?) AS wanted
WHERE EXISTS (
    SELECT 1 FROM actorbus_keys AS line
    WHERE line.channel = wanted.value ->> 0 AND line.endpoint = wanted.value ->> 1
      AND line.tenant = wanted.value ->> 2 AND line.ordering_key = wanted.value ->> 3
) OR EXISTS (
    SELECT 1 FROM actorbus_messages AS message
    WHERE message.state IN ('waiting', 'parked') AND message.ordering_key = wanted.value ->> 3
      AND message.channel = wanted.value ->> 0 AND message.endpoint = wanted.value ->> 1
);

-- name: adopt_message
-- Store a broker's message.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers, body, ordering_key
) VALUES (?, ?, 0, 0, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: supervision
-- What was set of the supervision of endpoints, and of whom it was reset.
SELECT endpoint, settings, changed_at, changed_by, reason, version
FROM actorbus_supervision ORDER BY endpoint;

-- name: add_supervision
-- Set the supervision of an endpoint for the first time.
INSERT INTO actorbus_supervision (endpoint, settings, changed_at, changed_by, reason, version)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: change_supervision
-- Set it again, unless somebody has changed it since it was read.
UPDATE actorbus_supervision
SET settings = ?, changed_at = ?, changed_by = ?, reason = ?, version = ?
WHERE endpoint = ? AND version = ?;

-- name: note_supervision_change
-- Keep a change in the history.
INSERT INTO actorbus_supervision_changes (
    endpoint, version, old_settings, new_settings, changed_at, changed_by, reason
)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: supervision_changes
-- The history of one endpoint, or ('') of all, the newest first.
SELECT endpoint, version, old_settings, new_settings, changed_at, changed_by, reason
FROM actorbus_supervision_changes
WHERE ? IN ('', endpoint)
ORDER BY changed_at DESC, endpoint, version DESC LIMIT ?;
