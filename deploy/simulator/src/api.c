/*
 * The provider's API under /v1: confirm, cancel, look-up by payment key and by
 * order id, and the list of transactions.
 *
 * Each request becomes a job, which outlives its client: an effect that comes
 * late happens although nobody is listening any more. Kore calls toss_api
 * once when a request comes in and once more when its job is finished.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/config.h"
#include "base/json_strict.h"
#include "base/log.h"
#include "loop/loop.h"
#include "simulator.h"

#define TICK_MS		10
#define SILENCE_MS	60000		/* time after which the connection of a request that gets no answer is closed
#*/
#define EARLY_MS	3000		/* time that an answer waits for a webhook that must come before it */
#define ANSWER_MAX	(64 * 1024)
#define AMOUNT_MAX	INT64_C(1000000000000)
#define REASON_MAX	200

enum stage { WAITING_FOR_EFFECT, WAITING_FOR_WEBHOOK, SILENT, ANSWERED, CUT };

struct job {
	struct http_request	*http;		/* NULL: the client has gone */
	enum operation		 operation;
	enum stage		 stage;
	struct manner		 manner;
	struct order		 order;
	char			 path[KEY_TEXT + 32];
	char			 payment_key[KEY_TEXT];
	char			 order_id[ORDER_TEXT];
	char			 reason[REASON_MAX * 4 + 1];
	char			 idempotency_key[IDEMPOTENCY_KEY_MAX + 1];
	struct answer		 answer;
	uint64_t		 due_ms;
	TAILQ_ENTRY(job)	 list;
};

int	toss_api(struct http_request *req);

static TAILQ_HEAD(, job)	jobs = TAILQ_HEAD_INITIALIZER(jobs);
static char			authorization[256];	/* what the header must be */

void
api_configure(void)
{
	unsigned char	plain[128], text[192];
	const char	*secret;
	size_t		 length;

	secret = ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", &length);
	if (length + 1 > sizeof(plain)) {
		ct_config_fail("CARD_PROVIDER_SECRET_FILE", "longer than 127 characters");
		return;
	}
	memcpy(plain, secret, length);
	plain[length] = ':';
	(void)EVP_EncodeBlock(text, plain, (int)length + 1);
	(void)snprintf(authorization, sizeof(authorization), "Basic %s", (char *)text);
}

/* --- the life of a job --- */

static void
detach(struct http_request *req)
{
	struct job	*job = req->hdlr_extra;

	req->hdlr_extra = NULL;
	job->http = NULL;
	/* The job has no further step. */
	if (job->stage != WAITING_FOR_EFFECT)
		job->due_ms = 0;
}

static struct job *
job_new(struct http_request *req)
{
	struct job	*job = calloc(1, sizeof(*job));

	if (job == NULL)
		abort();
	job->http = req;
	ct_buf_init(&job->answer.body, ANSWER_MAX);
	req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
	req->hdlr_extra = job;
	req->onfree = detach;
	TAILQ_INSERT_TAIL(&jobs, job, list);
	return (job);
}

static void
job_free(struct job *job)
{
	if (job->http != NULL) {
		job->http->onfree = NULL;
		job->http->hdlr_extra = NULL;
	}
	TAILQ_REMOVE(&jobs, job, list);
	ct_buf_deinit(&job->answer.body);
	free(job);
}

static void
wait_for(struct job *job, enum stage stage, uint64_t ms)
{
	job->stage = stage;
	job->due_ms = ct_loop_now_ms() + ms;
}

static void
finish(struct job *job, enum stage stage)
{
	job->stage = stage;
	if (job->http != NULL)
		http_request_wakeup(job->http);
}

/* --- what a request is --- */

static bool
refuse(struct job *job, const char *code)
{
	answer_error(&job->answer, code);
	job->stage = ANSWERED;
	return (false);
}

