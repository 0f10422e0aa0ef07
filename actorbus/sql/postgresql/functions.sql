-- What is done to messages in one round trip: each function is one step of a store.
--
-- Their settings keep every plan on the indexes, also when a table has just grown a thousandfold and
-- nothing was analysed yet, or when a plan was made while it was empty.
--
-- Order of locks, so that no two steps wait for each other:
--   1. the process (advisory), 2. rows of actorbus_keys, sorted by key, 3. rows of actorbus_messages.
-- A message that somebody has claimed is changed by its owner only, or skipped while it is locked.
-- Held messages are changed by who has locked the row of their key.


-- A message whose row is gone, and what has to be done because of that. `sent_to` is the endpoint
-- under which its deduplication key was noted.
DROP TYPE IF EXISTS actorbus_gone CASCADE;
CREATE TYPE actorbus_gone AS (
    sequence BIGINT, channel TEXT, endpoint TEXT, tenant TEXT, ordering_key TEXT, copy_id TEXT,
    sent_to TEXT, deduplication_key TEXT
);


-- ---------------------------------------------------------------------------------- ordering keys

-- Put the next ones in turn of keys whose rows are locked, or free the keys; return the channels
-- that have work now.
CREATE OR REPLACE FUNCTION actorbus_pass_on(p_lines actorbus_keys[]) RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ready TEXT[];
BEGIN
    WITH following AS MATERIALIZED (
        SELECT line.channel, line.endpoint, line.tenant, line.ordering_key, (
            SELECT sequence FROM actorbus_messages
            WHERE state = 'held' AND channel = line.channel AND endpoint = line.endpoint
              AND tenant = line.tenant AND ordering_key = line.ordering_key
            ORDER BY sequence LIMIT 1
        ) AS sequence
        FROM unnest(p_lines) AS line
    ), freed AS (
        DELETE FROM actorbus_keys AS k USING following AS f
        WHERE f.sequence IS NULL AND k.channel = f.channel AND k.endpoint = f.endpoint
          AND k.tenant = f.tenant AND k.ordering_key = f.ordering_key
    ), handed AS (
        UPDATE actorbus_keys AS k SET holder = f.sequence, parked_by = NULL FROM following AS f
        WHERE f.sequence IS NOT NULL AND k.channel = f.channel AND k.endpoint = f.endpoint
          AND k.tenant = f.tenant AND k.ordering_key = f.ordering_key
    ), let_go AS (
        UPDATE actorbus_messages AS m SET state = 'ready' FROM following AS f
        WHERE m.sequence = f.sequence
        RETURNING m.channel
    )
    SELECT coalesce(array_agg(DISTINCT channel), '{}') INTO ready FROM let_go;
    RETURN ready;
END $$;


-- Lock the rows of keys, in the one order in which that is always done; those that are not there
-- are left out. A transaction that sends and settles messages with keys does this first, for all.
CREATE OR REPLACE FUNCTION actorbus_lock_keys(p_lines actorbus_keys[]) RETURNS actorbus_keys[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(
        SELECT k FROM actorbus_keys AS k JOIN (
            SELECT DISTINCT channel, endpoint, tenant, ordering_key FROM unnest(p_lines)
        ) AS line USING (channel, endpoint, tenant, ordering_key)
        ORDER BY k.channel, k.endpoint, k.tenant, k.ordering_key
        FOR UPDATE OF k
    );
END $$;


-- Give up the turns of messages (`holder`) that have left their lines; those that had none are left
-- out. Return the channels that have work now.
CREATE OR REPLACE FUNCTION actorbus_leave(p_turns actorbus_keys[]) RETURNS TEXT[]
LANGUAGE plpgsql AS $$
DECLARE
    held actorbus_keys[];
BEGIN
    IF coalesce(cardinality(p_turns), 0) = 0 THEN
        RETURN '{}';
    END IF;
    held := actorbus_lock_keys(p_turns);
    RETURN actorbus_pass_on(ARRAY(
        SELECT k FROM unnest(held) AS k WHERE EXISTS (
            SELECT FROM unnest(p_turns) AS t
            WHERE t.holder = k.holder AND t.channel = k.channel AND t.endpoint = k.endpoint
              AND t.tenant = k.tenant AND t.ordering_key = k.ordering_key
        )
    ));
END $$;


-- Let go on what waits for dead letters that are done with; return the channels that have work now.
CREATE OR REPLACE FUNCTION actorbus_unpark_keys(p_copy_ids TEXT[]) RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    lines actorbus_keys[];
BEGIN
    lines := ARRAY(
        SELECT k FROM actorbus_keys AS k WHERE k.parked_by = ANY(p_copy_ids)
        ORDER BY k.channel, k.endpoint, k.tenant, k.ordering_key
        FOR UPDATE
    );
    IF cardinality(lines) = 0 THEN
        RETURN '{}';
    END IF;
    RETURN actorbus_pass_on(lines);
END $$;


-- Let messages that have become ready take their keys, or hold them, in the order of sending. One that
-- its own key waits for takes it, ready or not. Those without a key are left as they are.
CREATE OR REPLACE FUNCTION actorbus_line_up(p_sequences BIGINT[]) RETURNS VOID
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    INSERT INTO actorbus_keys (channel, endpoint, tenant, ordering_key, holder, parked_by)
    SELECT DISTINCT ON (channel, endpoint, tenant, ordering_key)
        channel, endpoint, tenant, ordering_key, sequence, NULL
    FROM actorbus_messages
    WHERE sequence = ANY(p_sequences) AND ordering_key IS NOT NULL AND state <> 'waiting'
    ORDER BY channel, endpoint, tenant, ordering_key, sequence
    ON CONFLICT (channel, endpoint, tenant, ordering_key)
    DO UPDATE SET holder = actorbus_keys.holder;  -- locks the row

    UPDATE actorbus_keys AS k SET holder = m.sequence, parked_by = NULL
    FROM actorbus_messages AS m
    WHERE m.sequence = ANY(p_sequences) AND k.parked_by = m.copy_id AND k.channel = m.channel
      AND k.endpoint = m.endpoint AND k.tenant = m.tenant AND k.ordering_key = m.ordering_key;

    UPDATE actorbus_messages AS m
    SET state = CASE WHEN k.holder = m.sequence THEN 'ready' ELSE 'held' END
    FROM actorbus_keys AS k
    WHERE m.sequence = ANY(p_sequences) AND k.channel = m.channel AND k.endpoint = m.endpoint
      AND k.tenant = m.tenant AND k.ordering_key = m.ordering_key
      AND m.state <> 'waiting'
      AND m.state <> CASE WHEN k.holder = m.sequence THEN 'ready' ELSE 'held' END;
END $$;


-- -------------------------------------------------------------------------------------- claiming

-- Up to `p_limit` tenants with ready messages, in order of name from behind `p_after` on, wrapping
-- once (NULL: from the first). A seek in the index for each of them.
CREATE OR REPLACE FUNCTION actorbus_waiting_tenants(p_channel TEXT, p_after TEXT, p_limit INTEGER)
RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    first_one TEXT;
    found TEXT[] := '{}';
    others TEXT[];
BEGIN
    SELECT tenant INTO first_one FROM actorbus_messages
    WHERE state = 'ready' AND channel = p_channel ORDER BY channel, tenant LIMIT 1;
    IF first_one IS NULL OR p_limit <= 0 THEN
        RETURN found;
    END IF;
    IF p_after IS NOT NULL THEN
        found := actorbus_tenants_behind(p_channel, p_after, p_limit);
    END IF;
    IF cardinality(found) < p_limit AND (p_after IS NULL OR first_one <= p_after) THEN
        others := first_one || actorbus_tenants_behind(
            p_channel, first_one, p_limit - cardinality(found) - 1
        );
        found := found || ARRAY(
            SELECT name FROM unnest(others) WITH ORDINALITY AS other(name, place)
            WHERE p_after IS NULL OR name <= p_after COLLATE "C" ORDER BY place
        );
    END IF;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION actorbus_tenants_behind(p_channel TEXT, p_after TEXT, p_limit INTEGER)
RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE waiting (tenant) AS (
            SELECT (
                SELECT tenant FROM actorbus_messages
                WHERE state = 'ready' AND channel = p_channel AND tenant > p_after COLLATE "C"
                ORDER BY channel, tenant LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT m.tenant FROM actorbus_messages AS m
                WHERE m.state = 'ready' AND m.channel = p_channel AND m.tenant > waiting.tenant
                ORDER BY m.channel, m.tenant LIMIT 1
            )
            FROM waiting WHERE waiting.tenant IS NOT NULL
        )
        SELECT tenant FROM waiting WHERE tenant IS NOT NULL LIMIT greatest(p_limit, 0)
    );
