/*
 * Probes of idle connections to PostgreSQL (PG_PROBE_MS in pg_conn.h). The server is a script in this process: it greets every
 * connection and answers a probe with the bytes that the test chooses. A real server that is frozen: test_pg_server.c.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "clients.h"
#include "loop/loop.h"
#include "pg/pg_internal.h"
#include "pg/pg_settings.h"

#define CONNECTIONS_MAX	64
#define MESSAGE_MAX	4096

/* Messages of the server. */
#define TEXT(bytes)	{ (bytes), sizeof(bytes) - 1 }
#define GREETING	"R\0\0\0\010\0\0\0\0"			/* AuthenticationOk */
#define READY		"Z\0\0\0\005I"
#define EMPTY		"I\0\0\0\004"				/* EmptyQueryResponse */
#define DONE		"C\0\0\0\015SELECT 1\0"			/* CommandComplete */
#define COPY_IN		"G\0\0\0\007\0\0\0"
#define READ_ONLY	"S\0\0\0\045default_transaction_read_only\0on\0"
#define FAILED		"E\0\0\0\031SERROR\0C53200\0Mfull\0\0"
#define ENDED		"E\0\0\0\032SFATAL\0C57P01\0Mended\0\0"

static const struct bytes {
	const char	*data;
	size_t		 length;
} greeting = TEXT(GREETING READY), empty = TEXT(EMPTY READY), done = TEXT(DONE READY), copy_in = TEXT(COPY_IN), failed = TEXT(FAILED READY),
    ended = TEXT(ENDED), read_only = TEXT(EMPTY READ_ONLY READY);

/* The second server greets when the test says so, and then answers each probe. */
static struct server {
	int		 listener;
	struct ct_watch	*listening;
	unsigned	 sessions;	/* so far */
} hosts[2];
static struct session {
	struct server	*server;
	int		 fd;
	struct ct_watch	*watch;		/* NULL: the session has ended */
	bool		 greeted;
} sessions[CONNECTIONS_MAX];
static unsigned			 sessions_count;
static struct session		*waits;		/* the last session that the second server has not greeted */
static const struct bytes	*answer;	/* of the first server to a probe; NULL: none */
static struct session		*asks;		/* the session of the last probe */
static unsigned			 probes, statements;

static struct ct_pg		*pg;
static unsigned			 answered;
static enum ct_error		 error;

static const struct ct_pg_statement	write_call = { "t.write", "text", 1, -1, true, NULL, NULL, NULL };

/* The server. */

static void
server_say(const struct session *session, const struct bytes *bytes)
{
	cr_assert_eq(write(session->fd, bytes->data, bytes->length), (ssize_t)bytes->length);
}

static void
server_read(void *arg, int events)
{
	struct session	*session = arg;
	char		 message[MESSAGE_MAX];
	ssize_t		 length = read(session->fd, message, sizeof(message));

	(void)events;
	if (length <= 0) {
		ct_loop_unwatch(&session->watch);
		(void)close(session->fd);
	} else if (!session->greeted) {
		session->greeted = true;
		if (session->server == &hosts[0])
			server_say(session, &greeting);
		else
			waits = session;
	} else if (session->server == &hosts[1]) {
		server_say(session, &empty);
	} else if (message[0] == 'Q' && length == 6) {
		probes++;
		asks = session;
		if (answer != NULL)
			server_say(session, answer);
	} else if (message[0] != 'X')
		statements++;
}

static void
server_accept(void *arg, int events)
{
	struct session	*session = &sessions[sessions_count++];

	(void)events;
	cr_assert_leq(sessions_count, CONNECTIONS_MAX);
	session->server = arg;
	session->server->sessions++;
	session->fd = accept(session->server->listener, NULL, NULL);
	cr_assert_neq(session->fd, -1);
	session->watch = ct_loop_watch(session->fd, CT_READ, server_read, session);
}

static unsigned
server_listen(struct server *server)
{
	struct sockaddr_in	address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t		length = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(server->listener, (struct sockaddr *)&address, length), 0);
	cr_assert_eq(listen(server->listener, 16), 0);
	cr_assert_eq(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	server->listening = ct_loop_watch(server->listener, CT_READ, server_accept, server);
	return (ntohs(address.sin_port));
}

/* New connections are refused. */
static void
server_greet_no_more(void)
{
	ct_loop_unwatch(&hosts[0].listening);
	(void)close(hosts[0].listener);
}

