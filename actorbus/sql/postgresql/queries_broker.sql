-- name: holds_lease
-- Whether nobody has taken back what a process has; nobody does until the transaction ends.
SELECT 1 FROM actorbus_processes WHERE process_id = $1 FOR SHARE;

-- name: inbox
-- Which of a broker's messages are known, and is somebody who lives handling them?
SELECT given.place - 1, handled.owner, process.process_id IS NOT NULL
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (endpoint, key, place)
JOIN actorbus_handled AS handled USING (endpoint, key)
LEFT JOIN actorbus_processes AS process ON process.process_id = handled.owner;

-- name: note_running
-- Note who handles a broker's messages; not if they are done, or somebody else who lives has them.
INSERT INTO actorbus_handled (endpoint, key, handled_at, owner)
SELECT endpoint, key, actorbus_now(), $3
FROM unnest($1::text[], $2::text[]) AS given (endpoint, key) ORDER BY endpoint, key
ON CONFLICT (endpoint, key) DO UPDATE
SET owner = excluded.owner, handled_at = excluded.handled_at
WHERE actorbus_handled.owner = excluded.owner OR (
    actorbus_handled.owner IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM actorbus_processes WHERE process_id = actorbus_handled.owner
    )
)
RETURNING endpoint, key;

-- name: note_owner_gone
-- Forget that processes were handling a broker's messages that have ended.
DELETE FROM actorbus_handled AS handled
USING unnest($1::text[], $2::text[]) AS given (endpoint, key)
WHERE handled.endpoint = given.endpoint AND handled.key = given.key
  AND handled.owner IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM actorbus_processes WHERE process_id = handled.owner
);

-- name: note_done
-- Note that a broker's messages are done; those that were, or are another process's, are left out.
INSERT INTO actorbus_handled (endpoint, key, handled_at)
SELECT endpoint, key, actorbus_now()
FROM unnest($1::text[], $2::text[]) AS given (endpoint, key) ORDER BY endpoint, key
ON CONFLICT (endpoint, key) DO UPDATE SET owner = NULL, handled_at = excluded.handled_at
WHERE actorbus_handled.owner = $3
RETURNING endpoint, key;

-- name: note_done_anyway
-- Note that a broker's messages are done, whoever handles them; those that were are left out.
INSERT INTO actorbus_handled (endpoint, key, handled_at)
SELECT endpoint, key, actorbus_now()
FROM unnest($1::text[], $2::text[]) AS given (endpoint, key) ORDER BY endpoint, key
ON CONFLICT (endpoint, key) DO UPDATE SET owner = NULL, handled_at = excluded.handled_at
WHERE actorbus_handled.owner IS NOT NULL
RETURNING endpoint, key;

-- name: note_not_begun
-- A broker's messages are not being handled after all.
DELETE FROM actorbus_handled AS handled
USING unnest($1::text[], $2::text[]) AS given (endpoint, key)
WHERE handled.endpoint = given.endpoint AND handled.key = given.key AND handled.owner = $3;

-- name: note_begun
-- Note how far partitions' messages may have been begun.
INSERT INTO actorbus_partitions (group_name, topic, partition, owner, begun_to, noted_at)
SELECT $4, topic, partition, $5, begun_to, actorbus_now()
FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS given (topic, partition, begun_to)
ORDER BY topic, partition
ON CONFLICT (group_name, topic, partition) DO UPDATE
SET owner = excluded.owner, begun_to = excluded.begun_to, noted_at = excluded.noted_at;

-- name: begun
-- How far processes came that did not hand their partitions over.
SELECT topic, partition, begun_to FROM actorbus_partitions WHERE group_name = $1 AND owner <> $2;

-- name: handed_over
-- Partitions were handed over in order.
DELETE FROM actorbus_partitions AS noted
USING unnest($1::text[], $2::integer[]) AS given (topic, partition)
WHERE noted.group_name = $3 AND noted.topic = given.topic AND noted.partition = given.partition
  AND noted.owner = $4;

-- name: keys_stored
-- Which of these ordering keys have messages here, or are parked?
SELECT wanted.place
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS wanted (place, channel, endpoint, tenant, ordering_key)
WHERE EXISTS (
    SELECT 1 FROM actorbus_keys AS line
    WHERE line.channel = wanted.channel AND line.endpoint = wanted.endpoint
      AND line.tenant = wanted.tenant AND line.ordering_key = wanted.ordering_key
) OR EXISTS (
    SELECT 1 FROM actorbus_messages AS message
    WHERE message.state IN ('waiting', 'parked') AND message.ordering_key = wanted.ordering_key
      AND message.channel = wanted.channel AND message.endpoint = wanted.endpoint
);

-- name: adopt_messages
-- Store a broker's messages, in this order; return their numbers.
INSERT INTO actorbus_messages (
    state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at, enqueued_at,
    copy_id, channel, endpoint, tenant, message_id, type_name, content_type, correlation_id,
    causation_id, timestamp, deduplication_key, on_failure, headers, body, ordering_key
)
SELECT $1, $2, 0, 0, suspect, 0, 0, due_at, expires_at, enqueued_at, copy_id, channel, endpoint,
    tenant, message_id, type_name, content_type, correlation_id, causation_id, timestamp,
    deduplication_key, on_failure, headers, body, ordering_key
FROM unnest(
    $3::boolean[], $4::double precision[], $5::double precision[], $6::double precision[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::text[], $15::text[], $16::double precision[], $17::text[], $18::text[], $19::text[],
    $20::bytea[], $21::text[]
) WITH ORDINALITY AS given (
    suspect, due_at, expires_at, enqueued_at, copy_id, channel, endpoint, tenant, message_id,
    type_name, content_type, correlation_id, causation_id, timestamp, deduplication_key,
    on_failure, headers, body, ordering_key, place
)
ORDER BY place
RETURNING sequence;

-- name: take_keys
-- Put messages in turn whose ordering keys are free.
INSERT INTO actorbus_keys (channel, endpoint, tenant, ordering_key, holder)
SELECT channel, endpoint, tenant, ordering_key, holder
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS given (channel, endpoint, tenant, ordering_key, holder)
ORDER BY channel, endpoint, tenant, ordering_key, holder
ON CONFLICT (channel, endpoint, tenant, ordering_key) DO NOTHING;
