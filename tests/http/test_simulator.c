/* The card provider's simulator: the behaviour that Toss Payments documents, and faults on request. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netinet/in.h>

#include <openssl/evp.h>

#include "harness.h"

static const char *
authorization(const char *secret)
{
	char	*plain = format("%s:", secret), *text = calloc(1, 2 * strlen(plain) + 8);

	(void)EVP_EncodeBlock((unsigned char *)text, (unsigned char *)plain, (int)strlen(plain));
	return (format("Authorization: Basic %s", text));
}

/* Calls the provider as the merchant; without a body it is a GET. */
static struct reply
toss(const char *path, const char *key, const char *body)
{
	const char	*lines[] = { authorization(read_file(setting("CARD_PROVIDER_SECRET_FILE"))), NULL };

	return (http((struct call){ .base = direct("toss"), .path = path, .key = key, .body = body, .headers = lines }));
}

static struct reply
confirm(const char *payment_key, const char *order, int64_t amount, const char *key)
{
	return (toss("/v1/payments/confirm", key, format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":%" PRId64 "}",
	    payment_key, order, amount)));
}

static struct reply
cancel(const char *payment_key, int64_t amount, const char *key)
{
	return (toss(format("/v1/payments/%s/cancel", payment_key), key, amount == 0 ? "{\"cancelReason\":\"test\"}" :
	    format("{\"cancelReason\":\"test\",\"cancelAmount\":%" PRId64 "}", amount)));
}

static void
set_behaviour(const char *payment_key, const char *member, const char *what, int times)
{
	struct reply	reply = http((struct call){ .base = direct("toss"), .path = "/simulator/behaviours", .body =
			    format("{\"paymentKey\":\"%s\",\"%s\":\"%s\",\"times\":%d}", payment_key, member, what, times) });

	check_status(reply, 204);
}

/* Returns a new payment key that begins with `text`. */
static char *
payment_key_new(const char *text)
{
	return (format("%s_%s", text, key_new()));
}

static const char *
status_of(const char *order)
{
	struct reply	reply = toss(format("/v1/payments/orders/%s", order), NULL, NULL);

	return (reply.status == 200 ? text_at(reply.json, "status") : reply.status == 404 ? "none" : reply.body);
}

#define check_code(call, expected, expected_code) do { \
	struct reply reply_ = (call); \
	check_status(reply_, expected); \
	cr_assert_str_eq(text_at(reply_.json, "code"), expected_code); \
	(void)text_at(reply_.json, "message"); \
} while (0)

Test(simulator, payment_is_confirmed_looked_up_and_cancelled_in_parts)
{
	char		*key = payment_key_new("k"), *order = key_new();
	struct reply	 reply;

	cr_assert_str_eq(status_of(order), "none");
	reply = confirm(key, order, 15000, NULL);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "DONE");
	cr_assert_str_eq(text_at(reply.json, "paymentKey"), key);
	cr_assert_str_eq(text_at(reply.json, "orderId"), order);
	cr_assert_eq(number_at(reply.json, "totalAmount"), 15000);
	cr_assert(null_at(reply.json, "cancels") && !null_at(reply.json, "approvedAt"));
	check_code(confirm(key, order, 15000, NULL), 400, "ALREADY_PROCESSED_PAYMENT");
	check_code(confirm(payment_key_new("k"), order, 15000, NULL), 400, "DUPLICATED_ORDER_ID");

	reply = cancel(key, 5000, NULL);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "PARTIAL_CANCELED");
	cr_assert_eq(number_at(reply.json, "balanceAmount"), 10000);
	check_code(cancel(key, 10001, NULL), 403, "NOT_CANCELABLE_AMOUNT");
	reply = cancel(key, 0, NULL);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELED");
	cr_assert_eq(number_at(reply.json, "cancels.1.cancelAmount"), 10000);
	cr_assert_eq(number_at(reply.json, "cancels.1.refundableAmount"), 0);
	check_code(cancel(key, 0, NULL), 400, "ALREADY_CANCELED_PAYMENT");
	reply = toss(format("/v1/payments/%s", key), NULL, NULL);
	check_status(reply, 200);
	cr_assert_eq(length_at(reply.json, "cancels"), 2);
}

