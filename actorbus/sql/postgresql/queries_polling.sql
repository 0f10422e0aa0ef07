-- name: poll
-- What a process looks at again and again: when something comes due, whether anything is ready or
-- paused, whether there are answers for it, how often supervision was changed, and what time it is.
-- Whether anything is ready is asked unless it would take long.
SELECT comes_due, expires, any_paused, now,
    $2 AND EXISTS (SELECT FROM actorbus_messages WHERE state = 'ready') AS any_ready,
    EXISTS (SELECT FROM actorbus_replies WHERE process_id = $1) AS any_replies,
    (SELECT coalesce(sum(version), 0) FROM actorbus_supervision) AS supervised
FROM actorbus_next_due();