static bool
check_authorization(struct job *job)
{
	const char	*given;
	size_t		 length = strlen(authorization);

	if (http_request_header(job->http, "authorization", &given) != KORE_RESULT_OK)
		return (refuse(job, "UNAUTHORIZED_KEY"));
	if (strncasecmp(given, "basic ", 6) != 0)
		return (refuse(job, "INCORRECT_BASIC_AUTH_FORMAT"));
	if (strlen(given) != length || CRYPTO_memcmp(given + 6, authorization + 6, length - 6) != 0)
		return (refuse(job, "UNAUTHORIZED_KEY"));
	return (true);
}

static bool
take(const char *text, size_t length, size_t min, size_t max, const char *also, char *out)
{
	size_t	i;

	if (length < min || length > max)
		return (false);
	for (i = 0; i < length; i++) {
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
		    (text[i] >= '0' && text[i] <= '9') || strchr(also, text[i]) != NULL))
			return (false);
	}
	memcpy(out, text, length);
	out[length] = '\0';
	return (true);
}

static bool
take_key(struct job *job, const char *text, size_t length)
{
	return (take(text, length, 1, KEY_TEXT - 1, "-_", job->payment_key));
}

static bool
take_order(struct job *job, const char *text, size_t length)
{
	return (take(text, length, 6, ORDER_TEXT - 1, "-_=", job->order_id));
}

/* Sets the operation, and the payment key or order id that the path has. */
static bool
read_path(struct job *job)
{
	static const char	 root[] = "/v1/payments/", orders[] = "orders/", cancel[] = "/cancel";
	const char		*path = job->http->path, *rest;
	bool			 get = job->http->method == HTTP_METHOD_GET, post = job->http->method == HTTP_METHOD_POST;
	size_t			 length;

	if (strncmp(path, root, sizeof(root) - 1) != 0 || strlen(path) >= sizeof(job->path))
		return (refuse(job, "NOT_FOUND"));
	(void)snprintf(job->path, sizeof(job->path), "%s", path);
	rest = path + sizeof(root) - 1;
	length = strlen(rest);
	if (post && strcmp(rest, "confirm") == 0) {
		job->operation = OP_CONFIRM;
		return (true);
	}
	if (post && length > sizeof(cancel) - 1 && strcmp(rest + length - (sizeof(cancel) - 1), cancel) == 0) {
		job->operation = OP_CANCEL;
		return (take_key(job, rest, length - (sizeof(cancel) - 1)) || refuse(job, "INVALID_REQUEST"));
	}
	job->operation = OP_FIND;
	if (get && strncmp(rest, orders, sizeof(orders) - 1) == 0) {
		rest += sizeof(orders) - 1;
		return (take_order(job, rest, strlen(rest)) || refuse(job, "INVALID_REQUEST"));
	}
	if (get)
		return (take_key(job, rest, length) || refuse(job, "INVALID_REQUEST"));
	return (refuse(job, "NOT_FOUND"));
}

static bool
read_members(struct job *job, const cJSON *body)
{
	const cJSON	*amount = cJSON_GetObjectItemCaseSensitive(body,
			    job->operation == OP_CONFIRM ? "amount" : "cancelAmount");
	const char	*key, *order, *reason;

	if (amount == NULL || cJSON_IsNull(amount)) {
		if (job->operation == OP_CONFIRM)
			return (false);
	} else if (!cJSON_IsNumber(amount) || amount->valuedouble < 1 || amount->valuedouble > (double)AMOUNT_MAX ||
	    amount->valuedouble != (double)(int64_t)amount->valuedouble) {
		return (false);
	} else {
		job->order.amount = (int64_t)amount->valuedouble;
	}
	if (job->operation == OP_CONFIRM) {
		key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "paymentKey"));
		order = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "orderId"));
		return (key != NULL && order != NULL && take_key(job, key, strlen(key)) &&
		    take_order(job, order, strlen(order)));
	}
	reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "cancelReason"));
	if (reason == NULL || *reason == '\0' || strlen(reason) >= sizeof(job->reason))
		return (false);
	(void)snprintf(job->reason, sizeof(job->reason), "%s", reason);
	return (true);
}