/* The position of the payment's transaction with that status in all pages of 50; -1: none. *count_r: all of them. */
static int
transaction_of(const char *key, const char *status, int *count_r)
{
	const char	*after = "";
	struct reply	 reply;
	int		 found = -1, i, length;

	*count_r = 0;
	do {
		reply = toss(format("/v1/transactions?startDate=2020-01-01T00:00:00&endDate=2199-01-01T00:00:00&limit=50%s%s",
		    *after == '\0' ? "" : "&startingAfter=", after), NULL, NULL);
		check_status(reply, 200);
		length = (int)cJSON_GetArraySize(reply.json);
		cr_assert(length <= 50);
		for (i = 0; i < length; i++, (*count_r)++) {
			after = text_at(reply.json, format("%d.transactionKey", i));
			if (strcmp(text_at(reply.json, format("%d.paymentKey", i)), key) == 0 &&
			    strcmp(text_at(reply.json, format("%d.status", i)), status) == 0) {
				cr_assert_eq(found, -1, "a transaction is listed twice");
				found = *count_r;
			}
		}
	} while (length == 50);
	return (found);
}

Test(simulator, transactions_are_listed_in_pages)
{
	char	*key = payment_key_new("k"), *order = key_new();
	int	 count, captured, refunded;

	cr_assert_eq(transaction_of(key, "DONE", &count), -1);
	check_status(confirm(key, order, 15000, NULL), 200);
	check_status(cancel(key, 0, NULL), 200);
	captured = transaction_of(key, "DONE", &count);
	refunded = transaction_of(key, "CANCELED", &count);
	cr_assert(captured >= 0 && refunded > captured && count > refunded);
	check_code(toss("/v1/transactions?startDate=2020-01-01T00:00:00", NULL, NULL), 400, "INVALID_REQUEST");
	check_code(toss("/v1/transactions?startDate=2020-01-01&endDate=2199-01-01T00:00:00", NULL, NULL), 400, "INVALID_REQUEST");
	check_code(toss("/v1/transactions?startDate=2020-01-01T00:00:00&endDate=2199-01-01T00:00:00&startingAfter=x", NULL, NULL), 400,
	    "INVALID_REQUEST");
}

