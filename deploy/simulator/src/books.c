/*
 * The provider's books: what was confirmed and cancelled, and the first answer
 * to each idempotency key.
 *
 * Every change is a line of JSON in one append-only file, on disk before
 * anybody hears of it; memory is what reading the file from its beginning
 * gives. The effect and its kept answer are one line: both or neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kore/kore.h>

#include "base/config.h"
#include "base/log.h"
#include "books.h"

#define BUCKETS		65536
#define MINIMUM_AMOUNT	100
#define LINE_MAX_BYTES	(256 * 1024)

struct kept {
	char		*scope;		/* path, a blank, the idempotency key */
	int		 status;
	char		*body;
	struct kept	*next;
};

static int		 file = -1;
static uint64_t		 last_event;
static struct payment	*by_key[BUCKETS], *by_order[BUCKETS], *first, **end = &first;
static struct kept	*answers[BUCKETS];
static struct untold	*untold;

static unsigned
bucket_of(const char *text)
{
	uint32_t	value = 2166136261u;

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char)*text) * 16777619u;
	return (value % BUCKETS);
}

static void *
new_zeroed(size_t size)
{
	void	*memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return (memory);
}

/* --- payments in memory --- */

struct payment *
payments_first(void)
{
	return (first);
}

struct payment *
payment_by_key(const char *key)
{
	struct payment	*payment;

	for (payment = by_key[bucket_of(key)]; payment != NULL; payment = payment->next_key) {
		if (strcmp(payment->key, key) == 0)
			break;
	}
	return (payment);
}

struct payment *
payment_by_order(const char *order)
{
	struct payment	*payment, *found = NULL;

	/* Newest first; one that took money before one that did not. */
	for (payment = by_order[bucket_of(order)]; payment != NULL; payment = payment->next_order) {
		if (strcmp(payment->order, order) != 0)
			continue;
		if (payment->status != IN_PROGRESS && payment->status != ABORTED)
			return (payment);
		if (found == NULL)
			found = payment;
	}
	return (found);
}

struct payment *
payment_seen(const char *key, const char *order, int64_t amount)
{
	struct payment	*payment = payment_by_key(key), **bucket;

	if (payment != NULL)
		return (payment);
	payment = new_zeroed(sizeof(*payment));
	(void)snprintf(payment->key, sizeof(payment->key), "%s", key);
	(void)snprintf(payment->order, sizeof(payment->order), "%s", order);
	payment->total = payment->balance = amount;
	payment->cancels_end = &payment->cancels;
	provider_time(payment->requested_at);
	bucket = &by_key[bucket_of(key)];
	payment->next_key = *bucket;
	*bucket = payment;
	bucket = &by_order[bucket_of(order)];
	payment->next_order = *bucket;
	*bucket = payment;
	*end = payment;
	end = &payment->next;
	return (payment);
}

/* --- kept answers --- */

static struct kept *
kept_find(const char *scope)
{
	struct kept	*kept;

	for (kept = answers[bucket_of(scope)]; kept != NULL; kept = kept->next) {
		if (strcmp(kept->scope, scope) == 0)
			break;
	}
	return (kept);
}

bool
books_replay(const char *path, const char *idempotency_key, struct answer *answer)
{
	struct ct_buf	 scope;
	struct kept	*kept;

	ct_buf_init(&scope, 4096);
	ct_buf_printf(&scope, "%s %s", path, idempotency_key);
	kept = kept_find(scope.data);
	ct_buf_deinit(&scope);
	if (kept == NULL)
		return (false);
	answer->status = kept->status;
	ct_buf_puts(&answer->body, kept->body);
	return (true);
}

static void
keep(const cJSON *record)
{
	const char	*scope = json_text(record, "scope"), *body = json_text(record, "body");
	struct kept	*kept, **bucket;

	if (*scope == '\0' || kept_find(scope) != NULL)
		return;
	kept = new_zeroed(sizeof(*kept));
	kept->scope = strdup(scope);
	kept->body = strdup(body);
	kept->status = (int)json_number(record, "status");
	bucket = &answers[bucket_of(scope)];
	kept->next = *bucket;
	*bucket = kept;
}

/* --- records --- */