/* The client. */

static bool
have_probes(void *count)
{
	return (probes >= *(unsigned *)count);
}

/* Returns true after this number of sessions. All the time the client must know that the server is down. */
static bool
have_sessions_while_down(void *count)
{
	cr_assert(pool_is_down(pg));
	return (sessions_count >= *(unsigned *)count);
}

static bool
have_statement(void *arg)
{
	(void)arg;
	return (statements > 0);
}

static bool
have_answer(void *arg)
{
	(void)arg;
	return (answered > 0);
}

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	(void)arg;
	answered++;
	error = outcome->error;
}

/* `count`: how many of the servers are in the list. */
static void
start_with(unsigned count, const char *pool, const char *timeout_ms)
{
	char		conninfo[256];
	unsigned	first = server_listen(&hosts[0]);

	if (count == 1)
		(void)snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%u dbname=d user=u sslmode=disable gssencmode=disable", first);
	else
		(void)snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1,127.0.0.1 port=%u,%u dbname=d user=u sslmode=disable "
		    "gssencmode=disable", first, server_listen(&hosts[1]));
	setenv("PG_CONNINFO", conninfo, 1);
	setenv("PG_POOL_SIZE", pool, 1);
	setenv("PG_TIMEOUT_MS", timeout_ms, 1);
	setenv("PG_QUEUE_MAX", "100", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_pg_configure();
	pg = ct_pg_init();
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	/* Server and client take turns in one loop, so its clock may run faster: no answer comes late. */
	loop_poll_step(5);
}

static void
start(const char *pool)
{
	start_with(1, pool, "5000");
}

static void
stop(void)
{
	ct_pg_deinit(&pg);
}

static void
wait_for_probes(unsigned count)
{
	cr_assert(loop_poll_until(have_probes, &count, 30000), "%u of %u probes", probes, count);
}

/* A probe is answered with these bytes; the connection must end, and the client must connect again. */
static void
check_answer_ends_connection(const struct bytes *bytes)
{
	start("1");
	answer = bytes;
	wait_for_probes(1);
	cr_assert(loop_poll_until(pool_is_empty, pg, 30000));
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(sessions_count, 2);
	stop();
}

TestSuite(pg_probe, .timeout = 120);

Test(pg_probe, idle_connections_are_probed_again_and_again_and_stay_open)
{
	uint64_t	begun;

	start("2");
	answer = &empty;
	begun = ct_loop_now_ms();
	wait_for_probes(6);
	cr_assert_geq(ct_loop_now_ms() - begun, 2 * PG_PROBE_MS, "each connection at most once in this time");
	cr_assert_eq(sessions_count, 2);
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP);
	cr_assert_eq(ct_pg_pending(pg), 0);
	stop();
}

Test(pg_probe, unanswered_probe_is_down_and_ends_every_connection)
{
	start("2");
	wait_for_probes(2);
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP, "the time limit is not over");
	cr_assert(loop_poll_until(pool_is_down, pg, 30000));
	cr_assert(loop_poll_until(pool_is_empty, pg, 30000));
	cr_assert_eq(probes, 2);
	stop();
}

/* A lost packet comes again after some hundred milliseconds. It says nothing about the server. */
Test(pg_probe, probe_answered_after_half_a_second_keeps_the_connection_with_the_shortest_timeout)
{
	start_with(1, "1", "100");
	wait_for_probes(1);
	loop_poll_for(500);
	cr_assert(pool_is_whole(pg), "the time limit is not over");
	server_say(asks, &empty);
	wait_for_probes(2);
	cr_assert_eq(sessions_count, 1);
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP);
	cr_assert(loop_poll_until(pool_is_down, pg, 30000), "the second probe has no answer");
	stop();
}

/* As a pooler does, the server greets while it cannot answer. */
Test(pg_probe, greeting_without_an_answer_is_not_up)
{
	unsigned	count = 3;

	start("1");
	cr_assert(loop_poll_until(pool_is_down, pg, 30000));
	cr_assert(loop_poll_until(have_sessions_while_down, &count, 60000));
	ct_pg_call(pg, &write_call, (const char *const[]){ "x" }, on_answer, NULL);
	answer = &failed;
	count += 3;
	cr_assert(loop_poll_until(have_sessions_while_down, &count, 60000));
	cr_assert_eq(statements, 0, "the call would have no known outcome");
	cr_assert_gt(pg->conns[0].backoff.next_ms, 2 * CT_BACKOFF_MIN_MS, "a greeting shortens no pause");
	answer = &empty;
	cr_assert(loop_poll_until(pool_is_up, pg, 60000));
	cr_assert_eq(pg->conns[0].backoff.next_ms, CT_BACKOFF_MIN_MS);
	stop();
}