Test(simulator, invalid_call_gets_the_documented_error)
{
	const char	*wrong[] = { authorization("test_sk_somebody_elses_key_entirely"), NULL };
	const char	*bearer[] = { "Authorization: Bearer x", NULL };
	char		 long_key[303];

	check_code(http((struct call){ .base = direct("toss"), .path = "/v1/payments/k" }), 401, "UNAUTHORIZED_KEY");
	check_code(http((struct call){ .base = direct("toss"), .path = "/v1/payments/k", .headers = wrong }), 401,
	    "UNAUTHORIZED_KEY");
	check_code(http((struct call){ .base = direct("toss"), .path = "/v1/payments/k", .headers = bearer }), 403,
	    "INCORRECT_BASIC_AUTH_FORMAT");
	check_code(toss(format("/v1/payments/%s", payment_key_new("k")), NULL, NULL), 404, "NOT_FOUND_PAYMENT");
	check_code(cancel(payment_key_new("k"), 0, NULL), 404, "NOT_FOUND_PAYMENT");
	check_code(toss("/v1/payments/confirm", NULL, "{\"paymentKey\":\"k\",\"orderId\":\"order-1\"}"), 400,
	    "INVALID_REQUEST");
	check_code(toss("/v1/payments/confirm", NULL, "{\"paymentKey\":\"k\",\"orderId\":\"short\",\"amount\":100}"), 400,
	    "INVALID_REQUEST");
	check_code(toss("/v1/payments/confirm", NULL, "not json"), 400, "INVALID_REQUEST");
	check_code(confirm(payment_key_new("k"), key_new(), 99, NULL), 400, "BELOW_MINIMUM_AMOUNT");
	memset(long_key, 'x', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	check_code(confirm(payment_key_new("k"), key_new(), 1000, long_key), 400, "INVALID_IDEMPOTENCY_KEY");
}

Test(simulator, repeated_idempotency_key_replays_the_first_answer)
{
	char		*key = payment_key_new("k"), *order = key_new(), *idempotency = key_new();
	struct reply	 first, again;

	first = confirm(key, order, 20000, idempotency);
	again = confirm(key, order, 20000, idempotency);
	check_status(first, 200);
	check_status(again, 200);
	cr_assert_str_eq(first.body, again.body);
	/* A key belongs to a path: the same key on another path is another request. */
	first = cancel(key, 1000, idempotency);
	again = cancel(key, 1000, idempotency);
	check_status(first, 200);
	cr_assert_str_eq(first.body, again.body);
	cr_assert_eq(number_at(again.json, "balanceAmount"), 19000);
	/* The simulator repeats refusals too. */
	idempotency = key_new();
	check_code(cancel(key, 50000, idempotency), 403, "NOT_CANCELABLE_AMOUNT");
	check_code(cancel(key, 1000, idempotency), 403, "NOT_CANCELABLE_AMOUNT");
}

/* A payment key stands for the order and amount of its payment window, confirmed or not. */
Test(simulator, payment_key_with_another_order_or_amount_is_refused)
{
	char		*key = payment_key_new("k"), *order = key_new(), *again;
	struct reply	 reply;

	reply = http((struct call){ .base = direct("toss"), .path = "/simulator/payments",
	    .body = format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":5000}", key, order) });
	check_status(reply, 204);
	cr_assert_str_eq(status_of(order), "IN_PROGRESS");
	check_code(confirm(key, key_new(), 5000, NULL), 403, "FORBIDDEN_REQUEST");
	check_code(confirm(key, order, 5001, NULL), 403, "FORBIDDEN_REQUEST");
	check_status(confirm(key, order, 5000, NULL), 200);
	check_code(confirm(key, key_new(), 5000, NULL), 400, "ALREADY_PROCESSED_PAYMENT");
	/* An order is captured once, also after a refund. */
	again = payment_key_new("k");
	check_code(confirm(again, order, 5000, NULL), 400, "DUPLICATED_ORDER_ID");
	check_status(cancel(key, 0, NULL), 200);
	check_code(confirm(again, order, 5000, NULL), 400, "DUPLICATED_ORDER_ID");
	/* A declined order may be confirmed with another payment key. */
	order = key_new();
	check_code(confirm(payment_key_new("sim_decline_REJECT_CARD_PAYMENT"), order, 5000, NULL), 403, "REJECT_CARD_PAYMENT");
	check_status(confirm(payment_key_new("k"), order, 5000, NULL), 200);
}

Test(simulator, declined_payment_key_stays_declined)
{
	char		*key = payment_key_new("sim_decline_INVALID_STOPPED_CARD"), *order = key_new();
	struct reply	 reply;

	check_code(confirm(key, order, 5000, NULL), 400, "INVALID_STOPPED_CARD");
	check_code(confirm(key, order, 5000, NULL), 404, "NOT_FOUND_PAYMENT_SESSION");
	reply = toss(format("/v1/payments/%s", key), NULL, NULL);
	cr_assert_str_eq(text_at(reply.json, "status"), "ABORTED");
	cr_assert_str_eq(text_at(reply.json, "failure.code"), "INVALID_STOPPED_CARD");
	check_code(cancel(key, 0, NULL), 403, "NOT_CANCELABLE_PAYMENT");
}