END $$;


-- Claim ready messages for demands, each a JSON object of channel, endpoints, tenant (null: those that
-- wait take turns, from behind `after` on) and credit; and, if the claim is not to look at a queue from
-- its beginning, the place behind which it looks (`rank` is minus the priority). `turn` grows with each
-- tenant, and with each demand by a million; the messages of a turn come in no order. A row without a
-- sequence is about a demand: which tenant was the last in turn, how many were looked at (`epoch`), and
-- if the index was full of what is gone, how many seconds it took to find the messages (`due_at`) and at
-- what time that was (`enqueued_at`). Nothing is claimed without the lease.
CREATE OR REPLACE FUNCTION actorbus_claim(p_owner TEXT, p_largest_body INTEGER, p_demands JSONB)
RETURNS TABLE (
    turn INTEGER, sequence BIGINT, epoch INTEGER, attempts INTEGER, suspect BOOLEAN, replays INTEGER,
    priority INTEGER, due_at DOUBLE PRECISION, expires_at DOUBLE PRECISION,
    enqueued_at DOUBLE PRECISION, copy_id TEXT, channel TEXT, endpoint TEXT, tenant TEXT,
    message_id TEXT, type_name TEXT, content_type TEXT, correlation_id TEXT, causation_id TEXT,
    "timestamp" DOUBLE PRECISION, deduplication_key TEXT, on_failure TEXT, headers TEXT, body BYTEA,
    handled BOOLEAN, ordering_key TEXT, unread_bytes INTEGER, for_endpoint TEXT
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    demand RECORD;
    tenants TEXT[];
    after TEXT;
    room INTEGER;
    looks INTEGER;
    turns INTEGER;
    found BIGINT[];
    found_turns INTEGER[];
    any_key BOOLEAN;
    second BIGINT[];
    taken INTEGER;
    suspects_allowed BOOLEAN;
    suspect_turn INTEGER;
    a_suspect BIGINT;
    looked_at INTEGER;
    began_at DOUBLE PRECISION;
    seconds DOUBLE PRECISION;
    passed BIGINT;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1633906274, hashtext(p_owner));  -- against a take-back
    IF NOT EXISTS (SELECT FROM actorbus_processes WHERE process_id = p_owner) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM actorbus_messages WHERE state = 'ready' AND suspect) THEN
        suspects_allowed := FALSE;
    END IF;
    FOR demand IN SELECT * FROM jsonb_to_recordset(p_demands) AS d(
        number INTEGER, channel TEXT, endpoints TEXT[], tenant TEXT, credit INTEGER, after TEXT,
        rank INTEGER, due_at DOUBLE PRECISION, sequence BIGINT
    ) LOOP
        room := demand.credit;
        after := demand.after;
        turns := demand.number * 1000000;
        looks := 0;
        looked_at := 1;
        seconds := 0;
        passed := -pg_stat_get_xact_tuples_returned('actorbus_messages_ready'::regclass);
        WHILE room > 0 LOOP
            looks := looks + 1;
            began_at := extract(epoch FROM clock_timestamp());
            IF demand.tenant IS NULL THEN
                tenants := actorbus_waiting_tenants(demand.channel, after, room);
                EXIT WHEN cardinality(tenants) = 0;
                after := tenants[cardinality(tenants)];
                looked_at := greatest(looked_at, cardinality(tenants));
            ELSE
                tenants := ARRAY[demand.tenant];
            END IF;

            -- A suspect: one, if this process has none.
            suspect_turn := NULL;
            a_suspect := NULL;
            IF suspects_allowed IS NOT FALSE THEN
                PERFORM pg_advisory_xact_lock(1633906275, hashtext(p_owner));
                IF suspects_allowed IS NULL THEN
                    suspects_allowed := NOT EXISTS (
                        SELECT FROM actorbus_messages
                        WHERE state = 'claimed' AND owner = p_owner AND suspect
                    );
                END IF;
                IF suspects_allowed THEN
                    SELECT m.sequence, t.place INTO a_suspect, suspect_turn
                    FROM unnest(tenants) WITH ORDINALITY AS t(name, place)
                    JOIN actorbus_messages AS m ON m.tenant = t.name
                    WHERE m.state = 'ready' AND m.suspect AND m.channel = demand.channel
                      AND m.endpoint = ANY(demand.endpoints)
                    ORDER BY t.place, m.priority DESC, m.due_at, m.sequence
                    LIMIT 1
                    FOR UPDATE OF m SKIP LOCKED;
                    IF a_suspect IS NOT NULL THEN
                        suspects_allowed := FALSE;
                    END IF;
                END IF;
            END IF;

            -- Messages as usual, for each tenant its share.
            SELECT coalesce(array_agg(ready.sequence), '{}'),
                coalesce(array_agg(turns + ready.place), '{}'), bool_or(ready.has_key)
            INTO found, found_turns, any_key
            FROM (
                SELECT t.place::integer, first.sequence, first.has_key
                FROM unnest(tenants) WITH ORDINALITY AS t(name, place), LATERAL (
                    SELECT one.sequence, one.has_key
                    FROM unnest(demand.endpoints) AS e(id), LATERAL (
                        SELECT sequence, priority, due_at,
                            deduplication_key IS NOT NULL AND for_endpoint IS NULL AS has_key
                        FROM actorbus_messages
                        WHERE state = 'ready' AND NOT suspect AND channel = demand.channel
                          AND tenant = t.name AND endpoint = e.id
                          AND (-priority, due_at, sequence) > (
                              coalesce(demand.rank, -2147483648),
                              coalesce(demand.due_at, '-infinity'), coalesce(demand.sequence, 0)
                          )
                        ORDER BY -priority, due_at, sequence
                        LIMIT ceil((room - t.place + 1)::numeric / cardinality(tenants))
                            - (t.place IS NOT DISTINCT FROM suspect_turn)::integer
                        FOR UPDATE SKIP LOCKED
                    ) AS one
                    ORDER BY one.priority DESC, one.due_at, one.sequence
                    LIMIT ceil((room - t.place + 1)::numeric / cardinality(tenants))
                        - (t.place IS NOT DISTINCT FROM suspect_turn)::integer
                ) AS first
            ) AS ready;
            seconds := seconds + extract(epoch FROM clock_timestamp()) - began_at;
            passed := passed - cardinality(found);
            IF a_suspect IS NOT NULL THEN
                found := a_suspect || found;
                found_turns := (turns + suspect_turn) || found_turns;
                any_key := any_key IS TRUE OR (
                    SELECT deduplication_key IS NOT NULL AND for_endpoint IS NULL
                    FROM actorbus_messages
                    WHERE sequence = a_suspect
                );
            END IF;
            turns := turns + cardinality(tenants);
            EXIT WHEN cardinality(found) = 0;

            second := '{}';
            IF any_key THEN
                second := actorbus_put_off_second(found, demand.endpoints);
            END IF;
            IF cardinality(second) > 0 THEN
                SELECT coalesce(array_agg(f.sequence), '{}'), coalesce(array_agg(f.turn), '{}')
                INTO found, found_turns FROM unnest(found, found_turns) AS f(sequence, turn)
                WHERE f.sequence <> ALL(second);
            END IF;
            IF cardinality(found) > 0 THEN
                RETURN QUERY
                UPDATE actorbus_messages AS m
                SET state = 'claimed', owner = p_owner, epoch = m.epoch + 1,
                    attempts = m.attempts + m.suspect::integer
                FROM unnest(found, found_turns) AS f(sequence, turn)
                WHERE m.sequence = f.sequence  -- which are locked
                RETURNING f.turn, m.sequence, m.epoch, m.attempts - m.suspect::integer, m.suspect,
                    m.replays, m.priority, m.due_at, m.expires_at, m.enqueued_at, m.copy_id,
                    m.channel, m.endpoint, m.tenant, m.message_id, m.type_name, m.content_type,
                    m.correlation_id, m.causation_id, m.timestamp, m.deduplication_key,
                    m.on_failure, m.headers,
                    CASE WHEN octet_length(m.body) > p_largest_body THEN '' ELSE m.body END,
                    m.deduplication_key IS NOT NULL AND m.for_endpoint IS NULL AND EXISTS (
                        SELECT FROM actorbus_handled AS h
                        WHERE h.endpoint = ANY(demand.endpoints) AND h.key = m.deduplication_key
                    ),
                    m.ordering_key,
                    CASE WHEN octet_length(m.body) > p_largest_body
                        THEN octet_length(m.body) ELSE 0 END,
                    m.for_endpoint;
            END IF;
            taken := cardinality(found);
            room := room - taken;
            EXIT WHEN cardinality(second) = 0 AND (taken = 0 OR cardinality(tenants) = 1);
            EXIT WHEN looks >= 10 AND cardinality(second) > 0;  -- so that it stays short
        END LOOP;
        passed := passed + pg_stat_get_xact_tuples_returned('actorbus_messages_ready'::regclass);
        IF after IS DISTINCT FROM demand.after OR passed > 2000 THEN
            turn := demand.number * 1000000;
            sequence := NULL;
            tenant := after;
            epoch := looked_at;
            due_at := NULL;
            IF passed > 2000 THEN
                due_at := seconds;
            END IF;
            enqueued_at := actorbus_now() - seconds;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;


