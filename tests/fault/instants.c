/*
 * Paying, cancelling, the end of a hold, its sweeping and somebody else's hold of
 * the seat, all at the same instant, again and again, on a connection each: of
 * each hold exactly one thing becomes true, and everybody was told that one.
 *
 *   instants SCHEDULE TIMES SEED      the database is the one PGHOST and so on name
 *
 * Goes on until a payment, a cancellation and the end of the hold have met so
 * many times: the end lay between the first one's start and the last one's
 * answer. Prints on standard error a line for each mixture and each invariant
 * that is hurt; on standard output how often each outcome was seen.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#define SEATS	20
#define PRICE	3000	/* of a seat of the first rows */
#define TRIES	3

enum actor { PAY, CANCEL, RIVAL, SWEEP, ACTORS };

/* Who acts in a round, and whether the hold's time is over meanwhile; those in which all three meet are most. */
static const struct {
	bool	acts[ACTORS];
	bool	ends;
}			 rounds[] = {
	{ { [PAY] = true, [CANCEL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true }, true },
	{ { [PAY] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [SWEEP] = true }, true },
	{ { [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true }, false },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [RIVAL] = true, [SWEEP] = true }, false },
};

static PGconn		*setup, *conns[ACTORS];
static char		 queries[ACTORS][1024];
static const char	*schedule;
static char		 seats[SEATS][40];
static unsigned long	 met, paid_only, paid_then_cancelled, cancelled_only, expired_only, to_another;
static long		 lasts_us = 3000;	/* a round's actors take about so long */
static long		 balance;		/* of the one who pays */

static void
fail(PGconn *conn, const char *what)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
	exit(1);
}

/* To be sent once more, as the services do: what it waited for came late, or it met others in a circle. */
static bool
again(const PGresult *result)
{
	const char	*state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return (state != NULL && (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0));
}

