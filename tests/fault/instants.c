/*
 * Lets a payment, a cancellation, the end of the hold, the sweeper and another user's hold of the seat meet at one
 * instant, many times, on a connection each. Each hold must have exactly one outcome, and all answers must agree with
 * it. `instants SCHEDULE TIMES SEED` uses the database named by PGHOST and its like. It runs until TIMES rounds had the
 * end of the hold between the start of the first call and the last answer, with a payment and a cancellation. On
 * standard error it prints each contradiction and each violated invariant, on standard output the number of each
 * outcome.
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
#define PRICE	3000	/* of a seat in the first rows */
#define TRIES	3

enum actor { PAY, CANCEL, RIVAL, SWEEP, ACTORS };

/* The actors of each round, and whether the hold ends during it. Most rounds have payment, cancellation and end together. */
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
static unsigned long	 met, paid_only, paid_then_cancelled, cancelled_only, expired_only, to_rival_count;
static long		 average_us = 3000;	/* average duration of a round's calls */
static long		 balance;		/* of the user who pays */

static void
fail(PGconn *conn, const char *what)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
	exit(1);
}

/* Returns true for a serialization failure or a deadlock, after which the services repeat the call. */
static bool
must_repeat(const PGresult *result)
{
	const char	*state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return (state != NULL && (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0));
}

/* Returns the first value of the first row, or "". The last four results stay valid. */
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
	while (must_repeat(result = PQexec(setup, query)) && tries++ < TRIES)
		PQclear(result);
	return (value(setup, result, query));
}

static PGconn *
connection(void)
{
	PGconn	*conn = PQconnectdb("application_name=instants");

	if (PQstatus(conn) != CONNECTION_OK)
		fail(conn, "connect");
	PQclear(PQexec(conn, "SET lock_timeout = '60s'"));
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

/* PostgreSQL runs on this machine, so its clock is the same. */
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
		if (must_repeat(result) && tries++ < TRIES) {
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

/* Returns the contradiction between the answers and the database, or NULL. */
static const char *
contradiction(unsigned kind, const char *pay, const char *cancel, const char *rival, const char *now, bool took_points)
{
	bool	bought = is(pay, "CREATED"), cancelled = is(cancel, "OK"), to_rival = strncmp(rival, "CREATED ", 8) == 0;
	bool	expired = is(pay, "RESERVATION_EXPIRED") || is(cancel, "RESERVATION_EXPIRED");

	if ((bought || cancelled) && expired)
		return ("one answer says paid or cancelled, another one EXPIRED");
	if (expired && !rounds[kind].ends)
		return ("EXPIRED before the end of the hold");
	if (is(pay, "RESERVATION_CANCELLED") && !cancelled)
		return ("the payment was answered RESERVATION_CANCELLED, but no cancellation was answered OK");
	if (rounds[kind].acts[PAY] && !bought && !expired && !is(pay, "RESERVATION_CANCELLED"))
		return ("unexpected answer to the payment");
	if (rounds[kind].acts[CANCEL] && !cancelled && !expired)
		return ("unexpected answer to the cancellation");
	if (to_rival && bought && !cancelled)
		return ("the payment was answered CREATED, but the seat went to another hold");
	if (to_rival && !is(ask("SELECT count(*) FROM reservation.reservation_seats c JOIN reservation.seats s USING (seat_id, reservation_id,"
	    " hold_epoch) WHERE c.reservation_id = '%s' AND c.live AND s.status = 'HOLD'", rival + 8), "1"))
		return ("the other hold was answered CREATED, but it does not have the seat");
	if (!is(now, cancelled ? (bought ? "CANCELLED REFUNDED" : "CANCELLED none") : bought ? "CONFIRMED APPROVED" : "EXPIRED none"))
		return ("the reservation in the database contradicts the answers");
	if (took_points != (bought && !cancelled))
		return ("the wallet contradicts the answers");
	if (cancelled)
		(*(bought ? &paid_then_cancelled : &cancelled_only))++;
	else
		(*(bought ? &paid_only : &expired_only))++;
	to_rival_count += to_rival;
	return (NULL);
}

static long
wallet(const char *user)
{
	return (atol(ask("SELECT (point.get_wallet('%s')).body::json ->> 'balance'", user)));
}

/*
 * Plays a round: makes a hold, starts all actors at once, checks the outcome, and frees the seat. Returns false if the
 * answers contradict each other.
 */
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
		    " RETURNING (extract(epoch FROM s.hold_expires_at) * 1000000)::bigint", 200 + random() % (average_us * 3 / 4 + 1), reservation), NULL, 10);
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
		average_us += (now_us() - began_us - average_us) / 16;
	}
	now = ask("SELECT concat(reservation.status_of('%s'), ' ', coalesce((SELECT string_agg(status, '+') FROM payment.payments"
	    " WHERE reservation_id = '%s'), 'none'))", reservation, reservation);
	balance = wallet(user);
	wrong = contradiction(kind, outcomes[PAY], outcomes[CANCEL], outcomes[RIVAL], now, balance != before);
	if (wrong != NULL)
		fprintf(stderr, "round %lu: %s (payment %s, cancellation %s, other hold %s; database: %s)\n", round, wrong, outcomes[PAY],
		    outcomes[CANCEL], outcomes[RIVAL], now);
	/* A seat that was given back or never sold must be available for the next round. */
	(void)ask("SELECT count(reservation.cancel(r.user_id, r.reservation_id, 'r')) FROM reservation.reservations r"
	    " JOIN reservation.seats s USING (reservation_id) WHERE s.seat_id = '%s'", seat);
	if (balance != before)
		balance = wallet(user);
	return (wrong == NULL);
}

static bool
invariants_hold(unsigned long round)
{
	const char	*violated = ask("SELECT string_agg(name || ': ' || detail, ', ') FROM (SELECT * FROM platform.invariants LIMIT 3) i");

	if (*violated != '\0')
		fprintf(stderr, "before round %lu: %s\n", round, violated);
	return (*violated == '\0');
}

int
main(int argc, char **argv)
{
	unsigned long	round, count, contradictions = 0, violated = 0;
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
	/* Commits before and after the instant need not wait for the disk. */
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
			violated += invariants_hold(round) ? 0 : 1;
		}
		contradictions += !play(round, user);
	}
	printf("%lu rounds, payment, cancellation and end met in %lu: paid %lu, paid and cancelled %lu, cancelled %lu, expired %lu; seat to the other hold"
	    " %lu; contradictions %lu\n", round, met, paid_only, paid_then_cancelled, cancelled_only, expired_only, to_rival_count, contradictions);
	if (met < count)
		fputs("payment, cancellation and end of the hold did not meet often enough\n", stderr);
	if (count >= 500 && (paid_only == 0 || paid_then_cancelled == 0 || cancelled_only == 0 || expired_only == 0 || to_rival_count == 0))
		fputs("one of the outcomes never occurred, so the calls were not simultaneous\n", stderr);
	return (contradictions == 0 && violated == 0 && met >= count ? 0 : 1);
}