-- Of messages that are locked to be claimed, put off those whose deduplication key is in somebody's
-- hands, or an earlier one's of them; return their sequences. Two claims at the same time do not see
-- each other: a lock on the key tells them.
CREATE OR REPLACE FUNCTION actorbus_put_off_second(p_sequences BIGINT[], p_endpoints TEXT[])
RETURNS BIGINT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    fresh BIGINT[];
    alone BIGINT[];
    second BIGINT[];
BEGIN
    fresh := ARRAY(
        SELECT sequence FROM actorbus_messages AS m
        WHERE sequence = ANY(p_sequences) AND deduplication_key IS NOT NULL
          AND for_endpoint IS NULL AND NOT EXISTS (
            SELECT FROM actorbus_handled AS h
            WHERE h.endpoint = ANY(p_endpoints) AND h.key = m.deduplication_key
        )
    );
    alone := ARRAY(
        SELECT sequence FROM (
            SELECT DISTINCT ON (deduplication_key) sequence, deduplication_key
            FROM actorbus_messages WHERE sequence = ANY(fresh)
            ORDER BY deduplication_key, priority DESC, due_at, sequence
        ) AS firsts
        WHERE pg_try_advisory_xact_lock(1633906276, hashtext(p_endpoints[1] || deduplication_key))
    );
    alone := ARRAY(  -- what was committed before the locks were there is seen by this statement
        SELECT sequence FROM actorbus_messages AS m WHERE sequence = ANY(alone) AND NOT EXISTS (
            SELECT FROM actorbus_messages AS running
            WHERE running.state = 'claimed' AND running.deduplication_key = m.deduplication_key
              AND running.endpoint = ANY(p_endpoints)
        )
    );
    second := ARRAY(SELECT unnest(fresh) EXCEPT SELECT unnest(alone));
    UPDATE actorbus_messages SET state = 'waiting', epoch = epoch + 1, due_at = actorbus_now() + 1.0
    WHERE sequence = ANY(second);
    RETURN second;
END $$;


-- -------------------------------------------------------------------------------------- settling
--
-- Each of these takes claims as arrays of sequences and epochs, writes one kind of settlement for
-- those that still hold, and returns the sequences of those that do not (`stale`), and the channels
-- that have work because another message of an ordering key is in turn now (`ready`).

