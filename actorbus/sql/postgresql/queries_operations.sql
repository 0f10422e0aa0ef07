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
    CASE WHEN $1::boolean THEN body ELSE '' END AS body, octet_length(body) AS body_bytes,
    correlation_id, causation_id, timestamp, priority, enqueued_at, died_at, reason, exception,
    exception_message, traceback, attempts, replays, deduplication_key, ordering_key, for_endpoint
FROM actorbus_dead_letters WHERE number > $2 AND {matching} ORDER BY number LIMIT $3;

-- name: newest_dead_letter
-- The number of the last one that died.
SELECT coalesce(max(number), 0) FROM actorbus_dead_letters;

-- name: dead_letter_groups
-- How many dead letters match, of each kind.
SELECT channel, endpoint, type_name, reason, exception, count(*), min(died_at), max(died_at)
FROM actorbus_dead_letters WHERE {matching}
GROUP BY channel, endpoint, type_name, reason, exception
ORDER BY count(*) DESC, channel, endpoint, type_name, reason, exception LIMIT $1;

-- name: count_dead_letters
-- How many dead letters match.
SELECT count(*) FROM actorbus_dead_letters WHERE {matching};

-- name: revive
-- Send the oldest dead letters that match to their endpoints again: ready at once, with fresh
-- attempts, never expiring. Who replays the same ones meanwhile waits, and finds them gone.
WITH clock AS MATERIALIZED (SELECT actorbus_now() AS now),
dead AS (
    DELETE FROM actorbus_dead_letters WHERE number = ANY (ARRAY (
        SELECT number FROM actorbus_dead_letters WHERE number > $2 AND {matching}
        ORDER BY number LIMIT $1 FOR UPDATE
    ))
    RETURNING *
),
revived AS (
    INSERT INTO actorbus_messages (
        state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at,
        copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
        causation_id, timestamp, deduplication_key, on_failure, ordering_key, headers, body,
        for_endpoint
    )
    SELECT 'ready', NULL, 0, 0, FALSE, replays + 1, priority, clock.now, NULL, clock.now,
        copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
        causation_id, timestamp, deduplication_key, on_failure, ordering_key, headers, body,
        for_endpoint
    FROM dead, clock ORDER BY number
    RETURNING sequence, channel, ordering_key IS NOT NULL AS is_in_line
)
SELECT sequence, channel, is_in_line, (SELECT max(number) FROM dead) FROM revived;

-- name: delete_dead_letters
-- Drop the oldest dead letters that match, their histories, and where they came from.
WITH gone AS (
    DELETE FROM actorbus_dead_letters WHERE number = ANY (ARRAY (
        SELECT number FROM actorbus_dead_letters WHERE number > $2 AND {matching}
        ORDER BY number LIMIT $1 FOR UPDATE
    ))
    RETURNING copy_id, number
),
histories AS (
    DELETE FROM actorbus_failures USING gone WHERE actorbus_failures.copy_id = gone.copy_id
),
origins AS (
    DELETE FROM actorbus_failed USING gone WHERE actorbus_failed.copy_id = gone.copy_id
)
SELECT copy_id, number FROM gone;

-- name: line_up_again
-- Let messages that have become ready take their ordering keys, or hold them.
SELECT actorbus_line_up($1::bigint[]);

-- name: let_lines_go_on
-- Let go on what waited for dead letters that are gone; the channels that have work now.
SELECT actorbus_unpark_keys($1::text[]);

-- name: edit_dead_letter
-- Replace the body or headers of a dead letter; NULL keeps them.
UPDATE actorbus_dead_letters SET body = coalesce($1, body), headers = coalesce($2, headers)
WHERE copy_id = $3;

-- name: add_failures
-- Add attempts to the histories of messages, in this order.
INSERT INTO actorbus_failures
    (copy_id, attempt, failed_at, exception, exception_message, traceback)
