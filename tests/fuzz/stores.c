/*
 * Replaces PostgreSQL, Redis, the card provider and the event loop. It answers each call once, in a later turn, with an
 * answer that such a server may give. A seed decides which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "redis/redis.h"
#include "requests.h"

#define WAITING_MAX	4096
#define PERIODIC_MAX	32
#define ID		"0190a0b0-c0d0-7000-8000-00000000abcd"

/* All members of the answers of all SQL functions. */
static const char	object[] = "{\"reservationId\":\"" ID "\",\"paymentId\":\"" ID "\",\"chargeId\":\"" ID
    "\",\"scheduleId\":\"" ID "\",\"concertId\":\"" ID "\",\"orderId\":\"order-123456\",\"userId\":\"" ID
    "\",\"onSale\":true,\"status\":\"PENDING\",\"amount\":1000,\"balance\":5,\"paymentKey\":\"key-1\",\"version\":7,"
    "\"opensAt\":null,\"saleStatus\":\"OPEN\",\"seatsLeft\":5,\"opensMs\":null,\"totalSeats\":5,\"seq\":1,\"cancelNo\":1,\"ageMs\":1,"
    "\"oldestSeconds\":0,\"items\":[],\"schedules\":[],\"sections\":[],\"due\":[],\"changed\":[],\"events\":[],\"limit\":4,"
    "\"owned\":4,\"nextCursor\":null,\"used\":false,\"places\":[]}";

/* The members that SQL functions add to problems. */
static const char	extras[] = "{\"paymentId\":\"" ID "\",\"balance\":5,\"providerCode\":\"X\",\"limit\":4,\"owned\":4,"
    "\"unavailableSeatIds\":[\"" ID "\"]}";

struct waiting {
	void		(*deferred)(void *);
	ct_pg_cb	 pg;
	ct_redis_cb	 redis;
	ct_http_cb	 http;
	bool		 write;
	void		*arg;
};

struct ct_pg		*ct_service_pg = (struct ct_pg *)(uintptr_t)8;
struct ct_redis_cluster	*ct_service_redis = (struct ct_redis_cluster *)(uintptr_t)8;

unsigned		 stores_calls;
char			 stores_last[128], stores_argument[512];

static struct waiting	 queue[WAITING_MAX];
static unsigned		 queue_first, queue_count;
static struct { void (*cb)(void *); void *arg; } periodic[PERIODIC_MAX];
static unsigned		 periodic_count;
static uint64_t		 now_ms = 1000000;
static uint32_t		 state = 1;

void
stores_seed(uint32_t seed)
{
	state = seed | 1;
	stores_calls = 0;
	stores_last[0] = stores_argument[0] = '\0';
}

static unsigned
chance(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return (state % below);
}

static void
push(struct waiting waiting)
{
	must(queue_count < WAITING_MAX);
	queue[(queue_first + queue_count++) % WAITING_MAX] = waiting;
}

/* --- the loop -------------------------------------------------------------------- */

uint64_t
ct_loop_now_ms(void)
{
	return (now_ms);
}

uint64_t
ct_loop_about_ms(void)
{
	return (now_ms);
}

void
ct_loop_every(uint64_t interval, void (*cb)(void *), void *arg)
{
	(void)interval;
	must(periodic_count < PERIODIC_MAX);
	periodic[periodic_count].cb = cb;
	periodic[periodic_count++].arg = arg;
}

void
ct_loop_defer(void (*cb)(void *), void *arg)
{
	push((struct waiting){ .deferred = cb, .arg = arg });
}

void
ct_loop_after(uint64_t delay, void (*cb)(void *), void *arg)
{
	(void)delay;
	ct_loop_defer(cb, arg);
}

/* --- PostgreSQL ------------------------------------------------------------------ */