/* The first value of the first row, "" if there is none; at most four are remembered at a time. */
static const char *
value(PGconn *conn, PGresult *result, const char *query)
{
	static char	 values[4][256];
	static int	 next;
	char		*to = values[next++ % 4];

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(conn, query);
	(void)snprintf(to, sizeof(values[0]), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return (to);
}

static const char *ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *
ask(const char *fmt, ...)
{
	char		 query[1024];
	PGresult	*result;
	va_list		 args;
	int		 tries = 1;

	va_start(args, fmt);
	(void)vsnprintf(query, sizeof(query), fmt, args);
	va_end(args);
	while (again(result = PQexec(setup, query)) && tries++ < TRIES)
		PQclear(result);
	return (value(setup, result, query));
}

static PGconn *
connection(void)
{
	PGconn	*conn = PQconnectdb("application_name=instants");

	if (PQstatus(conn) != CONNECTION_OK)
		fail(conn, "connect");
	PQclear(PQexec(conn, "SET lock_timeout = '5s'"));
	return (conn);
}

static void
start(enum actor actor, const char *user, const char *reservation, const char *seat, unsigned long round)
{
	char	*query = queries[actor];

	switch (actor) {
	case PAY:
		(void)snprintf(query, sizeof(queries[actor]), "SELECT (payment.pay_by_points('%s', '%s', %d, 'pay %lu', 'h', 3, 'r')).outcome",
		    user, reservation, PRICE, round);
		break;
	case CANCEL:
		(void)snprintf(query, sizeof(queries[actor]), "SELECT (reservation.cancel('%s', '%s', 'r')).outcome", user, reservation);
		break;
	case RIVAL:
		(void)snprintf(query, sizeof(queries[actor]), "SELECT concat(outcome, ' ', CASE outcome WHEN 'CREATED' THEN body::json ->> 'reservationId' END)"
		    " FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s']::uuid[], NULL, NULL, %lu, 300, NULL, NULL, NULL, 'r', 0)",
		    schedule, seat, round);
		break;
	default:
		(void)snprintf(query, sizeof(queries[actor]), "SELECT (reservation.sweep(100)).outcome");
		break;
	}
	if (!PQsendQuery(conns[actor], query))
		fail(conns[actor], query);
}

/* The database's clock is this machine's. */
static int64_t
now_us(void)
{
	struct timespec	t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

static const char *
finish(enum actor actor)
{
	static char	 outcomes[ACTORS][64];
	PGresult	*result;
	int		 tries = 1;

	outcomes[actor][0] = '\0';
	while ((result = PQgetResult(conns[actor])) != NULL) {
		if (again(result) && tries++ < TRIES) {
			PQclear(result);
			while ((result = PQgetResult(conns[actor])) != NULL)
				PQclear(result);
			if (!PQsendQuery(conns[actor], queries[actor]))
				fail(conns[actor], queries[actor]);
		} else
			(void)snprintf(outcomes[actor], sizeof(outcomes[actor]), "%s", value(conns[actor], result, queries[actor]));
	}
	return (outcomes[actor]);
}

static bool
is(const char *a, const char *b)
{
	return (strcmp(a, b) == 0);
}

/* What is wrong with this round; NULL if nothing. */
static const char *
mixture(unsigned kind, const char *pay, const char *cancel, const char *rival, const char *now, bool took_points)
{
	bool	bought = is(pay, "CREATED"), gave_back = is(cancel, "OK"), to_rival = strncmp(rival, "CREATED ", 8) == 0;
	bool	dead = is(pay, "RESERVATION_EXPIRED") || is(cancel, "RESERVATION_EXPIRED");

	if ((bought || gave_back) && dead)
		return ("alive and dead");
	if (dead && !rounds[kind].ends)
		return ("dead before its time");
	if (is(pay, "RESERVATION_CANCELLED") && !gave_back)
		return ("told CANCELLED, and nobody cancelled");
	if (rounds[kind].acts[PAY] && !bought && !dead && !is(pay, "RESERVATION_CANCELLED"))
		return ("the payment has no such answer");
	if (rounds[kind].acts[CANCEL] && !gave_back && !dead)
		return ("the cancellation has no such answer");
	if (to_rival && bought && !gave_back)
		return ("bought, and the seat is another's");
	if (to_rival && !is(ask("SELECT count(*) FROM reservation.reservation_seats c JOIN reservation.seats s USING (seat_id, reservation_id,"
	    " hold_epoch) WHERE c.reservation_id = '%s' AND c.live AND s.status = 'HOLD'", rival + 8), "1"))
		return ("another was told CREATED and has not the seat");
	if (!is(now, gave_back ? (bought ? "CANCELLED REFUNDED" : "CANCELLED none") : bought ? "CONFIRMED APPROVED" : "EXPIRED none"))
		return ("the reservation is something else");
	if (took_points != (bought && !gave_back))
		return ("the points are not what they should be");
	if (gave_back)
		(*(bought ? &paid_then_cancelled : &cancelled_only))++;
	else
		(*(bought ? &paid_only : &expired_only))++;
	to_another += to_rival;
	return (NULL);
}

static long
wallet(const char *user)
{
	return (atol(ask("SELECT (point.get_wallet('%s')).body::json ->> 'balance'", user)));
}

/* A round: a hold is made, all act on it at once, the end is looked at, the seat is freed again. False: a mixture. */
static bool
play(unsigned long round, const char *user)
{
	unsigned	 kind = (unsigned)(round % (sizeof(rounds) / sizeof(rounds[0])));
	const char	*seat = seats[round % SEATS], *outcomes[ACTORS] = { "", "", "", "" }, *wrong, *now;
	char		 reservation[40];
	long		 before = balance;
	int64_t		 ends_us = 0, began_us;
	int		 actor, first = (int)(random() % ACTORS);

	(void)strcpy(reservation, ask("SELECT (reservation.hold('%s', '%s', ARRAY['%s']::uuid[], NULL, NULL, %lu, 300, NULL, NULL, NULL,"
	    " 'r', 0)).body::json ->> 'reservationId'", user, schedule, seat, round));
	if (rounds[kind].ends)
		ends_us = strtoll(ask("WITH at AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp()"
		    " + interval '%ld microseconds' WHERE reservation_id = '%s' RETURNING *) UPDATE reservation.seats s"
		    " SET hold_expires_at = at.hold_expires_at FROM at WHERE s.reservation_id = at.reservation_id"
		    " RETURNING (extract(epoch FROM s.hold_expires_at) * 1000000)::bigint", 200 + random() % (lasts_us * 3 / 4 + 1), reservation), NULL, 10);
	began_us = now_us();
	for (actor = 0; actor < ACTORS; actor++) {
		if (rounds[kind].acts[(first + actor) % ACTORS])
			start((first + actor) % ACTORS, user, reservation, seat, round);
	}
	for (actor = 0; actor < ACTORS; actor++) {
		if (rounds[kind].acts[actor])
			outcomes[actor] = finish(actor);
	}
	if (rounds[kind].acts[PAY] && rounds[kind].acts[CANCEL] && rounds[kind].ends) {
		met += began_us < ends_us && ends_us < now_us();
		lasts_us += (now_us() - began_us - lasts_us) / 16;
	}
	now = ask("SELECT concat(reservation.status_of('%s'), ' ', coalesce((SELECT string_agg(status, '+') FROM payment.payments"
	    " WHERE reservation_id = '%s'), 'none'))", reservation, reservation);
	balance = wallet(user);
	wrong = mixture(kind, outcomes[PAY], outcomes[CANCEL], outcomes[RIVAL], now, balance != before);
	if (wrong != NULL)
		fprintf(stderr, "round %lu: %s (pay %s, cancel %s, another's hold %s: %s)\n", round, wrong, outcomes[PAY],
		    outcomes[CANCEL], outcomes[RIVAL], now);
	/* A seat given back is to be had at once, by whoever comes next; so is one that was never anybody's. */
	(void)ask("SELECT count(reservation.cancel(r.user_id, r.reservation_id, 'r')) FROM reservation.reservations r"
	    " JOIN reservation.seats s USING (reservation_id) WHERE s.seat_id = '%s'", seat);
	if (balance != before)
		balance = wallet(user);
	return (wrong == NULL);
}

static bool
none_is_hurt(unsigned long round)
{
	const char	*hurt = ask("SELECT string_agg(name || ': ' || detail, ', ') FROM (SELECT * FROM platform.invariants LIMIT 3) i");

	if (*hurt != '\0')
		fprintf(stderr, "before round %lu: %s\n", round, hurt);
	return (*hurt == '\0');
}

int
main(int argc, char **argv)
{
	unsigned long	round, count, mixtures = 0, hurt = 0;
	char		user[40];
	int		i;

	if (argc != 4) {
		fputs("usage: instants SCHEDULE TIMES SEED\n", stderr);
		return (2);
	}
	schedule = argv[1];
	count = strtoul(argv[2], NULL, 10);
	srandom((unsigned)strtoul(argv[3], NULL, 10));
	setup = connection();
	/* What goes before and after the instant need not wait for the disk. */
	(void)ask("SET synchronous_commit = off");
	for (i = 0; i < ACTORS; i++)
		conns[i] = connection();
	for (i = 0; i < SEATS; i++)
		(void)strcpy(seats[i], ask("SELECT seat_id FROM reservation.seats WHERE schedule_id = '%s' AND price = %d"
		    " ORDER BY row_no, number OFFSET %d LIMIT 1", schedule, PRICE, i));

	for (round = 0; met < count && round < 20 * count; round++) {
		if (round % 100 == 0) {
			(void)strcpy(user, ask("SELECT platform.uuid_v7()"));
			balance = atol(ask("SELECT (point.charge('%s', %d, 'charge', 'h', 'r')).body::json ->> 'balance'", user, 100 * PRICE));
			hurt += none_is_hurt(round) ? 0 : 1;
		}
		mixtures += !play(round, user);
	}
	printf("%lu rounds, all three met in %lu: paid %lu, paid and cancelled %lu, cancelled %lu, expired %lu; the seat went to another"
	    " %lu times; mixtures: %lu\n", round, met, paid_only, paid_then_cancelled, cancelled_only, expired_only, to_another, mixtures);
	if (met < count)
		fputs("they did not meet often enough\n", stderr);
	if (count >= 500 && (paid_only == 0 || paid_then_cancelled == 0 || cancelled_only == 0 || expired_only == 0 || to_another == 0))
		fputs("some outcome was never seen: the instants were not the same\n", stderr);
	return (mixtures == 0 && hurt == 0 && met >= count ? 0 : 1);
}
