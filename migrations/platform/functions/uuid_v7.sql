-- platform.uuid_v7(): a new UUIDv7 (RFC 9562) by the wall clock: 48 bits of milliseconds, 12 bits for the fraction of
-- the millisecond (method 3 of the RFC, so ids sort in the order in which they are made), 62 random bits.
--
-- No SET clause and not SECURITY DEFINER, so that PostgreSQL can inline it.
CREATE OR REPLACE FUNCTION platform.uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
	SELECT (overlay(
	    lpad(to_hex(floor(date_part('epoch', clock_timestamp()) * 4096000)::bigint), 15, '0')
	    PLACING '7' FROM 13 FOR 0) || substr(gen_random_uuid()::text, 19))::uuid
$$;
GRANT EXECUTE ON FUNCTION platform.uuid_v7() TO reservation_owner, payment_owner, point_owner;
