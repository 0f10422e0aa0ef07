-- name: insert_plain
-- Store copies without anything special, ready at once, in this order.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, enqueued_at, copy_id, channel,
    endpoint, tenant, message_id, type_name, content_type, headers, body, correlation_id,
    causation_id, timestamp, for_endpoint
)
SELECT 'ready', NULL, 0, 0, FALSE, 0, priority, now, now, copy_id, channel, endpoint, tenant,
    message_id, type_name, content_type, headers, body, correlation_id, causation_id, timestamp,
    for_endpoint
FROM (SELECT actorbus_now() AS now OFFSET 0) AS clock, unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bytea[], $10::text[], $11::text[], $12::double precision[], $13::integer[], $14::text[]
) AS given (
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, headers, body,
    correlation_id, causation_id, timestamp, priority, for_endpoint
);

-- name: insert_one
-- The same for one copy: arrays cost more than it does.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, enqueued_at, copy_id, channel,
    endpoint, tenant, message_id, type_name, content_type, headers, body, correlation_id,
    causation_id, timestamp, for_endpoint
)
SELECT 'ready', NULL, 0, 0, FALSE, 0, $13, now, now, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
    $12, $14
FROM (SELECT actorbus_now() AS now OFFSET 0) AS clock;

-- name: append
-- Store copies: ready, waiting, held or parked; once per deduplication key.
SELECT stored, ready FROM actorbus_append(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22
);

-- name: claim
-- Claim ready messages for demands.
SELECT * FROM actorbus_claim($1, $2, $3::jsonb);

-- name: waiting_tenants
-- Tenants that have ready messages on a channel.
SELECT actorbus_waiting_tenants($1, $2, $3);

-- name: acknowledge
-- Settle as handled.
SELECT stale, ready FROM actorbus_acknowledge($1, $2);

-- name: acknowledge_runs
-- Settle as handled, with followers.
SELECT stale, ready FROM actorbus_acknowledge_runs($1, $2, $3, $4);

-- name: followers
-- What is held behind messages in turn, as it lies.
SELECT run, (message).sequence, (message).epoch, (message).attempts, (message).suspect,
    (message).replays, (message).priority, (message).due_at, (message).expires_at,
    (message).enqueued_at, (message).copy_id, (message).channel, (message).endpoint,
    (message).tenant, (message).message_id, (message).type_name, (message).content_type,
    (message).correlation_id, (message).causation_id, (message).timestamp,
    (message).deduplication_key, (message).on_failure, (message).headers,
    CASE WHEN octet_length((message).body) > $6 THEN '' ELSE (message).body END, FALSE,
    (message).ordering_key,
    CASE WHEN octet_length((message).body) > $6 THEN octet_length((message).body) ELSE 0 END,
    (message).for_endpoint
FROM actorbus_followers($1, $2, $3, $4, $5);

-- name: release
-- Give back as if it had not been claimed.
SELECT stale, ready FROM actorbus_release($1, $2, $3);

-- name: retry
-- Settle as failed: wait until due, with the start counted.
SELECT stale, ready FROM actorbus_retry($1, $2, $3, $4, $5);

-- name: park_claimed
-- Give back, and hold back.
SELECT stale, ready FROM actorbus_park($1, $2, $3, $4);

-- name: expire_claimed
-- Settle as too old to be started.
SELECT stale, ready FROM actorbus_expire_claimed($1, $2);

-- name: bury
-- Settle as failed for good: move to the dead letters.
SELECT stale, ready FROM actorbus_bury($1, $2, $3, $4, $5, $6, $7, $8);

-- name: after_death
-- What follows from the deaths of messages of error channels.
SELECT actorbus_after_death(actorbus_gone_of($1, $2, $3, $4, $5, $6, $7, $8), $9);

-- name: leave_or_park
-- Give up turns, or keep their keys.
SELECT actorbus_leave_or_park(
    actorbus_gone_of(
        $1::bigint[], $2, $3, $4, $5, $6, array_fill(NULL::text, ARRAY[cardinality($1::bigint[])]),
        array_fill(NULL::text, ARRAY[cardinality($1::bigint[])])
    ), $7
);

-- name: lock_lines
-- Lock the rows of ordering keys, in their order.
SELECT cardinality(actorbus_lock_keys(ARRAY(
    SELECT ROW(channel, endpoint, tenant, ordering_key, NULL, NULL)::actorbus_keys
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        AS line (channel, endpoint, tenant, ordering_key)
)));

-- name: line_up
-- Let messages that have become ready take their ordering keys, or hold them.
SELECT actorbus_line_up($1);

-- name: unpark_keys
-- Let go on what waits for failed messages that are done with.
SELECT actorbus_unpark_keys($1);

-- name: remember_handled
-- Note a key in the handler's transaction; nothing comes back if it was there.
INSERT INTO actorbus_handled (endpoint, key, handled_at) VALUES ($1, $2, actorbus_now())
ON CONFLICT (endpoint, key) DO NOTHING
RETURNING number;

-- name: next_due
-- When something is next to be done.
SELECT comes_due, expires, any_paused, now, passed, seconds FROM actorbus_next_due($1, $2);

-- name: promote
-- Make ready what came due.
SELECT actorbus_promote($1, $2);

-- name: expire
-- Delete what is too old to be started.
SELECT expired, ready FROM actorbus_expire($1, $2);

-- name: register_process
-- Take a lease; a lost one is taken anew with a higher epoch.
INSERT INTO actorbus_processes AS p
    (process_id, bus, host, pid, started_at, epoch, lease, expires_at, renewed_at)
SELECT $1, $2, $3, $4, now, $5, $6, now + $6, now
FROM (SELECT actorbus_now() AS now OFFSET 0) AS clock
ON CONFLICT (process_id) DO UPDATE
SET epoch = greatest(p.epoch + 1, excluded.epoch), lease = excluded.lease,
    expires_at = excluded.expires_at, renewed_at = excluded.renewed_at;

-- name: renew_process
-- Renew a lease that is still there.
UPDATE actorbus_processes SET expires_at = now + lease, renewed_at = now
FROM (SELECT actorbus_now() AS now OFFSET 0) AS clock
WHERE process_id = $1
RETURNING process_id;

-- name: delete_process
-- End a lease.
DELETE FROM actorbus_processes WHERE process_id = $1;

-- name: release_owned
-- Give back all that a process has, at its orderly end.
UPDATE actorbus_messages
SET state = 'ready', owner = NULL, epoch = epoch + 1, attempts = attempts - suspect::integer
WHERE state = 'claimed' AND owner = $1
RETURNING channel;

-- name: expired_owners
-- Who has lost its messages.
SELECT actorbus_expired_owners($1);

-- name: take_back
-- Make ready, as suspects, what an owner had.
SELECT taken, ready FROM actorbus_take_back($1);

-- name: publish_process
-- Write what a process says of itself.
UPDATE actorbus_processes SET snapshot = $2, snapshot_at = actorbus_now() WHERE process_id = $1;

-- name: processes
-- All processes, and whether their leases hold.
SELECT process_id, bus, host, pid, started_at, renewed_at, expires_at > actorbus_now() AS alive,
    snapshot, snapshot_at
FROM actorbus_processes ORDER BY started_at, process_id;