static bool
have_a_new_session_at_each(void *before)
{
	const unsigned	*sessions_before = before;

	return (hosts[0].sessions > sessions_before[0] && hosts[1].sessions > sessions_before[1] && waits != NULL);
}

/*
 * The old primary is frozen, and its pooler greets at once. The new one greets later. The old one's greeting must not end the
 * attempt at the new one, and must not take the other connections.
 */
Test(pg_probe, quick_greeting_for_a_silent_server_does_not_win_against_another_host)
{
	unsigned	before[2];

	start_with(2, "3", "5000");
	cr_assert_eq(pg->hosts.primary, 0);
	waits = NULL;
	cr_assert(loop_poll_until(pool_is_down, pg, 30000));
	before[0] = hosts[0].sessions;
	before[1] = hosts[1].sessions;
	cr_assert(loop_poll_until(have_a_new_session_at_each, before, 30000));
	loop_poll_for(500);
	cr_assert_eq(hosts[0].sessions - before[0], 1, "a silent server keeps one connection busy");
	cr_assert_not_null(waits->watch, "the attempt at the other host goes on");
	server_say(waits, &greeting);
	cr_assert(loop_poll_until(pool_is_up, pg, 30000));
	cr_assert_eq(pg->hosts.primary, 1);
	stop();
}

/* A second statement would wait behind the probe, and its outcome would be unknown. */
Test(pg_probe, call_during_a_probe_waits_and_is_sent_after_the_answer)
{
	const char	*args[] = { "x" };

	start("1");
	wait_for_probes(1);
	ct_pg_call(pg, &write_call, args, on_answer, NULL);
	loop_poll_for(500);
	cr_assert_eq(statements, 0);
	cr_assert_eq(ct_pg_pending(pg), 1);
	server_say(asks, &empty);
	cr_assert(loop_poll_until(have_statement, NULL, 30000));
	cr_assert_eq(answered, 0);
	cr_assert_eq(sessions_count, 1);
	stop();
}

Test(pg_probe, write_during_an_unanswered_probe_is_unavailable_and_not_unknown)
{
	const char	*args[] = { "x" };

	start("1");
	server_greet_no_more();
	wait_for_probes(1);
	ct_pg_call(pg, &write_call, args, on_answer, NULL);
	cr_assert(loop_poll_until(have_answer, NULL, 30000));
	cr_assert_eq(error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(statements, 0);
	stop();
}

Test(pg_probe, connection_in_use_is_not_probed)
{
	const char	*args[] = { "x" };

	start("1");
	ct_pg_call(pg, &write_call, args, on_answer, NULL);
	cr_assert(loop_poll_until(have_answer, NULL, 30000), "no answer in time");
	cr_assert_eq(probes, 0);
	stop();
}

Test(pg_probe, server_that_says_read_only_in_the_answer_is_left)
{
	start("1");
	answer = &read_only;
	wait_for_probes(1);
	cr_assert(loop_poll_until(pool_is_empty, pg, 30000));
	cr_assert_eq(ct_pg_state(pg), CT_STORE_READ_ONLY);
	stop();
}

Test(pg_probe, error_as_the_answer_ends_the_connection)
{
	check_answer_ends_connection(&failed);
}

Test(pg_probe, end_of_the_session_as_the_answer_ends_the_connection)
{
	check_answer_ends_connection(&ended);
}

Test(pg_probe, answer_to_another_statement_ends_the_connection)
{
	check_answer_ends_connection(&done);
}

/* libpq gives the result "copy in" for ever. */
Test(pg_probe, answer_that_begins_a_copy_ends_the_connection)
{
	check_answer_ends_connection(&copy_in);
}

Test(pg_probe, close_during_a_probe_answers_the_waiting_call_only)
{
	const char	*args[] = { "x" };

	start("1");
	wait_for_probes(1);
	ct_pg_call(pg, &write_call, args, on_answer, NULL);
	stop();
	cr_assert_eq(answered, 1);
	cr_assert_eq(error, CT_ERROR_SERVICE_UNAVAILABLE);
}
