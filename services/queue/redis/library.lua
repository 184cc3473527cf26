#!lua name=queue3
--
-- The queue of one schedule. Make joins the parts in this folder into one library of Redis functions, build/queue.lua,
-- in the order of library.mk. Each function is one indivisible step: it takes the time from Redis' own clock and
-- touches a bounded number of members. functions.lua lists them.
--
-- A user has one place at a time. A place is WAITING, then ACTIVE, then USED. It ends EXPIRED if its active turn runs
-- out or if the waiter stops asking, and it ends if the user leaves. Its seq (microseconds) is its rank in the line.
-- Seqs only grow, so the queue is first come, first served.
--
-- KEYS: the eight keys of one schedule, all under one hash tag. Every function takes all of them in this order.
-- shared/queue_client/queue_store.c names them.
--   state    hash: generation, last seq, what operators set, counters, admission clock
--   waiting  sorted set: waiting users (16 bytes) by seq
--   heard    sorted set: waiting users by the time of their last noted heartbeat
--   active   sorted set: users by the deadline of their active turn
--   places   hash: active user -> seq
--   used     sorted set: user and seq (24 bytes) by the time of use; a negative score until remove_used has seen it
--   gone     sorted set: users by seq. All places of the user up to that seq have ended (note_end).
--            Members of 24 bytes (user and seq, by time) are single ended places that an earlier release noted
--   guesses  hash: one waiter in eight -> when the user entered, and the wait that the answer gave
--
-- Store generation: the life of one Redis data set, numbered by the time at which it began to keep this queue. Stored
-- fields, tokens and answers call it `epoch`; their names stay, because instances of two releases share them.
--
-- Names carry a version. A change of KEYS, ARGV or an answer needs the next version, because instances of both releases
-- run side by side during a deploy. A new last argument is no such change if older functions ignore it and newer ones
-- work without it.
--
-- Rights: Redis checks each command of a function against the rights of the caller (deploy/redis/users). The reservation
-- service may write to `used` only, so its password admits no user.

local STATE, WAITING, HEARD, ACTIVE, PLACES, USED, GONE, GUESSES = 1, 2, 3, 4, 5, 6, 7, 8