/* Applies a record of the file to memory, both when it is written and when it is read again. */
static void
apply(const cJSON *record)
{
	const char	*event = json_text(record, "event");
	struct payment	*payment;
	struct cancel	*cancel;
	uint64_t	 number = (uint64_t)json_number(record, "n");

	if (number > last_event)
		last_event = number;
	keep(record);
	if (strcmp(event, "ANSWERED") == 0)
		return;
	if (strcmp(event, "TOLD") == 0) {
		untold_remove(&untold, number);
		return;
	}
	payment = payment_seen(json_text(record, "paymentKey"), json_text(record, "orderId"),
	    json_number(record, "amount"));
	if (strcmp(event, "OPENED") == 0)
		return;
	(void)snprintf(payment->transaction, sizeof(payment->transaction), "%s", json_text(record, "transaction"));
	if (strcmp(event, "DONE") == 0) {
		payment->status = DONE;
		payment->total = payment->balance = json_number(record, "amount");
		(void)snprintf(payment->approved_at, sizeof(payment->approved_at), "%s", json_text(record, "at"));
	} else if (strcmp(event, "ABORTED") == 0) {
		payment->status = ABORTED;
		(void)snprintf(payment->failure, sizeof(payment->failure), "%s", json_text(record, "code"));
	} else {
		cancel = new_zeroed(sizeof(*cancel));
		cancel->amount = json_number(record, "amount");
		cancel->reason = strdup(json_text(record, "reason"));
		(void)snprintf(cancel->at, sizeof(cancel->at), "%s", json_text(record, "at"));
		(void)snprintf(cancel->transaction, sizeof(cancel->transaction), "%s", payment->transaction);
		payment->balance -= cancel->amount;
		cancel->left = payment->balance;
		payment->status = payment->balance == 0 ? CANCELED : PARTIAL_CANCELED;
		*payment->cancels_end = cancel;
		payment->cancels_end = &cancel->next;
	}
	if (payment->status != ABORTED)
		transaction_add(payment, json_number(record, "amount"), json_text(record, "at"));
	untold_add(&untold, number, payment);
}

static void
write_record(const cJSON *record)
{
	char		*text = cJSON_PrintUnformatted(record);
	struct ct_buf	 line;
	ssize_t		 done;

	ct_buf_init(&line, LINE_MAX_BYTES);
	ct_buf_puts(&line, text);
	ct_buf_puts(&line, "\n");
	/* The file is O_DSYNC: when write returns, it is on disk. */
	done = line.failed ? 0 : write(file, line.data, line.length);
	if (done != (ssize_t)line.length) {
		ct_log(CT_LOG_ERROR, NULL, "the books cannot be written: %s", done < 0 ? strerror(errno) : "not all of it");
		abort();
	}
	ct_buf_deinit(&line);
	free(text);
}

/* Adds the answer to the record, if the order has an idempotency key, and writes it. */
static void
record_answer(cJSON *record, const struct order *order, const struct answer *answer)
{
	struct ct_buf	scope;

	if (order->idempotency_key != NULL) {
		ct_buf_init(&scope, 4096);
		ct_buf_printf(&scope, "%s %s", order->path, order->idempotency_key);
		(void)cJSON_AddStringToObject(record, "scope", scope.data);
		(void)cJSON_AddNumberToObject(record, "status", answer->status);
		(void)cJSON_AddStringToObject(record, "body", answer->body.data);
		ct_buf_deinit(&scope);
		keep(record);
	}
	write_record(record);
}

static cJSON *
record_new(const char *event, const struct payment *payment)
{
	cJSON	*record = cJSON_CreateObject();
	char	 text[TIME_TEXT], transaction[TRANSACTION_TEXT];

	(void)cJSON_AddNumberToObject(record, "n", (double)(last_event + 1));
	(void)cJSON_AddStringToObject(record, "event", event);
	(void)cJSON_AddStringToObject(record, "paymentKey", payment->key);
	(void)cJSON_AddStringToObject(record, "orderId", payment->order);
	provider_time(text);
	(void)cJSON_AddStringToObject(record, "at", text);
	transaction_new(transaction);
	(void)cJSON_AddStringToObject(record, "transaction", transaction);
	return (record);
}

static void
refuse(const struct order *order, struct answer *answer, const char *code)
{
	cJSON	*record;

	answer_error(answer, code);
	if (order->idempotency_key == NULL)
		return;
	record = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(record, "event", "ANSWERED");
	record_answer(record, order, answer);
	cJSON_Delete(record);
}

/* --- what is asked for --- */

bool
books_open(const char *key, const char *order, int64_t amount)
{
	struct payment	*payment = payment_by_key(key);
	cJSON		*record;

	if (payment != NULL)
		return (strcmp(payment->order, order) == 0 && payment->total == amount);
	record = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(record, "event", "OPENED");
	(void)cJSON_AddStringToObject(record, "paymentKey", key);
	(void)cJSON_AddStringToObject(record, "orderId", order);
	(void)cJSON_AddNumberToObject(record, "amount", (double)amount);
	apply(record);
	write_record(record);
	cJSON_Delete(record);
	return (true);
}