Test(simulator, injected_fault_happens_before_or_after_the_effect)
{
	static const struct {
		const char	*what;
		long		 status;	/* 0: no answer */
		bool		 effect;
	} faults[] = {
		{ "500_before", 500, false }, { "500_after", 500, true },
		{ "cut_before", 0, false }, { "cut_after", 0, true },
		{ "malformed", 200, true },
	};
	struct reply	reply;
	char		*key, *order, *idempotency;
	size_t		 i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		key = payment_key_new("k");
		order = key_new();
		idempotency = key_new();
		set_behaviour(key, "confirm", faults[i].what, 1);
		reply = confirm(key, order, 3000, idempotency);
		cr_assert_eq(reply.status, faults[i].status, "%s: %ld", faults[i].what, reply.status);
		cr_assert(faults[i].status != 200 || reply.json == NULL);
		cr_assert_str_eq(status_of(order), faults[i].effect ? "DONE" : "none", "%s", faults[i].what);
		/* A repeat with the same key gives the certain outcome. */
		reply = confirm(key, order, 3000, idempotency);
		check_status(reply, 200);
		cr_assert_str_eq(text_at(reply.json, "status"), "DONE");
	}
}

Test(simulator, slow_confirm_is_in_progress_and_completes_without_its_client)
{
	char		*key = payment_key_new("sim_delay_3000"), *order = key_new(), *idempotency = key_new();
	struct call	 calls[2];
	struct reply	 replies[2];
	const char	*lines[] = { authorization(read_file(setting("CARD_PROVIDER_SECRET_FILE"))), NULL };
	char		*raw, *body;

	body = format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":3000}", key, order);
	calls[0] = calls[1] = (struct call){ .base = direct("toss"), .path = "/v1/payments/confirm", .key = idempotency,
	    .headers = lines, .body = body };
	http_all(calls, replies, 2);
	cr_assert(replies[0].status + replies[1].status == 200 + 409, "%ld, %ld", replies[0].status, replies[1].status);
	cr_assert_str_eq(status_of(order), "DONE");

	/* The client disconnects after a second. */
	key = payment_key_new("sim_delay_10000");
	order = key_new();
	body = format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":3000}", key, order);
	raw = raw_tcp(atoi(setting("TOSS_PORT")), format("POST /v1/payments/confirm HTTP/1.1\r\nHost: x\r\n%s\r\n"
	    "Content-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", lines[0], strlen(body), body),
	    NULL, 1);
	cr_assert_str_eq(raw == NULL ? "" : raw, "");
	cr_assert_str_eq(status_of(order), "IN_PROGRESS");
	wait_for(strcmp(status_of(order), "DONE") == 0, 60);
}

static void
kill_simulator(void)
{
	FILE	*pid;
	int	 number = 0;

	pid = fopen(format("%s/toss/kore.pid", setting("RUN_DIR")), "r");
	cr_assert(pid != NULL && fscanf(pid, "%d", &number) == 1 && number > 1);
	(void)fclose(pid);
	/* Kill the whole process group: a worker would go on answering for a moment after its master. */
	cr_assert_eq(kill(-number, SIGKILL), 0);
	wait_for(http((struct call){ .base = direct("toss"), .path = "/livez" }).status == 200, 60);
}

/* A simulator of the test's own. */
struct own_simulator {
	pid_t	 pid;
	int	 port;
	char	*base;
};