-- Those of the given sequences that are not among the others.
CREATE OR REPLACE FUNCTION actorbus_missing(p_given BIGINT[], p_found BIGINT[]) RETURNS BIGINT[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cardinality(p_given) = coalesce(cardinality(p_found), 0) THEN '{}'::bigint[]
        ELSE ARRAY(SELECT unnest(p_given) EXCEPT SELECT unnest(p_found)) END
$$;


-- Handled: the rows go, with the histories of those that have one.
CREATE OR REPLACE FUNCTION actorbus_acknowledge(
    p_sequences BIGINT[], p_epochs INTEGER[], OUT stale BIGINT[], OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    gone BIGINT[];
    failed TEXT[];
    turns actorbus_keys[];
BEGIN
    WITH deleted AS (
        DELETE FROM actorbus_messages AS m USING unnest(p_sequences, p_epochs) AS g(sequence, epoch)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING m.sequence, m.copy_id, m.attempts + m.replays > 0 AS has_failed, m.channel,
            m.endpoint, m.tenant, m.ordering_key
    )
    SELECT array_agg(sequence), array_agg(copy_id) FILTER (WHERE has_failed),
        array_agg(ROW(channel, endpoint, tenant, ordering_key, sequence, NULL)::actorbus_keys)
            FILTER (WHERE ordering_key IS NOT NULL)
    INTO gone, failed, turns FROM deleted;
    IF failed IS NOT NULL THEN
        DELETE FROM actorbus_failures WHERE copy_id = ANY(failed);
    END IF;
    stale := actorbus_missing(p_sequences, gone);
    ready := '{}';
    IF turns IS NOT NULL THEN
        ready := actorbus_leave(turns);
    END IF;
END $$;


-- The same for one message, as the last statement of its handler's transaction: raises AB001
-- (`stale claim`) if the claim does not hold, so that what follows in the same round trip, the COMMIT,
-- is not reached. Returns whether another message of its key is in turn now.
CREATE OR REPLACE FUNCTION actorbus_acknowledge_or_raise(p_sequence BIGINT, p_epoch INTEGER)
RETURNS BOOLEAN
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    gone RECORD;
BEGIN
    DELETE FROM actorbus_messages WHERE sequence = p_sequence AND epoch = p_epoch
    RETURNING copy_id, attempts + replays > 0 AS has_failed, channel, endpoint, tenant, ordering_key
    INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AB001', MESSAGE = 'the claim of message '
            || p_sequence || ' does not hold any more';
    END IF;
    IF gone.has_failed THEN
        DELETE FROM actorbus_failures WHERE copy_id = gone.copy_id;
    END IF;
    IF gone.ordering_key IS NULL THEN
        RETURN FALSE;
    END IF;
    RETURN cardinality(actorbus_leave(ARRAY[ROW(
        gone.channel, gone.endpoint, gone.tenant, gone.ordering_key, p_sequence, NULL
    )::actorbus_keys])) > 0;
END $$;


-- Messages in turn of their ordering keys handled, each with some that are held behind it, which nobody
-- else can have. `p_runs` are the places of those in the first two arrays. Where a claim does not hold
-- its followers stay, and count as stale.
CREATE OR REPLACE FUNCTION actorbus_acknowledge_runs(
    p_sequences BIGINT[], p_epochs INTEGER[], p_followers BIGINT[], p_runs INTEGER[],
    OUT stale INTEGER, OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    runs INTEGER[];
    lines actorbus_keys[];
    others BIGINT[];
    failed TEXT[];
BEGIN
    SELECT coalesce(array_agg(one.run), '{}'), array_agg(one.line) INTO runs, lines FROM (
        SELECT g.run::integer, ROW(m.channel, m.endpoint, m.tenant, m.ordering_key, NULL, NULL)
            ::actorbus_keys AS line
        FROM unnest(p_sequences, p_epochs) WITH ORDINALITY AS g(sequence, epoch, run)
        JOIN actorbus_messages AS m ON m.sequence = g.sequence AND m.epoch = g.epoch
        FOR UPDATE OF m
    ) AS one;
    PERFORM actorbus_lock_keys(lines);
    others := ARRAY(
        SELECT f.sequence FROM unnest(p_followers, p_runs) AS f(sequence, run)
        WHERE f.run = ANY(runs)
    );
    -- By number, which is few seeks: with a plain state = 'held' the index of those that are held may
    -- be chosen, and all of them compared with all of these.
    WITH deleted AS (
        DELETE FROM actorbus_messages WHERE sequence = ANY(others) AND state || '' = 'held'
        RETURNING copy_id, attempts + replays > 0 AS has_failed
    )
    SELECT array_agg(copy_id) FILTER (WHERE has_failed) INTO failed FROM deleted;
    IF failed IS NOT NULL THEN
        DELETE FROM actorbus_failures WHERE copy_id = ANY(failed);
    END IF;
    stale := cardinality(p_sequences) - cardinality(runs)
        + cardinality(p_followers) - cardinality(others);
    SELECT done.ready INTO ready FROM actorbus_acknowledge(
        ARRAY(SELECT p_sequences[run] FROM unnest(runs) AS run),
        ARRAY(SELECT p_epochs[run] FROM unnest(runs) AS run)
    ) AS done;
END $$;


-- Up to `p_limit` messages that are held behind each of those in turn, as they lie. `run` says behind
-- which. They come in the order of their sending.
CREATE OR REPLACE FUNCTION actorbus_followers(
    p_channels TEXT[], p_endpoints TEXT[], p_tenants TEXT[], p_ordering_keys TEXT[], p_limit INTEGER
) RETURNS TABLE (run INTEGER, message actorbus_messages)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    SELECT line.place::integer, held.one
    FROM unnest(p_channels, p_endpoints, p_tenants, p_ordering_keys) WITH ORDINALITY
        AS line(channel, endpoint, tenant, ordering_key, place),
    LATERAL (
        SELECT m AS one FROM actorbus_messages AS m
        WHERE m.state = 'held' AND m.channel = line.channel AND m.endpoint = line.endpoint
          AND m.tenant = line.tenant AND m.ordering_key = line.ordering_key
        ORDER BY m.sequence LIMIT p_limit
    ) AS held;
END $$;


-- Given back as if it had not been claimed.
CREATE OR REPLACE FUNCTION actorbus_release(
    p_sequences BIGINT[], p_epochs INTEGER[], p_attempts INTEGER[], OUT stale BIGINT[],
    OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    WITH changed AS (
        UPDATE actorbus_messages AS m
        SET state = 'ready', owner = NULL, epoch = m.epoch + 1, attempts = g.attempts
        FROM unnest(p_sequences, p_epochs, p_attempts) AS g(sequence, epoch, attempts)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING m.sequence, m.channel
    )
    SELECT actorbus_missing(p_sequences, array_agg(sequence)),
        coalesce(array_agg(DISTINCT channel), '{}')
    INTO stale, ready FROM changed;
END $$;


-- Failed: waits until due, with its start counted and the failure in its history.
CREATE OR REPLACE FUNCTION actorbus_retry(
    p_sequences BIGINT[], p_epochs INTEGER[], p_attempts INTEGER[],
    p_delays DOUBLE PRECISION[], p_gives_up BOOLEAN[], OUT stale BIGINT[], OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    now DOUBLE PRECISION := actorbus_now();
    turns actorbus_keys[];
BEGIN
    WITH changed AS (
        UPDATE actorbus_messages AS m
        SET state = 'waiting', owner = NULL, epoch = m.epoch + 1, suspect = FALSE,
            attempts = g.attempts, due_at = now + g.delay
        FROM unnest(p_sequences, p_epochs, p_attempts, p_delays, p_gives_up)
            AS g(sequence, epoch, attempts, delay, gives_up)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING m.sequence, m.channel, m.endpoint, m.tenant, m.ordering_key, g.gives_up
    )
    SELECT actorbus_missing(p_sequences, array_agg(sequence)),
        array_agg(ROW(channel, endpoint, tenant, ordering_key, sequence, NULL)::actorbus_keys)
            FILTER (WHERE ordering_key IS NOT NULL AND gives_up)
    INTO stale, turns FROM changed;
    ready := actorbus_leave(turns);
END $$;


-- Held back, uncounted, until it is let go on.
CREATE OR REPLACE FUNCTION actorbus_park(
    p_sequences BIGINT[], p_epochs INTEGER[], p_attempts INTEGER[], p_reasons TEXT[],
    OUT stale BIGINT[], OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    turns actorbus_keys[];
BEGIN
    WITH changed AS (
        UPDATE actorbus_messages AS m
        SET state = 'parked', owner = NULL, epoch = m.epoch + 1, suspect = FALSE,
            attempts = g.attempts, parked_reason = g.reason
        FROM unnest(p_sequences, p_epochs, p_attempts, p_reasons)
            AS g(sequence, epoch, attempts, reason)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING m.sequence, m.channel, m.endpoint, m.tenant, m.ordering_key
    )
    SELECT actorbus_missing(p_sequences, array_agg(sequence)),
        array_agg(ROW(channel, endpoint, tenant, ordering_key, sequence, NULL)::actorbus_keys)
            FILTER (WHERE ordering_key IS NOT NULL)
    INTO stale, turns FROM changed;
    ready := actorbus_leave(turns);
END $$;


-- Too old to be started: the rows go, and are counted for their queues. Their deduplication keys may
-- be sent again.
CREATE OR REPLACE FUNCTION actorbus_expire_claimed(
    p_sequences BIGINT[], p_epochs INTEGER[], OUT stale BIGINT[], OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    gone actorbus_gone[];
BEGIN
    WITH deleted AS (
        DELETE FROM actorbus_messages AS m USING unnest(p_sequences, p_epochs) AS g(sequence, epoch)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING ROW(m.sequence, m.channel, m.endpoint, m.tenant, m.ordering_key, m.copy_id,
            coalesce(m.for_endpoint, m.endpoint), m.deduplication_key)::actorbus_gone AS one
    )
    SELECT coalesce(array_agg(one), '{}') INTO gone FROM deleted;
    stale := actorbus_missing(p_sequences, ARRAY(SELECT sequence FROM unnest(gone)));
    ready := actorbus_count_expired(gone);
END $$;


-- Write what follows from the expiry of messages whose rows are gone.
CREATE OR REPLACE FUNCTION actorbus_count_expired(p_gone actorbus_gone[]) RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    INSERT INTO actorbus_expired (channel, endpoint, tenant, messages, last_expired_at)
    SELECT channel, endpoint, tenant, count(*), actorbus_now() FROM unnest(p_gone)
    GROUP BY channel, endpoint, tenant ORDER BY channel, endpoint, tenant
    ON CONFLICT (channel, endpoint, tenant) DO UPDATE
    SET messages = actorbus_expired.messages + excluded.messages,
        last_expired_at = excluded.last_expired_at;
    DELETE FROM actorbus_failures WHERE copy_id IN (SELECT copy_id FROM unnest(p_gone));
    PERFORM actorbus_forget_sent(p_gone);
    RETURN actorbus_leave(ARRAY(
        SELECT ROW(channel, endpoint, tenant, ordering_key, sequence, NULL)::actorbus_keys
        FROM unnest(p_gone) WHERE ordering_key IS NOT NULL
    ));
END $$;


-- Let the deduplication keys be sent again of messages that were not handled.
CREATE OR REPLACE FUNCTION actorbus_forget_sent(p_gone actorbus_gone[]) RETURNS VOID
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    DELETE FROM actorbus_sent AS s USING unnest(p_gone) AS g
    WHERE s.endpoint = g.sent_to AND s.key = g.deduplication_key;
END $$;


-- Failed for good: the rows move to the dead letters. One that is dead already under its copy id (a
-- copy that was sent twice) gives way.
CREATE OR REPLACE FUNCTION actorbus_bury(
    p_sequences BIGINT[], p_epochs INTEGER[], p_reasons TEXT[], p_exceptions TEXT[],
    p_messages TEXT[], p_tracebacks TEXT[], p_attempts INTEGER[], p_parks BOOLEAN[],
    OUT stale BIGINT[], OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    now DOUBLE PRECISION := actorbus_now();
    gone actorbus_gone[];
    parks BOOLEAN[];
BEGIN
    WITH deleted AS (
        DELETE FROM actorbus_messages AS m USING unnest(p_sequences, p_epochs) AS g(sequence, epoch)
        WHERE m.sequence = g.sequence AND m.epoch = g.epoch
        RETURNING m.*
    ), words AS (
        SELECT * FROM unnest(
            p_sequences, p_reasons, p_exceptions, p_messages, p_tracebacks, p_attempts, p_parks
        ) WITH ORDINALITY AS w(
            sequence, reason, exception, exception_message, traceback, attempts, parks, place
        )
    ), buried AS (
        INSERT INTO actorbus_dead_letters (
            copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback,
            attempts, replays, died_at, priority, enqueued_at, message_id, type_name, content_type,
            correlation_id, causation_id, timestamp, deduplication_key, on_failure, ordering_key,
            headers, body, for_endpoint
        )
        SELECT m.copy_id, m.channel, m.endpoint, m.tenant, w.reason, w.exception,
            w.exception_message, w.traceback, w.attempts, m.replays, now, m.priority,
            m.enqueued_at, m.message_id, m.type_name, m.content_type, m.correlation_id,
            m.causation_id, m.timestamp, m.deduplication_key, m.on_failure, m.ordering_key,
            m.headers, m.body, m.for_endpoint
        FROM (
            SELECT DISTINCT ON (d.copy_id) words.*
            FROM words JOIN deleted AS d USING (sequence) ORDER BY d.copy_id, words.place DESC
        ) AS w JOIN deleted AS m USING (sequence) ORDER BY w.place
        ON CONFLICT (copy_id) DO UPDATE SET
            number = excluded.number, channel = excluded.channel, endpoint = excluded.endpoint,
            tenant = excluded.tenant, reason = excluded.reason, exception = excluded.exception,
            exception_message = excluded.exception_message, traceback = excluded.traceback,
            attempts = excluded.attempts, replays = excluded.replays, died_at = excluded.died_at,
            priority = excluded.priority, enqueued_at = excluded.enqueued_at,
            message_id = excluded.message_id, type_name = excluded.type_name,
            content_type = excluded.content_type, correlation_id = excluded.correlation_id,
            causation_id = excluded.causation_id, timestamp = excluded.timestamp,
            deduplication_key = excluded.deduplication_key, on_failure = excluded.on_failure,
            ordering_key = excluded.ordering_key, headers = excluded.headers,
            body = excluded.body, for_endpoint = excluded.for_endpoint
    )
    SELECT coalesce(array_agg(
        ROW(m.sequence, m.channel, m.endpoint, m.tenant, m.ordering_key, m.copy_id,
            coalesce(m.for_endpoint, m.endpoint), m.deduplication_key)::actorbus_gone
        ORDER BY w.place
    ), '{}'), coalesce(array_agg(w.parks ORDER BY w.place), '{}')
    INTO gone, parks FROM words AS w JOIN deleted AS m USING (sequence);
    stale := actorbus_missing(p_sequences, ARRAY(SELECT sequence FROM unnest(gone)));
    ready := actorbus_after_death(gone, parks);
END $$;


-- Write what follows from the deaths of messages: their keys pass on, or are kept for what becomes of
-- the dead letters; of the dead letters of a deduplication key the last one is kept, with the history
-- of all, and the key may be sent again.
CREATE OR REPLACE FUNCTION actorbus_after_death(p_gone actorbus_gone[], p_parks BOOLEAN[])
RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ready TEXT[];
    replaced TEXT[] := '{}';
    others TEXT[];
    letter RECORD;
BEGIN
    ready := actorbus_leave_or_park(p_gone, p_parks);
    FOR letter IN SELECT * FROM unnest(p_gone) WHERE deduplication_key IS NOT NULL LOOP
        UPDATE actorbus_failures SET copy_id = letter.copy_id WHERE copy_id IN (
            SELECT copy_id FROM actorbus_dead_letters
            WHERE deduplication_key = letter.deduplication_key
              AND coalesce(for_endpoint, endpoint) = letter.sent_to AND copy_id <> letter.copy_id
        );
        WITH dropped AS (
            DELETE FROM actorbus_dead_letters
            WHERE deduplication_key = letter.deduplication_key
              AND coalesce(for_endpoint, endpoint) = letter.sent_to AND copy_id <> letter.copy_id
            RETURNING copy_id
        )
        SELECT array_agg(copy_id) INTO others FROM dropped;
        replaced := replaced || others;
    END LOOP;
    IF cardinality(replaced) > 0 THEN
        ready := ready || actorbus_unpark_keys(replaced);
    END IF;
    PERFORM actorbus_forget_sent(p_gone);
    RETURN ready;
END $$;


-- Give up turns, or keep the keys for what becomes of the failed messages that had them.
CREATE OR REPLACE FUNCTION actorbus_leave_or_park(p_gone actorbus_gone[], p_parks BOOLEAN[])
RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    turns actorbus_keys[];
BEGIN
    turns := ARRAY(
        SELECT ROW(channel, endpoint, tenant, ordering_key, sequence, NULL)::actorbus_keys
        FROM unnest(p_gone) WHERE ordering_key IS NOT NULL
    );
    IF cardinality(turns) = 0 THEN
        RETURN '{}';
    END IF;
    PERFORM actorbus_lock_keys(turns);
    UPDATE actorbus_keys AS k SET holder = NULL, parked_by = one.copy_id
    FROM (
        SELECT (g).*, p AS parks FROM unnest(p_gone, p_parks) AS g(
            sequence, channel, endpoint, tenant, ordering_key, copy_id, sent_to, deduplication_key, p
        )
    ) AS one
    WHERE one.parks AND k.channel = one.channel AND k.endpoint = one.endpoint
      AND k.tenant = one.tenant AND k.ordering_key = one.ordering_key;
    RETURN actorbus_leave(turns);  -- a key that is parked now is nobody's turn
END $$;


-- The same for arrays of columns.
CREATE OR REPLACE FUNCTION actorbus_gone_of(
    p_sequences BIGINT[], p_channels TEXT[], p_endpoints TEXT[], p_tenants TEXT[],
    p_ordering_keys TEXT[], p_copy_ids TEXT[], p_sent_to TEXT[], p_deduplication_keys TEXT[]
) RETURNS actorbus_gone[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(
        SELECT ROW(g.*)::actorbus_gone FROM unnest(
            p_sequences, p_channels, p_endpoints, p_tenants, p_ordering_keys, p_copy_ids, p_sent_to,
            p_deduplication_keys
        ) AS g
    )
$$;


-- -------------------------------------------------------------------------------- error channels
--
-- Two messages may have one copy id, if a copy was sent twice: what is noted of it, and its dead letter,
-- are the last one's. Each of these returns the sequences of those whose claims held.

-- Hand messages to handlers of error channels, which may take as long as they like, and note where
-- they come from.
CREATE OR REPLACE FUNCTION actorbus_divert(
    p_sequences BIGINT[], p_epochs INTEGER[], p_channels TEXT[], p_endpoints TEXT[],
    p_reasons TEXT[], p_exceptions TEXT[], p_messages TEXT[], p_tracebacks TEXT[],
    p_attempts INTEGER[]
) RETURNS SETOF BIGINT
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    now DOUBLE PRECISION := actorbus_now();
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            p_sequences, p_epochs, p_channels, p_endpoints, p_reasons, p_exceptions, p_messages,
            p_tracebacks, p_attempts
        ) WITH ORDINALITY AS g(
            sequence, epoch, channel, endpoint, reason, exception, exception_message, traceback,
            attempts, place
        )
    ), mine AS MATERIALIZED (
        SELECT m.sequence, m.copy_id, m.channel, m.endpoint, m.tenant
        FROM given JOIN actorbus_messages AS m USING (sequence, epoch)
        ORDER BY m.sequence FOR UPDATE OF m
    ), noted AS (
        INSERT INTO actorbus_failed (
            copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback,
            attempts, failed_at
        )
        SELECT DISTINCT ON (mine.copy_id) mine.copy_id, mine.channel, mine.endpoint, mine.tenant,
            given.reason, given.exception, given.exception_message, given.traceback,
            given.attempts, now
        FROM mine JOIN given USING (sequence) ORDER BY mine.copy_id, given.place DESC
        ON CONFLICT (copy_id) DO UPDATE SET
            channel = excluded.channel, endpoint = excluded.endpoint, tenant = excluded.tenant,
            reason = excluded.reason, exception = excluded.exception,
            exception_message = excluded.exception_message, traceback = excluded.traceback,
            attempts = excluded.attempts, failed_at = excluded.failed_at
    )
    UPDATE actorbus_messages AS m
    SET state = 'ready', owner = NULL, epoch = m.epoch + 1, attempts = 0, suspect = FALSE,
        due_at = now, expires_at = NULL, channel = given.channel, endpoint = given.endpoint,
        tenant = ''
    FROM mine JOIN given USING (sequence)
    WHERE m.sequence = mine.sequence
    RETURNING m.sequence;
END $$;


-- Hand messages back to the endpoints that failed, with all their attempts. That of which nothing is
-- known any more stays where it is.
CREATE OR REPLACE FUNCTION actorbus_send_back(
    p_sequences BIGINT[], p_epochs INTEGER[], p_delays DOUBLE PRECISION[]
) RETURNS SETOF BIGINT
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    now DOUBLE PRECISION := actorbus_now();
BEGIN
    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT m.sequence, given.delay, failed.channel, failed.endpoint, failed.tenant
        FROM unnest(p_sequences, p_epochs, p_delays) AS given(sequence, epoch, delay)
        JOIN actorbus_messages AS m USING (sequence, epoch)
        LEFT JOIN actorbus_failed AS failed ON failed.copy_id = m.copy_id
        ORDER BY m.sequence FOR UPDATE OF m
    ), back AS (
        UPDATE actorbus_messages AS m
        SET state = CASE WHEN mine.delay > 0 THEN 'waiting' ELSE 'ready' END, owner = NULL,
            epoch = m.epoch + 1, attempts = 0, suspect = FALSE, replays = m.replays + 1,
            due_at = now + mine.delay, channel = coalesce(mine.channel, m.channel),
            endpoint = coalesce(mine.endpoint, m.endpoint),
            tenant = coalesce(mine.tenant, m.tenant)
        FROM mine WHERE m.sequence = mine.sequence
        RETURNING m.sequence, m.copy_id
    ), forgotten AS (
        DELETE FROM actorbus_failed AS f USING back WHERE f.copy_id = back.copy_id
    )
    SELECT sequence FROM back;
END $$;


-- Drop messages that their error handlers are done with, and all that was noted of them.
CREATE OR REPLACE FUNCTION actorbus_drop_failed(p_sequences BIGINT[], p_epochs INTEGER[])
RETURNS SETOF BIGINT
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH gone AS (
        DELETE FROM actorbus_messages AS m
        USING unnest(p_sequences, p_epochs) AS given(sequence, epoch)
        WHERE m.sequence = given.sequence AND m.epoch = given.epoch
        RETURNING m.sequence, m.copy_id
    ), histories AS (
        DELETE FROM actorbus_failures AS f USING gone WHERE f.copy_id = gone.copy_id
    ), origins AS (
        DELETE FROM actorbus_failed AS f USING gone WHERE f.copy_id = gone.copy_id
    )
    SELECT sequence FROM gone;
END $$;


-- Move messages to the dead letters as those of the endpoints where they failed first, and return whose
-- they became; without an exception of the error handler's with the one that they failed with there.
-- What failed in a synchronous handler stays the error handler's: nothing else could take it again, and
-- where it came from is kept with its dead letter. So does that of which nothing is known any more.
CREATE OR REPLACE FUNCTION actorbus_bury_failed(
    p_sequences BIGINT[], p_epochs INTEGER[], p_reasons TEXT[], p_exceptions TEXT[],
    p_messages TEXT[], p_tracebacks TEXT[]
) RETURNS TABLE (sequence BIGINT, endpoint TEXT)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    now DOUBLE PRECISION := actorbus_now();
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            p_sequences, p_epochs, p_reasons, p_exceptions, p_messages, p_tracebacks
        ) WITH ORDINALITY AS g(
            sequence, epoch, reason, exception, exception_message, traceback, place
        )
    ), gone AS (
        DELETE FROM actorbus_messages AS m USING given
        WHERE m.sequence = given.sequence AND m.epoch = given.epoch
        RETURNING m.*
    ), origins AS (
        DELETE FROM actorbus_failed AS f USING gone
        WHERE f.copy_id = gone.copy_id AND f.channel <> ''
    ), letters AS (
        INSERT INTO actorbus_dead_letters (
            copy_id, channel, endpoint, tenant, reason, exception, exception_message, traceback,
            attempts, replays, died_at, priority, enqueued_at, message_id, type_name, content_type,
            correlation_id, causation_id, timestamp, deduplication_key, on_failure, ordering_key,
            headers, body, for_endpoint
        )
        SELECT gone.copy_id,
            coalesce(nullif(failed.channel, ''), gone.channel),
            CASE WHEN failed.channel <> '' THEN failed.endpoint ELSE gone.endpoint END,
            coalesce(failed.tenant, gone.tenant), given.reason,
            coalesce(given.exception, failed.exception),
            coalesce(given.exception_message, failed.exception_message),
            coalesce(given.traceback, failed.traceback),
            coalesce(failed.attempts, gone.attempts + (given.exception IS NOT NULL)::integer),
            gone.replays, now, gone.priority, gone.enqueued_at, gone.message_id, gone.type_name,
            gone.content_type, gone.correlation_id, gone.causation_id, gone.timestamp,
            gone.deduplication_key, gone.on_failure, gone.ordering_key, gone.headers, gone.body,
            gone.for_endpoint
        FROM (
            SELECT DISTINCT ON (gone.copy_id) given.*
            FROM given JOIN gone USING (sequence) ORDER BY gone.copy_id, given.place DESC
        ) AS given JOIN gone USING (sequence)
        LEFT JOIN actorbus_failed AS failed ON failed.copy_id = gone.copy_id
        ORDER BY given.place
        ON CONFLICT (copy_id) DO UPDATE SET
            number = excluded.number, channel = excluded.channel, endpoint = excluded.endpoint,
            tenant = excluded.tenant, reason = excluded.reason, exception = excluded.exception,
            exception_message = excluded.exception_message, traceback = excluded.traceback,
            attempts = excluded.attempts, replays = excluded.replays, died_at = excluded.died_at,
            priority = excluded.priority, enqueued_at = excluded.enqueued_at,
            message_id = excluded.message_id, type_name = excluded.type_name,
            content_type = excluded.content_type, correlation_id = excluded.correlation_id,
            causation_id = excluded.causation_id, timestamp = excluded.timestamp,
            deduplication_key = excluded.deduplication_key, on_failure = excluded.on_failure,
            ordering_key = excluded.ordering_key, headers = excluded.headers, body = excluded.body,
            for_endpoint = excluded.for_endpoint
        RETURNING copy_id, coalesce(for_endpoint, endpoint) AS buried_for
    )
    SELECT gone.sequence, letters.buried_for FROM gone JOIN letters USING (copy_id);
END $$;


-- --------------------------------------------------------------------------------------- sending

-- Store copies in the order of the arrays: ready, waiting, held or parked; once per deduplication
-- key and endpoint. Returns how many were new, and the channels that have work now.
CREATE OR REPLACE FUNCTION actorbus_append(
    p_copy_ids TEXT[], p_channels TEXT[], p_endpoints TEXT[], p_tenants TEXT[],
    p_message_ids TEXT[], p_type_names TEXT[], p_content_types TEXT[], p_headers TEXT[],
    p_bodies BYTEA[], p_correlation_ids TEXT[], p_causation_ids TEXT[],
    p_timestamps DOUBLE PRECISION[], p_priorities INTEGER[], p_delays DOUBLE PRECISION[],
    p_deliver_at DOUBLE PRECISION[], p_times_to_live DOUBLE PRECISION[],
    p_deduplication_keys TEXT[], p_on_failure TEXT[], p_forwarded BOOLEAN[],
    p_ordering_keys TEXT[], p_parked TEXT[], p_for_endpoints TEXT[],
    OUT stored INTEGER, OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    now DOUBLE PRECISION := actorbus_now();
BEGIN
    WITH given AS MATERIALIZED (
        SELECT *, nextval('actorbus_messages_sequence_seq') AS sequence,
            greatest(coalesce(deliver_at, now + delay), now) AS due_at,
            coalesce(for_endpoint, endpoint) AS sent_to,
            deduplication_key IS NOT NULL AND NOT forwarded AS once
        FROM unnest(
            p_copy_ids, p_channels, p_endpoints, p_tenants, p_message_ids, p_type_names,
            p_content_types, p_headers, p_bodies, p_correlation_ids, p_causation_ids, p_timestamps,
            p_priorities, p_delays, p_deliver_at, p_times_to_live, p_deduplication_keys,
            p_on_failure, p_forwarded, p_ordering_keys, p_parked, p_for_endpoints
        ) WITH ORDINALITY AS g(
            copy_id, channel, endpoint, tenant, message_id, type_name, content_type, headers, body,
            correlation_id, causation_id, "timestamp", priority, delay, deliver_at, time_to_live,
            deduplication_key, on_failure, forwarded, ordering_key, parked, for_endpoint, place
        )
        ORDER BY place
    ), sent AS (
        INSERT INTO actorbus_sent (endpoint, key, sent_at)
        SELECT DISTINCT sent_to COLLATE "C", deduplication_key COLLATE "C", now
        FROM given WHERE once ORDER BY 1, 2
        ON CONFLICT (endpoint, key) DO NOTHING
        RETURNING endpoint, key
    ), fresh AS MATERIALIZED (
        SELECT * FROM given WHERE NOT once
        UNION ALL
        SELECT * FROM (
            SELECT DISTINCT ON (given.sent_to, given.deduplication_key) given.*
            FROM given JOIN sent
                ON sent.endpoint = given.sent_to AND sent.key = given.deduplication_key
            WHERE given.once
            ORDER BY given.sent_to, given.deduplication_key, given.place
        ) AS first
    ), lines AS (
        INSERT INTO actorbus_keys (channel, endpoint, tenant, ordering_key, holder, parked_by)
        SELECT DISTINCT ON (1, 2, 3, 4) channel COLLATE "C", endpoint COLLATE "C",
            tenant COLLATE "C", ordering_key COLLATE "C", sequence, NULL
        FROM fresh WHERE ordering_key IS NOT NULL AND due_at <= now AND parked IS NULL
        ORDER BY 1, 2, 3, 4, sequence
        ON CONFLICT (channel, endpoint, tenant, ordering_key)
        DO UPDATE SET holder = actorbus_keys.holder  -- locks the row
        RETURNING channel, endpoint, tenant, ordering_key, holder
    ), inserted AS (
        INSERT INTO actorbus_messages (
            sequence, state, owner, epoch, attempts, suspect, replays, priority, due_at, expires_at,
            enqueued_at, copy_id, channel, endpoint, tenant, message_id, type_name, content_type,
            correlation_id, causation_id, timestamp, deduplication_key, on_failure, headers, body,
            ordering_key, parked_reason, for_endpoint
        )
        SELECT f.sequence,
            CASE WHEN f.parked IS NOT NULL THEN 'parked' WHEN f.due_at > now THEN 'waiting'
                WHEN f.ordering_key IS NULL OR l.holder = f.sequence THEN 'ready' ELSE 'held' END,
            NULL, 0, 0, FALSE, 0, f.priority, f.due_at, f.due_at + f.time_to_live, now, f.copy_id,
            f.channel, f.endpoint, f.tenant, f.message_id, f.type_name, f.content_type,
            f.correlation_id, f.causation_id, f.timestamp, f.deduplication_key, f.on_failure,
            f.headers, f.body, f.ordering_key, f.parked, f.for_endpoint
        FROM fresh AS f LEFT JOIN lines AS l
            ON l.channel = f.channel AND l.endpoint = f.endpoint AND l.tenant = f.tenant
           AND l.ordering_key = f.ordering_key
        RETURNING state, channel
    )
    SELECT count(*), coalesce(array_agg(DISTINCT channel) FILTER (WHERE state = 'ready'), '{}')
    INTO stored, ready FROM inserted;
END $$;


-- ------------------------------------------------------------------------------------------ time

-- Make ready a batch of what came due, from a time on; return the channels.
CREATE OR REPLACE FUNCTION actorbus_promote(p_limit INTEGER, p_from DOUBLE PRECISION)
RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ready TEXT[];
    in_line BIGINT[];
BEGIN
    WITH changed AS (
        UPDATE actorbus_messages SET state = 'ready' WHERE sequence = ANY(ARRAY(
            SELECT sequence FROM actorbus_messages
            WHERE state = 'waiting' AND due_at >= p_from AND due_at <= (SELECT actorbus_now())
            ORDER BY due_at LIMIT p_limit
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING sequence, channel, ordering_key
    )
    SELECT coalesce(array_agg(DISTINCT channel), '{}'),
        array_agg(sequence) FILTER (WHERE ordering_key IS NOT NULL)
    INTO ready, in_line FROM changed;
    IF in_line IS NOT NULL THEN
        PERFORM actorbus_line_up(in_line);
    END IF;
    RETURN ready;
END $$;


-- Delete and count a batch of what is too old to be started, from a time on; what somebody has locked is
-- left for the next time. Their keys are locked before they are.
CREATE OR REPLACE FUNCTION actorbus_expire(
    p_limit INTEGER, p_from DOUBLE PRECISION, OUT expired INTEGER, OUT ready TEXT[]
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    now DOUBLE PRECISION := actorbus_now();
    old BIGINT[];
    gone actorbus_gone[];
BEGIN
    old := ARRAY(
        SELECT sequence FROM actorbus_messages
        WHERE expires_at IS NOT NULL AND state <> 'claimed' AND expires_at >= p_from
          AND expires_at <= now
        ORDER BY expires_at LIMIT p_limit
    );
    PERFORM actorbus_lock_keys(ARRAY(
        SELECT ROW(channel, endpoint, tenant, ordering_key, NULL, NULL)::actorbus_keys
        FROM actorbus_messages WHERE sequence = ANY(old) AND ordering_key IS NOT NULL
    ));
    WITH deleted AS (
        DELETE FROM actorbus_messages WHERE sequence = ANY(ARRAY(
            SELECT sequence FROM actorbus_messages
            WHERE sequence = ANY(old) AND state <> 'claimed' FOR UPDATE SKIP LOCKED
        ))
        RETURNING ROW(sequence, channel, endpoint, tenant, ordering_key, copy_id,
            coalesce(for_endpoint, endpoint), deduplication_key)::actorbus_gone AS one
    )
    SELECT coalesce(array_agg(one), '{}') INTO gone FROM deleted;
    expired := cardinality(gone);
    ready := actorbus_count_expired(gone);
END $$;


-- ---------------------------------------------------------------------------------------- leases

-- Make ready, as suspects, what an owner had whose lease is over; its lease row goes. Of several that
-- try one does; while a claim or a settlement of the owner's is under way, it is left for later. What
-- waits to be relayed ends no process: its body is not looked at.
CREATE OR REPLACE FUNCTION actorbus_take_back(p_owner TEXT, OUT taken INTEGER, OUT ready TEXT[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    taken := 0;
    ready := '{}';
    IF NOT pg_try_advisory_xact_lock(1633906274, hashtext(p_owner)) THEN
        RETURN;
    END IF;
    DELETE FROM actorbus_processes WHERE process_id = ANY(ARRAY(
        SELECT process_id FROM actorbus_processes
        WHERE process_id = p_owner AND expires_at <= actorbus_now() FOR UPDATE SKIP LOCKED
    ));
    IF EXISTS (SELECT FROM actorbus_processes WHERE process_id = p_owner) THEN
        RETURN;  -- it has renewed it
    END IF;
    WITH changed AS (
        UPDATE actorbus_messages
        SET state = 'ready', owner = NULL, epoch = epoch + 1,
            suspect = for_endpoint IS NULL
        WHERE sequence = ANY(ARRAY(
            SELECT sequence FROM actorbus_messages
            WHERE state = 'claimed' AND owner = p_owner FOR UPDATE SKIP LOCKED
        ))
        RETURNING channel
    )
    SELECT count(*), coalesce(array_agg(DISTINCT channel), '{}') INTO taken, ready FROM changed;
END $$;


-- Who has lost its messages: other processes whose leases ran out, or whose rows are gone. A seek for
-- each owner, however much it has.
CREATE OR REPLACE FUNCTION actorbus_expired_owners(p_process_id TEXT) RETURNS TEXT[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE owners (owner) AS (
            SELECT (
                SELECT owner FROM actorbus_messages
                WHERE state = 'claimed' AND owner IS NOT NULL ORDER BY owner LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT m.owner FROM actorbus_messages AS m
                WHERE m.state = 'claimed' AND m.owner > owners.owner ORDER BY m.owner LIMIT 1
            )
            FROM owners WHERE owners.owner IS NOT NULL
        )
        SELECT process_id FROM actorbus_processes
        WHERE expires_at <= actorbus_now() AND process_id <> p_process_id
        UNION
        SELECT owner FROM owners
        WHERE owner <> p_process_id
          AND NOT EXISTS (SELECT FROM actorbus_processes WHERE process_id = owner)
    );
END $$;


-- When the next waiting message comes due, when the next unclaimed one expires, each from a time on,
-- whether anything is paused, and what time it is; how many entries of what is gone were passed over,
-- and how many seconds that took.
CREATE OR REPLACE FUNCTION actorbus_next_due(
    p_due_from DOUBLE PRECISION, p_expires_from DOUBLE PRECISION,
    OUT comes_due DOUBLE PRECISION, OUT expires DOUBLE PRECISION, OUT any_paused BOOLEAN,
    OUT now DOUBLE PRECISION, OUT passed BIGINT, OUT seconds DOUBLE PRECISION
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    began_at DOUBLE PRECISION := extract(epoch FROM clock_timestamp());
BEGIN
    passed := -pg_stat_get_xact_tuples_returned('actorbus_messages_waiting'::regclass)
        - pg_stat_get_xact_tuples_returned('actorbus_messages_expiring'::regclass);
    SELECT due_at INTO comes_due FROM actorbus_messages
    WHERE state = 'waiting' AND due_at >= p_due_from ORDER BY due_at LIMIT 1;
    SELECT expires_at INTO expires FROM actorbus_messages
    WHERE expires_at IS NOT NULL AND state <> 'claimed' AND expires_at >= p_expires_from
    ORDER BY expires_at LIMIT 1;
    passed := passed + pg_stat_get_xact_tuples_returned('actorbus_messages_waiting'::regclass)
        + pg_stat_get_xact_tuples_returned('actorbus_messages_expiring'::regclass);
    seconds := extract(epoch FROM clock_timestamp()) - began_at;
    any_paused := EXISTS (SELECT FROM actorbus_pauses);
    now := actorbus_now();
END $$;


-- Whether anything is ready, if that is asked, how many entries of what is gone were passed over to find
-- out, and how many seconds that took.
CREATE OR REPLACE FUNCTION actorbus_any_ready(
    p_asked BOOLEAN, OUT any_ready BOOLEAN, OUT passed BIGINT, OUT seconds DOUBLE PRECISION
)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    began_at DOUBLE PRECISION := extract(epoch FROM clock_timestamp());
BEGIN
    any_ready := FALSE;
    passed := 0;
    seconds := 0;
    IF NOT p_asked THEN
        RETURN;
    END IF;
    passed := -pg_stat_get_xact_tuples_returned('actorbus_messages_ready'::regclass);
    PERFORM FROM actorbus_messages WHERE state = 'ready' ORDER BY channel, tenant LIMIT 1;
    any_ready := FOUND;
    passed := passed + pg_stat_get_xact_tuples_returned('actorbus_messages_ready'::regclass);
    seconds := extract(epoch FROM clock_timestamp()) - began_at;
END $$;
