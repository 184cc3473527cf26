-- The demo concert of the local stack, made with the API's own functions: three schedules on sale and one closed, with 1,200
-- seats each. Its dates count from the day of loading. So it is loaded again only if no schedule on sale starts after tomorrow.
DO $$
DECLARE
	concert	uuid;
	made	platform.reply;
	day	timestamptz := date_trunc('day', now() AT TIME ZONE 'Asia/Seoul') AT TIME ZONE 'Asia/Seoul';
	place	record;
BEGIN
	IF EXISTS (SELECT FROM reservation.concerts c JOIN reservation.schedules s USING (concert_id)
	    WHERE c.title = 'A Night of Film Music' AND s.status = 'ON_SALE' AND s.start_at > now() + interval '1 day') THEN
		RETURN;
	END IF;
	made := reservation.create_concert('A Night of Film Music', 'Seoul City Orchestra', 'Riverside Hall',
	    '12 Riverside Road, Seoul');
	concert := (made.body::json ->> 'concertId')::uuid;
	FOR place IN
		SELECT * FROM (VALUES (30, 'ON_SALE'), (31, 'ON_SALE'), (37, 'ON_SALE'), (45, 'CLOSED')) AS t (days, status)
	LOOP
		made := reservation.create_schedule(concert,
		    day + make_interval(days => place.days, hours => 19),
		    day + make_interval(days => place.days, hours => 21, mins => 30),
		    NULL, place.status,
		    '[{"section": "Orchestra", "grade": "VIP", "price": 150000, "rows": 10, "seatsPerRow": 20},
		      {"section": "Parterre", "grade": "R", "price": 100000, "rows": 15, "seatsPerRow": 30},
		      {"section": "Balcony", "grade": "S", "price": 60000, "rows": 22, "seatsPerRow": 25}]');
		IF made.outcome <> 'CREATED' THEN
			RAISE EXCEPTION 'demo: create_schedule answered % %', made.outcome, made.body;
		END IF;
	END LOOP;
	RAISE NOTICE 'demo concert loaded: 4 schedules, 1,200 seats each';
END;
$$;