void
ct_pg_call(struct ct_pg *pg, const struct ct_pg_statement *stmt, const char *const *args, ct_pg_cb cb, void *arg)
{
	const char	*type;
	unsigned	 count = 0, i;
	size_t		 bytes = 0;

	must(pg == ct_service_pg && stmt->function != NULL);
	for (type = stmt->args; type != NULL && *type != '\0'; type++)
		count += *type == ',';
	count += stmt->args != NULL && *stmt->args != '\0';
	must(count <= CT_PG_ARGS_MAX);
	for (i = 0; i < count; i++)
		bytes += args[i] == NULL ? 0 : strlen(args[i]);
	must(bytes < 8 * 1024 * 1024);
	stores_calls++;
	(void)snprintf(stores_last, sizeof(stores_last), "%s", stmt->function);
	(void)snprintf(stores_argument, sizeof(stores_argument), "%s", count > 0 && args[0] != NULL ? args[0] : "");
	push((struct waiting){ .pg = cb, .write = stmt->write, .arg = arg });
}

/* Returns an error code that SQL functions may answer with. Leaves out the codes of the checks before them. */
static const char *
refusal(void)
{
	const struct ct_error_info	*info;

	do
		info = ct_error_info((enum ct_error)(1 + chance(CT_ERROR_COUNT - 1)));
	while (info->status == 401 || info->status == 405 || info->status == 413 || info->status == 415);
	return (info->code);
}

static void
answer_pg(const struct waiting *waiting)
{
	static const char *const	good[] = { "OK", "CREATED", "ACCEPTED", "NO_CONTENT", "NOT_MODIFIED", "BEGUN" };
	struct ct_outcome		outcome = { .error = CT_OK };
	unsigned			kind = chance(12);

	if (kind == 0)
		outcome.error = CT_ERROR_SERVICE_UNAVAILABLE;
	else if (kind == 1)
		outcome.error = waiting->write ? CT_ERROR_OUTCOME_UNKNOWN : CT_ERROR_SERVICE_UNAVAILABLE;
	else if (kind == 2)
		outcome.error = CT_ERROR_INTERNAL_ERROR;
	else if (kind == 3)
		outcome.error = CT_ERROR_IDEMPOTENCY_KEY_IN_USE;
	if (outcome.error == CT_OK) {
		outcome.outcome = kind < 6 ? refusal() :
		    kind < 10 ? good[chance(2)] : good[chance(6)];
		outcome.body = kind == 7 ? NULL : kind < 6 ? extras : object;
		outcome.body_length = outcome.body == NULL ? 0 : strlen(outcome.body);
		outcome.etag = chance(2) == 0 ? NULL : "\"0190a0b0-7\"";
		outcome.replayed = chance(4) == 0;
		outcome.request_id = outcome.replayed ? "an-earlier-one" : NULL;
	}
	waiting->pg(&outcome, waiting->arg);
}

bool
ct_pg_ready(const struct ct_pg *pg)
{
	(void)pg;
	return (true);
}

enum ct_store_state
ct_pg_state(const struct ct_pg *pg)
{
	(void)pg;
	return (CT_STORE_UP);
}

/* --- Redis ----------------------------------------------------------------------- */

static redisReply *
new_reply(int depth)
{
	static const char *const	texts[] = { "OK", "WAITING", "", "1", "0190", "{}" };
	redisReply			*reply = calloc(1, sizeof(*reply));
	unsigned			 kind = chance(depth == 0 ? 8 : 5);
	const char			*text;

	if (reply == NULL)
		abort();
	if (kind == 0) {
		reply->type = REDIS_REPLY_NIL;
	} else if (kind == 1 || kind == 2) {
		reply->type = REDIS_REPLY_INTEGER;
		reply->integer = (long long)chance(12) - 1;
	} else if (kind <= 4) {
		text = texts[chance(6)];
		reply->type = kind == 3 ? REDIS_REPLY_STRING : chance(4) == 0 ? REDIS_REPLY_ERROR : REDIS_REPLY_STATUS;
		reply->str = strdup(text);
		reply->len = strlen(text);
	} else {
		reply->type = REDIS_REPLY_ARRAY;
		reply->elements = chance(9);
		reply->element = calloc(9, sizeof(redisReply *));
		for (kind = 0; kind < reply->elements; kind++)
			reply->element[kind] = new_reply(depth < 2 && chance(3) == 0 ? 0 : depth + 1);
	}
	return (reply);
}

static void
free_reply(redisReply *reply)
{
	size_t	i;

	for (i = 0; i < reply->elements; i++)
		free_reply(reply->element[i]);
	free(reply->element);
	free(reply->str);
	free(reply);
}

