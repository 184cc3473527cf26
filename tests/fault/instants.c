/*
 * Paying, cancelling, the end of a hold, its sweeping and somebody else's hold of
 * the seat, all at the same instant, again and again, on a connection each: of
 * each hold exactly one thing becomes true, and everybody was told that one.
 *
 *   instants SCHEDULE ROUNDS SEED     the database is the one PGHOST and so on name
 *
 * Prints on standard error a line for each mixture; on standard output how often
 * each outcome was seen.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define SEATS	20
#define PRICE	3000	/* of a seat of the first rows */

enum actor { PAY, CANCEL, RIVAL, SWEEP, ACTORS };

/* Who acts in a round, and whether the hold's time is over meanwhile. */
static const struct {
	bool	acts[ACTORS];
	bool	ends;
}			 rounds[] = {
	{ { [PAY] = true, [CANCEL] = true }, false },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true }, false },
	{ { [PAY] = true, [RIVAL] = true, [SWEEP] = true }, false },
	{ { [PAY] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [RIVAL] = true, [SWEEP] = true }, true },
	{ { [PAY] = true, [CANCEL] = true, [SWEEP] = true }, true },
};

static PGconn		*setup, *conns[ACTORS];
static const char	*schedule;
static char		 seats[SEATS][40];
static unsigned long	 paid_only, paid_then_cancelled, cancelled_only, expired_only, to_another;

static void
fail(PGconn *conn, const char *what)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
	exit(1);
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
	char	query[1024];
	va_list	args;

	va_start(args, fmt);
	(void)vsnprintf(query, sizeof(query), fmt, args);
	va_end(args);
	return (value(setup, PQexec(setup, query), query));
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
	char	query[1024];

	switch (actor) {
	case PAY:
		(void)snprintf(query, sizeof(query), "SELECT (payment.pay_by_points('%s', '%s', %d, 'pay %lu', 'h', 3, 'r')).outcome",
		    user, reservation, PRICE, round);
		break;
	case CANCEL:
		(void)snprintf(query, sizeof(query), "SELECT (reservation.cancel('%s', '%s', 'r')).outcome", user, reservation);
		break;
	case RIVAL:
		(void)snprintf(query, sizeof(query), "SELECT (reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s']::uuid[], NULL, NULL,"
		    " %lu, 300, NULL, NULL, NULL, 'r')).outcome", schedule, seat, round);
		break;
	default:
		(void)snprintf(query, sizeof(query), "SELECT (reservation.sweep(100)).outcome");
		break;
	}
	if (!PQsendQuery(conns[actor], query))
		fail(conns[actor], query);
}

static const char *
finish(enum actor actor)
{
	static char	 outcomes[ACTORS][64];
	PGresult	*result;

	outcomes[actor][0] = '\0';
	while ((result = PQgetResult(conns[actor])) != NULL)
		(void)snprintf(outcomes[actor], sizeof(outcomes[actor]), "%s", value(conns[actor], result, "an actor"));
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
	bool	bought = is(pay, "CREATED"), gave_back = is(cancel, "OK"), to_rival = is(rival, "CREATED");
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

/* A round: a hold is made, all act on it at once, the end is looked at, the seat is freed again. False: a mixture. */
static bool
play(unsigned long round, const char *user)
{
	unsigned	 kind = (unsigned)(round % (sizeof(rounds) / sizeof(rounds[0])));
	const char	*seat = seats[round % SEATS], *outcomes[ACTORS] = { "", "", "", "" }, *wrong, *now;
	char		 reservation[40], balance[32];
	int		 actor, first = (int)(random() % ACTORS);

	(void)strcpy(balance, ask("SELECT (point.charge('%s', %d, 'charge %lu', 'h', 'r')).body::json ->> 'balance'", user, PRICE, round));
	(void)strcpy(reservation, ask("SELECT (reservation.hold('%s', '%s', ARRAY['%s']::uuid[], NULL, NULL, %lu, 300, NULL, NULL, NULL,"
	    " 'r')).body::json ->> 'reservationId'", user, schedule, seat, round));
	if (rounds[kind].ends)
		(void)ask("WITH at AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + interval '%ld microseconds'"
		    " WHERE reservation_id = '%s' RETURNING *) UPDATE reservation.seats s SET hold_expires_at = at.hold_expires_at"
		    " FROM at WHERE s.reservation_id = at.reservation_id", 300 + random() % 4000, reservation);
	for (actor = 0; actor < ACTORS; actor++) {
		if (rounds[kind].acts[(first + actor) % ACTORS])
			start((first + actor) % ACTORS, user, reservation, seat, round);
	}
	for (actor = 0; actor < ACTORS; actor++) {
		if (rounds[kind].acts[actor])
			outcomes[actor] = finish(actor);
	}
	now = ask("SELECT concat(reservation.status_of('%s'), ' ', coalesce((SELECT string_agg(status, '+') FROM payment.payments"
	    " WHERE reservation_id = '%s'), 'none'))", reservation, reservation);
	wrong = mixture(kind, outcomes[PAY], outcomes[CANCEL], outcomes[RIVAL], now,
	    atol(ask("SELECT (point.get_wallet('%s')).body::json ->> 'balance'", user)) != atol(balance));
	if (wrong != NULL)
		fprintf(stderr, "round %lu: %s (pay %s, cancel %s, another's hold %s: %s)\n", round, wrong, outcomes[PAY],
		    outcomes[CANCEL], outcomes[RIVAL], now);
	/* A seat given back is to be had at once, by whoever comes next; so is one that was never anybody's. */
	(void)ask("SELECT count(reservation.cancel(r.user_id, r.reservation_id, 'r')) FROM reservation.reservations r"
	    " JOIN reservation.seats s USING (reservation_id) WHERE s.seat_id = '%s'", seat);
	return (wrong == NULL);
}

int
main(int argc, char **argv)
{
	unsigned long	round, count, mixtures = 0;
	char		user[40];
	int		i;

	if (argc != 4) {
		fputs("usage: instants SCHEDULE ROUNDS SEED\n", stderr);
		return (2);
	}
	schedule = argv[1];
	count = strtoul(argv[2], NULL, 10);
	srandom((unsigned)strtoul(argv[3], NULL, 10));
	setup = connection();
	for (i = 0; i < ACTORS; i++)
		conns[i] = connection();
	for (i = 0; i < SEATS; i++)
		(void)strcpy(seats[i], ask("SELECT seat_id FROM reservation.seats WHERE schedule_id = '%s' AND price = %d"
		    " ORDER BY row_no, number OFFSET %d LIMIT 1", schedule, PRICE, i));

	for (round = 0; round < count; round++) {
		if (round % 100 == 0)
			(void)strcpy(user, ask("SELECT platform.uuid_v7()"));
		mixtures += !play(round, user);
	}
	printf("%lu rounds: paid %lu, paid and cancelled %lu, cancelled %lu, expired %lu; the seat went to another %lu times; mixtures: %lu\n",
	    count, paid_only, paid_then_cancelled, cancelled_only, expired_only, to_another, mixtures);
	if (count >= 500 && (paid_only == 0 || paid_then_cancelled == 0 || cancelled_only == 0 || expired_only == 0 || to_another == 0))
		fputs("some outcome was never seen: the instants were not the same\n", stderr);
	return (mixtures == 0 ? 0 : 1);
}
