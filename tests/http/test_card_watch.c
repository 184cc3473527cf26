/* Card payments: valid payment keys, the limit per worker, metrics, logs, and `story`. */
#include <sys/wait.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

Test(card, malformed_payment_key_is_400)
{
	struct user	 user = user_new();
	char		 unknown[UUID_TEXT];
	struct reply	 reply;

	uuid_new(unknown);
	reply = pay_by_card(&user, unknown, 1000, "../confirm", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_by_card(&user, unknown, 1000, card_new(), key_new());
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
}

/* Pays with the JSON `card` as it is; NULL leaves the field out. */
static struct reply
pay_with(const struct user *user, const char *reservation, const char *method, const char *card, const char *key)
{
	return (http((struct call){ .path = "/payments", .jwt = user->jwt, .key = key,
	    .body = format("{\"reservationId\":\"%s\",\"amount\":1000,\"method\":\"%s\"%s%s}", reservation, method,
	    card == NULL ? "" : ",\"card\":", card == NULL ? "" : card) }));
}

Test(card, unknown_card_fields_do_not_change_the_request_hash)
{
	struct user	 user = user_new();
	char		 unknown[UUID_TEXT], *key = key_new();
	struct reply	 reply;

	uuid_new(unknown);
	check_status(pay_with(&user, unknown, "CARD", "{\"paymentKey\":\"k\",\"issuer\":1}", key), 404);
	reply = pay_with(&user, unknown, "CARD", "{\"issuer\":2,\"paymentKey\":\"k\"}", key);
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	reply = pay_with(&user, unknown, "CARD", "{\"paymentKey\":\"l\"}", key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");

	key = key_new();
	check_status(pay_with(&user, unknown, "POINT", "{\"paymentKey\":\"k\"}", key), 404);
	reply = pay_with(&user, unknown, "POINT", NULL, key);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	reply = pay_with(&user, unknown, "POINT", "7", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, unknown, "POINT", "{\"paymentKey\":7}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, unknown, "POINT", "{}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, unknown, "CARD", "{}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
}

enum { CALLS = 540, TAKEN = 500 };
static struct call	calls[CALLS];
static struct reply	replies[CALLS];

static void *
pay_all(void *arg)
{
	(void)arg;
	http_all(calls, replies, CALLS);
	return (NULL);
}

/*
 * A worker counts a card payment from its arrival, not from the call to the provider. This test runs alone, because
 * every card payment is refused meanwhile.
 */
Test(restart, card_payments_over_the_worker_limit_are_503, .timeout = 300)
{
	static const char	 sheds[] = "ct_requests_total{method=\"POST\",route=\"/payments\",status=\"5xx\"}";
	struct user		 user = user_new();
	char			 unknown[UUID_TEXT];
	double			 before = metric(direct("payment"), sheds);
	pthread_t		 thread;
	PGconn			*lock;
	int			 i, shed = 0;

	uuid_new(unknown);
	for (i = 0; i < CALLS; i++) {
		calls[i] = card_call(&user, unknown, 1000, card_new(), key_new());
		calls[i].base = direct("payment");
	}
	lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	cr_assert_eq(pthread_create(&thread, NULL, pay_all, NULL), 0);
	wait_for(metric(direct("payment"), sheds) >= before + CALLS - TAKEN, 60);
	release_lock(lock);
	(void)pthread_join(thread, NULL);
	for (i = 0; i < CALLS; i++)
		shed += replies[i].status == 503 && strstr(replies[i].body, "Too many card payments") != NULL;
	cr_assert_geq(shed, CALLS - TAKEN, "%d", shed);
	/* The worker accepts card payments again. */
	check_status(http(calls[0]), 404);
}

Test(card, time_to_certain_outcome_is_in_metrics, .timeout = 300)
{
	static const char	paid[] = "card_certainty_seconds_count{what=\"payment\"}";
	static const char	refunded[] = "card_certainty_seconds_count{what=\"refund\"}";
	static const char	seconds[] = "card_certainty_seconds_sum{what=\"payment\"}";
	struct schedule		schedule = schedule_new(1, 2);
	struct user		user = user_new();
	struct reply		reply;
	char			*reservation, *card = card_new(), *payment;
	double			before, before_refunded, before_seconds;
	int64_t			amount;

	before = metric(direct("payment"), paid);
	before_refunded = metric(direct("payment"), refunded);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	wait_for(metric(direct("payment"), paid) >= before + 1, 60);
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	wait_for(metric(direct("payment"), refunded) >= before_refunded + 1, 60);

	/* An outcome that the resolver finds is counted too, with the whole time since the payment began. */
	reservation = hold_new(&user, &schedule, 1, 1, &amount);
	card = card_new();
	set_provider_behaviour(card, "confirm", "timeout_after", 1);
	before = metric(direct("payment"), paid);
	before_seconds = metric(direct("payment"), seconds);
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_status(reply, 201);
	wait_for(metric(direct("payment"), paid) >= before + 1, 60);
	wait_for(metric(direct("payment"), seconds) >= before_seconds + (double)atoi(setting("CARD_PROVIDER_TIMEOUT_MS")) / 1000, 60);
}

/* Checks the logs of all programs, including PostgreSQL's lines about slow statements. */
Test(card, logs_hold_no_provider_secret_and_no_payment_key, .timeout = 300)
{
	static const char *const	logs[] = { "access", "gateway-error", "payment-0", "point-0", "postgres", "redis",
	    "reservation-0", "toss" };
	struct schedule			 schedule = schedule_new(1, 1);
	struct user			 user = user_new();
	char				*reservation;
	int64_t				 amount;
	PGconn				*lock;
	pid_t				 payer;
	int				 status;
	size_t				 i;

	/* PostgreSQL logs statements that take a second or longer, so make one wait for longer. */
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	cr_assert_neq(payer = fork(), -1);
	if (payer == 0)
		_exit(pay_by_card(&user, reservation, amount, card_new(), key_new()).status == 201 ? 0 : 1);
	wait_for(*backend_waiting_for(lock, "1.1") != '\0', 60);
	release_lock(lock);
	cr_assert_eq(waitpid(payer, &status, 0), payer);
	cr_assert_eq(status, 0);
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		cr_assert_eq(system(format("test -f '%s/log/%s.log'", setting("RUN_DIR"), logs[i])), 0, "%s.log does not exist", logs[i]);
	wait_for(system(format("grep -q 'duration: .*payment.begin_card' '%s/log/postgres.log'", setting("RUN_DIR"))) == 0, 60);
	cr_assert_eq(system(format("cd '%s/log' && ! grep -l -F -e \"$(cat '%s')\" -e \"$(printf '%%s:' \"$(cat '%s')\" | base64 -w 0)\" "
	    "-e 'card-' *.log", setting("RUN_DIR"), setting("CARD_PROVIDER_SECRET_FILE"), setting("CARD_PROVIDER_SECRET_FILE"))), 0,
	    "a log contains the provider's secret or a payment key");
}

/* Returns the line of `story` that contains `part`, or NULL. */
static const char *
line_of(const char *story, const char *part)
{
	const char	*found = strstr(story, part), *begin = found;

	if (found == NULL)
		return (NULL);
	while (begin > story && begin[-1] != '\n')
		begin--;
	return (format("%.*s", (int)strcspn(begin, "\n"), begin));
}

static char *
story_of(const char *reservation)
{
	FILE	*pipe = popen(format("deploy/local/story %s", reservation), "r");
	char	*text = calloc(1, 65536);

	cr_assert(pipe != NULL && text != NULL);
	text[fread(text, 1, 65535, pipe)] = '\0';
	cr_assert_eq(pclose(pipe), 0, "%s", text);
	return (text);
}

Test(card, card_purchase_story_lists_steps_in_order, .timeout = 300)
{
	static const char *const	steps[] = { "holds", "by CARD is begun", "failed: CARD_DECLINED (ABORTED)", "by CARD is begun",
	    "approved", "CANCELLED after 1 failed payments", "refunded: ", "the reservation is CANCELLED" };
	static const char *const	events[] = { "PaymentPending", "PaymentFailed", "PaymentPending", "PaymentApproved",
	    "PaymentRefundPending", "PaymentRefunded" };
	struct schedule			 schedule = schedule_new(1, 1);
	struct user			 user = user_new();
	struct reply			 reply;
	char				*reservation, *card = card_new(), *payment, *story;
	const char			*at, *failed, *event;
	int64_t				 amount;
	size_t				 i;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "decline:UNAPPROVED_ORDER_ID", 1);
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	reply = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);

	story = story_of(reservation);
	for (i = 0, at = story; i < sizeof(steps) / sizeof(steps[0]); i++, at++)
		cr_assert_not_null(at = strstr(at, steps[i]), "'%s' is missing or out of order in\n%s", steps[i], story);
	for (i = 0, at = story; i < sizeof(events) / sizeof(events[0]); i++, at++)
		cr_assert_not_null(at = strstr(at, events[i]), "'%s' is missing or out of order in\n%s", events[i], story);
	/* The story shows when the payment failed, not when it began. */
	failed = line_of(story, "failed: CARD_DECLINED");
	event = line_of(story, "PaymentFailed");
	cr_assert_arr_eq(failed, event, 24, "%s\n%s", failed, event);
}