void
ct_redis_call(struct ct_redis *redis, int argc, const char *const *argv, const size_t *lens, ct_redis_cb cb, void *arg)
{
	int	i;

	must(redis != NULL && argc >= 1 && argc <= 64);
	for (i = 0; lens == NULL && i < argc; i++)
		must(strlen(argv[i]) < 1024 * 1024);
	stores_calls++;
	push((struct waiting){ .redis = cb, .arg = arg });
}

void
ct_redis_cluster_each(struct ct_redis_cluster *redis, void (*each)(struct ct_redis *, void *), void *arg)
{
	each((struct ct_redis *)redis, arg);
}

void
ct_redis_cluster_call(struct ct_redis_cluster *redis, const char *key, int argc, const char *const *argv, ct_redis_cb cb, void *arg)
{
	must(*key != '\0');
	ct_redis_call((struct ct_redis *)redis, argc, argv, NULL, cb, arg);
}

void
ct_redis_cluster_send(struct ct_redis_cluster *redis, const char *key, const char *command, size_t length, ct_redis_cb cb, void *arg)
{
	must(redis == ct_service_redis && *key != '\0' && length > 4 && command[0] == '*');
	stores_calls++;
	push((struct waiting){ .redis = cb, .arg = arg });
}

void
ct_redis_cluster_flush(struct ct_redis_cluster *redis)
{
	(void)redis;
}

bool
ct_redis_cluster_ready(const struct ct_redis_cluster *redis)
{
	(void)redis;
	return (true);
}

bool
ct_redis_cluster_whole(const struct ct_redis_cluster *redis)
{
	(void)redis;
	return (true);
}

bool
ct_redis_cluster_serves(const struct ct_redis_cluster *redis, const char *key)
{
	(void)redis;
	(void)key;
	return (true);
}

enum ct_store_state
ct_redis_cluster_state(const struct ct_redis_cluster *redis)
{
	(void)redis;
	return (CT_STORE_UP);
}

static void
answer_redis(const struct waiting *waiting)
{
	redisReply	*reply = chance(8) == 0 ? NULL : new_reply(0);

	waiting->redis(reply, waiting->arg);
	if (reply != NULL)
		free_reply(reply);
}

/* --- the card provider ----------------------------------------------------------- */

void
ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg)
{
	must(request->method != NULL && strpbrk(request->url, " \r\n") == NULL);
	stores_calls++;
	push((struct waiting){ .http = cb, .arg = arg });
}

unsigned
ct_http_pending(void)
{
	return (0);
}

static void
answer_http(const struct waiting *waiting)
{
	static const char *const	bodies[] = { "", "{}", "{\"code\":\"REJECT_CARD_PAYMENT\"}", "{\"code\":\"PROVIDER_ERROR\"}",
		"{\"status\":\"DONE\",\"orderId\":\"order-123456\",\"paymentKey\":\"key-1\",\"totalAmount\":1000,\"balanceAmount\":1000}" };
	static const long		statuses[] = { 200, 200, 400, 404, 500 };
	struct ct_http_response		response = { .result = CT_HTTP_ANSWERED, .error = "" };
	unsigned			kind = chance(8);

	if (kind == 0)
		response.result = CT_HTTP_NOT_SENT;
	else if (kind == 1)
		response.result = CT_HTTP_UNKNOWN;
	response.status = kind <= 1 ? 0 : statuses[chance(5)];
	response.body = kind <= 1 ? "" : bodies[chance(5)];
	response.body_length = strlen(response.body);
	waiting->http(&response, waiting->arg);
}

/* --- turns ----------------------------------------------------------------------- */

bool
stores_turn(void)
{
	struct waiting	waiting;

	if (queue_count == 0)
		return (false);
	waiting = queue[queue_first];
	queue_first = (queue_first + 1) % WAITING_MAX;
	queue_count--;
	if (waiting.deferred != NULL)
		waiting.deferred(waiting.arg);
	else if (waiting.pg != NULL)
		answer_pg(&waiting);
	else if (waiting.redis != NULL)
		answer_redis(&waiting);
	else
		answer_http(&waiting);
	return (true);
}

void
stores_wait(void)
{
	unsigned	i;

	now_ms += 1000;
	for (i = 0; i < periodic_count; i++)
		periodic[i].cb(periodic[i].arg);
}