/* Starts one with empty books, in the folder RUN_DIR/`name`. It sends its webhooks to `webhook_port`. */
static struct own_simulator
own_simulator_start(const char *name, int port, int webhook_port)
{
	struct own_simulator	own = { .port = port, .base = format("http://127.0.0.1:%d", port) };

	own.pid = fork();
	cr_assert_geq(own.pid, 0);
	if (own.pid == 0) {
		(void)setpgid(0, 0);
		execl("/bin/bash", "bash", "-euc", format("export SO=$BUILD_DIR/toss.so PORT=%d RUNDIR=$RUN_DIR/%s "
		    "BIND=127.0.0.1 DRAIN_SECONDS=1 TOSS_BOOKS=$RUN_DIR/%s/books.jsonl TOSS_WEBHOOK_PAUSE_MS=100 "
		    "TOSS_WEBHOOK_URL=http://127.0.0.1:%d/\nrm -rf $RUNDIR; mkdir -p $RUNDIR\n"
		    "envsubst '$BIND $PORT $SO $RUNDIR' <deploy/simulator/conf/toss.conf >$RUNDIR/toss.conf\ncd $RUNDIR\n"
		    "exec setpriv --pdeathsig TERM $BUILD_DIR/kore/kore -f -n -r -c $RUNDIR/toss.conf >>$RUN_DIR/log/%s.log 2>&1",
		    port, name, name, webhook_port, name), (char *)NULL);
		_exit(127);
	}
	wait_for_program(http((struct call){ .path = "/readyz", .base = own.base }).status == 200, own.pid,
	    format("%s/log/%s.log", setting("RUN_DIR"), name));
	return (own);
}

/* Ends it and all its workers at once. */
static void
own_simulator_kill(const struct own_simulator *own)
{
	cr_assert_eq(kill(-own->pid, SIGKILL), 0);
	cr_assert_eq(waitpid(own->pid, NULL, 0), own->pid);
	wait_for(http((struct call){ .path = "/livez", .base = own->base }).status == 0, 60);
}

static void
set_seed(const struct own_simulator *own, int number, int rate)
{
	struct reply	reply = http((struct call){ .base = own->base, .path = "/simulator/seed",
			    .body = format("{\"seed\":%d,\"rate\":%d}", number, rate) });

	check_status(reply, 204);
}

/* longer than any random delay, and much shorter than a fault without an answer */
#define RESULT_SECONDS	15

/* Looks up eight keys at once. Returns the first 12 bytes of each answer, which shows the fault that it got. */
static char *
lookup_results(const struct own_simulator *own, const char *unique)
{
	const char	*line = authorization(read_file(setting("CARD_PROVIDER_SECRET_FILE")));
	char		*all = format("%s", ""), *answer, begin[16];
	int		 pipes[8][2], i;
	pid_t		 children[8];

	for (i = 0; i < 8; i++) {
		cr_assert_eq(pipe(pipes[i]), 0);
		if ((children[i] = fork()) == 0) {
			answer = raw_tcp(own->port, format("GET /v1/payments/%s-%d HTTP/1.1\r\nHost: x\r\n%s\r\n"
			    "Connection: close\r\n\r\n", unique, i, line), NULL, RESULT_SECONDS);
			answer = format("%.12s", answer == NULL ? "" : answer);
			_exit(write(pipes[i][1], answer, strlen(answer)) < 0);
		}
		(void)close(pipes[i][1]);
	}
	for (i = 0; i < 8; i++) {
		ssize_t	length = read(pipes[i][0], begin, sizeof(begin));

		all = format("%s|%.*s", all, (int)length, begin);
		(void)close(pipes[i][0]);
	}
	for (i = 0; i < 8; i++)
		(void)waitpid(children[i], NULL, 0);
	return (all);
}