static bool
read_body(struct job *job)
{
	const char	*given, *why;
	cJSON		*body = NULL;
	bool		 good;

	if (job->operation == OP_FIND)
		return (true);
	if (http_request_header(job->http, "idempotency-key", &given) == KORE_RESULT_OK) {
		if (strlen(given) > IDEMPOTENCY_KEY_MAX)
			return (refuse(job, "INVALID_IDEMPOTENCY_KEY"));
		(void)snprintf(job->idempotency_key, sizeof(job->idempotency_key), "%s", given);
		job->order.idempotency_key = job->idempotency_key;
	}
	if (job->http->http_body != NULL)
		body = ct_json_parse((const char *)job->http->http_body->data, job->http->http_body_length, &why);
	good = body != NULL && read_members(job, body);
	cJSON_Delete(body);
	job->order.path = job->path;
	job->order.payment_key = job->payment_key;
	job->order.order_id = job->order_id;
	job->order.reason = job->reason;
	return (good || refuse(job, "INVALID_REQUEST"));
}

/* --- what is done --- */

static void
webhook_went_first(void *arg)
{
	struct job	*job;

	/* The job may have ended meanwhile. */
	TAILQ_FOREACH(job, &jobs, list) {
		if (job == arg && job->stage == WAITING_FOR_WEBHOOK)
			job->due_ms = 0;
	}
}

static void
act(struct job *job)
{
	const struct order	*order = &job->order;
	struct payment		*payment;
	enum notice		 notice;
	uint64_t		 event = 0;

	if (job->operation == OP_FIND) {
		payment = *job->order_id != '\0' ? payment_by_order(job->order_id) : payment_by_key(job->payment_key);
		if (payment == NULL) {
			answer_error(&job->answer, "NOT_FOUND_PAYMENT");
		} else {
			job->answer.status = 200;
			payment_json(&job->answer.body, payment);
		}
		return;
	}
	if (order->idempotency_key != NULL && books_replay(order->path, order->idempotency_key, &job->answer))
		return;
	if (job->operation == OP_CONFIRM)
		books_confirm(order, &job->answer, &event);
	else
		books_cancel(order, &job->answer, &event);
	if (event == 0)
		return;
	notice = notice_of(job->payment_key);
	webhook_send(event, payment_by_key(job->payment_key), notice,
	    notice == NOTICE_EARLY ? webhook_went_first : NULL, job);
	if (notice == NOTICE_EARLY)
		wait_for(job, WAITING_FOR_WEBHOOK, EARLY_MS);
}

/* After the effect: answers the client. */
static void
answer(struct job *job)
{
	switch (job->manner.behaviour) {
	case TIMEOUT_AFTER:
		wait_for(job, SILENT, SILENCE_MS);
		return;
	case CUT_AFTER:
		finish(job, CUT);
		return;
	case ERROR_AFTER:
		job->answer.body.length = 0;
		answer_error(&job->answer, "FAILED_INTERNAL_SYSTEM_PROCESSING");
		break;
	case MALFORMED:
		job->answer.body.length /= 2;
		break;
	default:
		break;
	}
	finish(job, ANSWERED);
}

static void
act_and_answer(struct job *job)
{
	act(job);
	if (job->stage != WAITING_FOR_WEBHOOK)
		answer(job);
}

/* Is another request with that key, or about that payment, being worked on? */
static bool
check_alone(struct job *job)
{
	struct job	*other;

	if (job->operation == OP_FIND)
		return (true);
	TAILQ_FOREACH(other, &jobs, list) {
		if (other == job || other->stage != WAITING_FOR_EFFECT || other->operation == OP_FIND)
			continue;
		if (strcmp(other->path, job->path) == 0 && *job->idempotency_key != '\0' &&
		    strcmp(other->idempotency_key, job->idempotency_key) == 0)
			return (refuse(job, "IDEMPOTENT_REQUEST_PROCESSING"));
		if (strcmp(other->payment_key, job->payment_key) == 0)
			return (refuse(job, "FORBIDDEN_CONSECUTIVE_REQUEST"));
	}
	return (true);
}