SELECT copy_id, attempt, failed_at, exception, exception_message, traceback
FROM unnest($1::text[], $2::integer[], $3::double precision[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY
    AS given (copy_id, attempt, failed_at, exception, exception_message, traceback, place)
ORDER BY place;

-- name: delete_failures
-- Drop the histories of messages that were handled in the end.
DELETE FROM actorbus_failures WHERE copy_id = ANY ($1::text[]);

-- name: failures
-- The history of a message.
SELECT exception, exception_message, traceback, failed_at, attempt
FROM actorbus_failures WHERE copy_id = $1 ORDER BY number;

-- name: divert_messages
-- Hand messages to handlers of error channels; those whose claims still hold.
SELECT actorbus_divert($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: send_back
-- Hand messages back to the endpoints that failed.
SELECT actorbus_send_back($1, $2, $3);

-- name: drop_failed
-- Drop messages that their error handlers are done with.
SELECT actorbus_drop_failed($1, $2);

-- name: bury_failed
-- Move messages to the dead letters as those of the endpoints where they failed first.
SELECT sequence, endpoint FROM actorbus_bury_failed($1, $2, $3, $4, $5, $6);

-- name: note_failed
-- Note where messages come from that failed in a synchronous handler.
INSERT INTO actorbus_failed (
    copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    failed_at
)
SELECT copy_id, '', endpoint, '', reason, exception, exception_message, traceback, attempts,
    failed_at
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[],
    $8::double precision[]
) AS given (
    copy_id, endpoint, reason, exception, exception_message, traceback, attempts, failed_at
)
ON CONFLICT (copy_id) DO UPDATE SET
    channel = excluded.channel, endpoint = excluded.endpoint, tenant = excluded.tenant,
    reason = excluded.reason, exception = excluded.exception,
    exception_message = excluded.exception_message, traceback = excluded.traceback,
    attempts = excluded.attempts, failed_at = excluded.failed_at;

-- name: failed_message
-- Where a message comes from that an error channel has.
SELECT channel, endpoint, tenant, reason, exception, exception_message, traceback, attempts,
    failed_at
FROM actorbus_failed WHERE copy_id = $1;

-- name: parked
-- What is held back, by queue and reason.
SELECT channel, tenant, endpoint, coalesce(parked_reason, '') AS reason, count(*) AS count,
    min(enqueued_at) AS oldest_enqueued_at
FROM actorbus_messages WHERE state = 'parked' AND {matching}
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: parked_lines
-- The ordering keys of the parked messages that go on next, as they will lie.
SELECT DISTINCT coalesce($1::text, channel), endpoint, coalesce($2::text, tenant), ordering_key
FROM (
    SELECT channel, endpoint, tenant, ordering_key FROM actorbus_messages
    WHERE state = 'parked' AND {matching} ORDER BY sequence LIMIT $3
) AS following
WHERE ordering_key IS NOT NULL;

-- name: unpark
-- Let parked messages go on, in the order of their sending, some at a time.
UPDATE actorbus_messages
SET state = CASE WHEN due_at > actorbus_now() THEN 'waiting' ELSE 'ready' END, epoch = epoch + 1,
    parked_reason = NULL, channel = coalesce($1, channel), tenant = coalesce($2, tenant)
WHERE sequence = ANY (ARRAY (
    SELECT sequence FROM actorbus_messages WHERE state = 'parked' AND {matching}
    ORDER BY sequence LIMIT $3 FOR UPDATE
))
RETURNING sequence, channel, ordering_key IS NOT NULL AND state = 'ready';

-- name: ready_endpoints
-- The endpoints that have ready messages on a channel: a seek for each, and each of its tenants.
WITH RECURSIVE queue AS (
    (
        SELECT tenant, endpoint FROM actorbus_messages
        WHERE state = 'ready' AND channel = $1 ORDER BY tenant, endpoint LIMIT 1
    )
    UNION ALL
    SELECT following.tenant, following.endpoint FROM queue, LATERAL (
        SELECT tenant, endpoint FROM actorbus_messages
        WHERE state = 'ready' AND channel = $1
          AND (tenant, endpoint) > (queue.tenant, queue.endpoint)
        ORDER BY tenant, endpoint LIMIT 1
    ) AS following
)
SELECT DISTINCT endpoint FROM queue;

-- name: park
-- Hold ready messages back that nobody is claiming, some at a time.
UPDATE actorbus_messages SET state = 'parked', epoch = epoch + 1, parked_reason = $1
WHERE sequence = ANY (ARRAY (
    SELECT sequence FROM actorbus_messages WHERE state = 'ready' AND {matching}
    ORDER BY sequence LIMIT $2 FOR UPDATE SKIP LOCKED
));

-- name: tenants
-- The tenants that have messages on a channel.
SELECT DISTINCT tenant FROM actorbus_messages WHERE channel = $1 LIMIT $2;

-- name: pause
-- Note a pause; one that was noted before gives way to it.
INSERT INTO actorbus_pauses (channel, endpoint, paused_at, until_at, reason)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (channel, endpoint) DO UPDATE SET
    paused_at = excluded.paused_at, until_at = excluded.until_at, reason = excluded.reason;

-- name: resume
-- End a pause that holds.
DELETE FROM actorbus_pauses
WHERE channel = $1 AND endpoint = $2 AND (until_at IS NULL OR until_at > actorbus_now());

-- name: pauses
-- What is paused now.
SELECT channel, endpoint, paused_at, until_at, reason FROM actorbus_pauses
WHERE until_at IS NULL OR until_at > actorbus_now() ORDER BY channel, endpoint;

-- name: end_pauses
-- Forget the pauses whose time is over.
DELETE FROM actorbus_pauses WHERE until_at <= actorbus_now();

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
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING;

-- name: change_schedule
-- Write what a schedule is now, unless somebody has changed it since it was read.
UPDATE actorbus_schedules SET definition = $1, channel = $2, anchor = $3, next_at = $4,
    fires_at = $5, ticks = $6, last_at = $7, last_fired_at = $8, last_fired_by = $9, paused = $10,
    version = $11
WHERE name = $12 AND version = $13;

-- name: delete_schedule
-- Forget a schedule.
DELETE FROM actorbus_schedules WHERE name = $1;

-- name: insert_replies
-- Leave answers for the processes that asked, in this order.
INSERT INTO actorbus_replies (
    process_id, query_id, body, exception, exception_message, expires_at
)
SELECT process_id, query_id, body, exception, exception_message, expires_at
FROM unnest(
    $1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::double precision[]
) WITH ORDINALITY AS given (
    process_id, query_id, body, exception, exception_message, expires_at, place
)
ORDER BY place;

-- name: take_replies
-- Fetch the oldest answers for a process; they are its own from now on.
WITH taken AS (
    DELETE FROM actorbus_replies WHERE number = ANY (ARRAY (
        SELECT number FROM actorbus_replies WHERE process_id = $1
        ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
    RETURNING *
)
SELECT process_id, query_id, body, exception, exception_message, expires_at
FROM taken ORDER BY number;

-- name: forget_replies
-- Drop some answers that nobody waits for any more.
DELETE FROM actorbus_replies WHERE number = ANY (ARRAY (
    SELECT number FROM actorbus_replies WHERE expires_at < actorbus_now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
));

-- name: remembered
-- How many keys are remembered, and since when.
SELECT
    (SELECT count(*) FROM actorbus_sent),
    (SELECT count(*) FROM actorbus_handled),
    least(
        (SELECT sent_at FROM actorbus_sent ORDER BY number LIMIT 1),
        (SELECT handled_at FROM actorbus_handled ORDER BY number LIMIT 1)
    );

-- name: forget_sent
-- Forget keys of the gateway, of those that were noted first behind a number. No index has their
-- times: only the head of the table is looked at. How many are gone, and the last of them.
WITH gone AS (
    DELETE FROM actorbus_sent WHERE number = ANY (ARRAY (
        SELECT number FROM actorbus_sent WHERE number = ANY (ARRAY (
            SELECT number FROM (
                SELECT number, sent_at FROM actorbus_sent
                WHERE number > $3 ORDER BY number LIMIT $2
            ) AS oldest WHERE sent_at < actorbus_now() - $1::double precision
        ))
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING number
)
SELECT count(*), coalesce(max(number), $3) FROM gone;

-- name: forget_handled
-- Forget keys of the handlers in the same way.
WITH gone AS (
    DELETE FROM actorbus_handled WHERE number = ANY (ARRAY (
        SELECT number FROM actorbus_handled WHERE number = ANY (ARRAY (
            SELECT number FROM (
                SELECT number, handled_at FROM actorbus_handled
                WHERE number > $3 ORDER BY number LIMIT $2
            ) AS oldest WHERE handled_at < actorbus_now() - $1::double precision
        ))
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING number
)
SELECT count(*), coalesce(max(number), $3) FROM gone;

-- name: supervision
-- What was set of the supervision of endpoints, and of whom it was reset.
SELECT endpoint, settings, changed_at, changed_by, reason, version
FROM actorbus_supervision ORDER BY endpoint;

-- name: add_supervision
-- Set the supervision of an endpoint for the first time.
INSERT INTO actorbus_supervision (endpoint, settings, changed_at, changed_by, reason, version)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: change_supervision
-- Set it again, unless somebody has changed it since it was read.
UPDATE actorbus_supervision
SET settings = $1, changed_at = $2, changed_by = $3, reason = $4, version = $5
WHERE endpoint = $6 AND version = $7;

-- name: note_supervision_change
-- Keep a change in the history.
INSERT INTO actorbus_supervision_changes (
    endpoint, version, old_settings, new_settings, changed_at, changed_by, reason
)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: supervision_changes
-- The history of one endpoint, or ('') of all, the newest first.
SELECT endpoint, version, old_settings, new_settings, changed_at, changed_by, reason
FROM actorbus_supervision_changes
WHERE $1 IN ('', endpoint)
ORDER BY changed_at DESC, endpoint, version DESC LIMIT $2;