/* Accepts one request on `listener`, answers with `status`, and returns the request. */
static const char *
accept_webhook(int listener, const char *status)
{
	int	 connection = accept(listener, NULL, NULL);
	char	*text = calloc(1, 8192);
	size_t	 length = 0;
	ssize_t	 n;

	cr_assert_neq(connection, -1, "no webhook came in time");
	while ((strstr(text, "\r\n\r\n") == NULL || strchr(strstr(text, "\r\n\r\n"), '}') == NULL) &&
	    (n = recv(connection, text + length, 8191 - length, 0)) > 0)
		length += (size_t)n;
	(void)dprintf(connection, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
	(void)close(connection);
	return (text);
}

/* The simulator repeats a webhook with growing pauses until it is answered 200, and counts the repeats in a header. */
Test(simulator, webhook_is_repeated_until_answered_200, .timeout = 300)
{
	struct sockaddr_in	 address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t		 size = sizeof(address);
	int			 listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char		*lines[] = { authorization(read_file(setting("CARD_PROVIDER_SECRET_FILE"))), NULL };
	static const char *const answers[] = { "503 Service Unavailable", "500 Internal Server Error", "200 OK" };
	const char		*key = payment_key_new("k"), *text, *first_id = NULL, *id;
	struct own_simulator	 own;
	struct reply		 reply;

	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(listener, 8), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	cr_assert_eq(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 20 }, sizeof(struct timeval)), 0);
	own = own_simulator_start("own-toss", atoi(setting("TOSS_PORT")) + 5, ntohs(address.sin_port));
	reply = http((struct call){ .base = own.base, .path = "/v1/payments/confirm", .key = key_new(), .headers = lines,
	    .body = format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":3000}", key, key_new()) });
	check_status(reply, 200);
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		text = accept_webhook(listener, answers[i]);
		cr_assert_not_null(strstr(text, key), "%s", text);
		cr_assert_not_null(strstr(text, format("transmission-retried-count: %u\r\n", i)), "%s", text);
		id = strstr(text, "transmission-id: ");
		cr_assert_not_null(id, "%s", text);
		if (i == 0)
			first_id = id;
		cr_assert_eq(strncmp(first_id, id, strcspn(first_id, "\r")), 0, "the repeat has another transmission-id: %s", text);
	}
	/* After 200 no repeat comes, in a time in which several would have come. */
	cr_assert_eq(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 4 }, sizeof(struct timeval)), 0);
	cr_assert_eq(accept(listener, NULL, NULL), -1, "the webhook was repeated after it had been answered 200");
	(void)close(listener);
	cr_assert_eq(kill(own.pid, SIGTERM), 0);
	cr_assert_eq(waitpid(own.pid, NULL, 0), own.pid);
}

/* On a simulator of its own: all other tests share a seed. */
Test(simulator, same_seed_makes_the_same_faults, .timeout = 300)
{
	int			 port = atoi(setting("GATEWAY_HTTPS_PORT")) + 140;
	char			*unique = key_new(), *first, *again, *other;
	struct own_simulator	 own = own_simulator_start("seeded-toss", port, port);

	set_seed(&own, 7, 100);
	first = lookup_results(&own, unique);
	own_simulator_kill(&own);
	own = own_simulator_start("seeded-toss", port, port);
	set_seed(&own, 7, 100);
	again = lookup_results(&own, unique);
	own_simulator_kill(&own);
	own = own_simulator_start("seeded-toss", port, port);
	other = lookup_results(&own, unique);
	own_simulator_kill(&own);
	cr_assert_str_eq(first, again);
	/* Without a seed the simulator makes no random faults: all eight look-ups answer 404. */
	cr_assert_eq(count_of(other, "HTTP/1.1 404"), 8, "%s", other);
	cr_assert_str_neq(first, other);
}

/* A killed simulator remembers everything that it answered. */
Test(restart, killed_simulator_keeps_its_books)
{
	char		*key = payment_key_new("k"), *order = key_new(), *idempotency = key_new();
	struct reply	 first, again;

	first = confirm(key, order, 7000, idempotency);
	check_status(first, 200);
	check_status(cancel(key, 3000, NULL), 200);
	kill_simulator();
	cr_assert_str_eq(status_of(order), "PARTIAL_CANCELED");
	again = confirm(key, order, 7000, idempotency);
	check_status(again, 200);
	cr_assert_str_eq(first.body, again.body);
	check_code(cancel(key, 4001, NULL), 403, "NOT_CANCELABLE_AMOUNT");
}