void
books_confirm(const struct order *order, struct answer *answer, uint64_t *event_r)
{
	struct payment	*payment = payment_by_key(order->payment_key), *other = payment_by_order(order->order_id);
	cJSON		*record;

	*event_r = 0;
	if (payment != NULL && payment->status == ABORTED)
		return (refuse(order, answer, "NOT_FOUND_PAYMENT_SESSION"));
	if (payment != NULL && payment->status != IN_PROGRESS)
		return (refuse(order, answer, "ALREADY_PROCESSED_PAYMENT"));
	if (payment != NULL && (strcmp(payment->order, order->order_id) != 0 || payment->total != order->amount))
		return (refuse(order, answer, "FORBIDDEN_REQUEST"));
	if (other != NULL && other->status != IN_PROGRESS && other->status != ABORTED)
		return (refuse(order, answer, "DUPLICATED_ORDER_ID"));
	if (order->amount < MINIMUM_AMOUNT)
		return (refuse(order, answer, "BELOW_MINIMUM_AMOUNT"));

	payment = payment_seen(order->payment_key, order->order_id, order->amount);
	record = record_new(order->decline != NULL ? "ABORTED" : "DONE", payment);
	(void)cJSON_AddNumberToObject(record, "amount", (double)order->amount);
	if (order->decline != NULL)
		(void)cJSON_AddStringToObject(record, "code", order->decline);
	apply(record);
	if (order->decline != NULL) {
		answer_error(answer, order->decline);
	} else {
		answer->status = 200;
		payment_json(&answer->body, payment);
	}
	record_answer(record, order, answer);
	*event_r = last_event;
	cJSON_Delete(record);
}

void
books_cancel(const struct order *order, struct answer *answer, uint64_t *event_r)
{
	struct payment	*payment = payment_by_key(order->payment_key);
	int64_t		 amount;
	cJSON		*record;

	*event_r = 0;
	if (payment == NULL)
		return (refuse(order, answer, "NOT_FOUND_PAYMENT"));
	if (order->decline != NULL)
		return (refuse(order, answer, order->decline));
	if (payment->status == CANCELED)
		return (refuse(order, answer, "ALREADY_CANCELED_PAYMENT"));
	if (payment->status != DONE && payment->status != PARTIAL_CANCELED)
		return (refuse(order, answer, "NOT_CANCELABLE_PAYMENT"));
	amount = order->amount == 0 ? payment->balance : order->amount;
	if (amount > payment->balance)
		return (refuse(order, answer, "NOT_CANCELABLE_AMOUNT"));

	record = record_new("CANCELED", payment);
	(void)cJSON_AddNumberToObject(record, "amount", (double)amount);
	(void)cJSON_AddStringToObject(record, "reason", order->reason);
	apply(record);
	answer->status = 200;
	payment_json(&answer->body, payment);
	record_answer(record, order, answer);
	*event_r = last_event;
	cJSON_Delete(record);
}

void
books_told(uint64_t event)
{
	cJSON	*record = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(record, "event", "TOLD");
	(void)cJSON_AddNumberToObject(record, "n", (double)event);
	apply(record);
	write_record(record);
	cJSON_Delete(record);
}

const struct untold *
books_untold(void)
{
	return (untold);
}

/* --- the file --- */

void
books_configure(void)
{
	const char	*path = ct_config_text("TOSS_BOOKS");

	if (*path == '\0')
		return;
	file = open(path, O_RDWR | O_APPEND | O_CREAT | O_DSYNC, 0600);
	if (file == -1)
		ct_config_fail("TOSS_BOOKS", strerror(errno));
}

static void
read_line(char *line, size_t length, unsigned number)
{
	cJSON	*record = cJSON_ParseWithLength(line, length);

	/* A line that was incomplete when the process ended is no record. No caller had an answer about it. */
	if (cJSON_IsObject(record))
		apply(record);
	else
		ct_log(CT_LOG_WARNING, NULL, "line %u of the books is broken and does not count", number);
	cJSON_Delete(record);
}

void
books_start(void)
{
	static char	 line[LINE_MAX_BYTES];
	char		 block[65536];
	size_t		 length = 0;
	off_t		 offset = 0;
	ssize_t		 got, i;
	unsigned	 number = 0;

	while ((got = pread(file, block, sizeof(block), offset)) > 0) {
		offset += got;
		for (i = 0; i < got; i++) {
			if (block[i] == '\n') {
				read_line(line, length, ++number);
				length = 0;
			} else if (length < sizeof(line)) {
				line[length++] = block[i];
			}
		}
	}
	/* The next record must not continue a broken line. */
	if (length > 0) {
		read_line(line, length, ++number);
		(void)!write(file, "\n", 1);
	}
	ct_log(CT_LOG_INFO, NULL, "%u lines of the books read", number);
}