static void
count_request(struct job *job, struct payment *payment)
{
	if (payment == NULL)
		return;
	payment->confirm_requests += job->operation == OP_CONFIRM;
	payment->cancel_requests += job->operation == OP_CANCEL;
	payment->find_requests += job->operation == OP_FIND;
	if (job->operation == OP_CONFIRM)
		(void)snprintf(payment->confirm_idempotency, sizeof(payment->confirm_idempotency), "%s", job->idempotency_key);
	else if (job->operation == OP_CANCEL)
		(void)snprintf(payment->cancel_idempotency, sizeof(payment->cancel_idempotency), "%s", job->idempotency_key);
}

static void
serve(struct job *job)
{
	const struct provider_error	*error;
	struct payment			*payment;
	const char			*code;

	job->stage = WAITING_FOR_EFFECT;
	if (!check_authorization(job))
		return;
	if (job->http->method == HTTP_METHOD_GET && strcmp(job->http->path, "/v1/transactions") == 0) {
		transactions_list(job->http->query_string, &job->answer);
		job->stage = ANSWERED;
		return;
	}
	if (!read_path(job) || !read_body(job) || !check_alone(job))
		return;
	/* The provider's own way to ask for an error, with test keys. */
	if (http_request_header(job->http, "tosspayments-test-code", &code) == KORE_RESULT_OK &&
	    (error = error_find(code)) != NULL) {
		(void)refuse(job, error->code);
		return;
	}

	payment = *job->order_id != '\0' && job->operation == OP_FIND ? payment_by_order(job->order_id) :
	    payment_by_key(job->payment_key);
	count_request(job, payment);
	job->manner = manner_of(payment != NULL ? payment->key : *job->payment_key != '\0' ? job->payment_key :
	    job->order_id, job->operation);
	switch (job->manner.behaviour) {
	case DELAY:
		/* From now on the payment is known: a user is paying. */
		if (job->operation == OP_CONFIRM && payment == NULL)
			count_request(job, payment_seen(job->payment_key, job->order_id, job->order.amount));
		wait_for(job, WAITING_FOR_EFFECT, (uint64_t)job->manner.ms);
		return;
	case TIMEOUT_BEFORE:
		wait_for(job, SILENT, SILENCE_MS);
		return;
	case CUT_BEFORE:
		job->stage = CUT;
		return;
	case ERROR_BEFORE:
		(void)refuse(job, "FAILED_INTERNAL_SYSTEM_PROCESSING");
		return;
	case DECLINE:
		job->order.decline = job->manner.code;
		break;
	default:
		break;
	}
	act_and_answer(job);
	if (payment == NULL && job->operation == OP_CONFIRM)
		count_request(job, payment_by_key(job->payment_key));
}

static void
tick(void *arg)
{
	struct job	*job, *next;
	uint64_t	 now = ct_loop_now_ms();

	(void)arg;
	for (job = TAILQ_FIRST(&jobs); job != NULL; job = next) {
		next = TAILQ_NEXT(job, list);
		if (now < job->due_ms)
			continue;
		if (job->stage == WAITING_FOR_EFFECT)
			act_and_answer(job);
		else if (job->stage == WAITING_FOR_WEBHOOK)
			answer(job);
		else if (job->stage == SILENT)
			finish(job, CUT);
		if (job->http == NULL && (job->stage == ANSWERED || job->stage == CUT || job->stage == SILENT))
			job_free(job);
	}
}

void
api_start(void)
{
	ct_loop_every(TICK_MS, tick, NULL);
}

int
toss_api(struct http_request *req)
{
	struct job	*job = req->hdlr_extra;

	if (job == NULL) {
		job = job_new(req);
		serve(job);
	}
	switch (job->stage) {
	case ANSWERED:
		http_response_header(req, "content-type", "application/json;charset=UTF-8");
		http_response(req, job->answer.status, job->answer.body.data, job->answer.body.length);
		job_free(job);
		return (KORE_RESULT_OK);
	case CUT:
		job_free(job);
		return (KORE_RESULT_ERROR);
	default:
		http_request_sleep(req);
		return (KORE_RESULT_RETRY);
	}
}
