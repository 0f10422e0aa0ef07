-- name: poll
-- What a process looks at again and again: when something comes due, whether anything is paused,
-- whether there are answers for it, how often supervision was changed, what time it is, and, with
-- $4, whether anything is ready.
SELECT comes_due, expires, any_paused, now, due.passed, due.seconds,
    EXISTS (SELECT FROM actorbus_replies WHERE process_id = $1),
    (SELECT coalesce(sum(version), 0)::bigint FROM actorbus_supervision),
    any_ready, ready.passed, ready.seconds
FROM actorbus_next_due($2, $3) AS due, actorbus_any_ready($4) AS ready;
