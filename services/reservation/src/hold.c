/*
 * POST /reservations/hold: takes seats for the holder of an ACTIVE place.
 *
 * verify the queue token's signature (no I/O) -> ask Redis whether its place is
 * ACTIVE -> one SQL function takes all the seats or none -> mark the place as used
 * in Redis -> 201.
 *
 * PostgreSQL also decides whether a token was used (a unique index on the place).
 * Redis keeps the order of the queue; it never decides who owns a seat.
 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "handlers.h"
#include "http/idempotency.h"
#include "queue_client/queue_store.h"
#include "service/outcome.h"
#include "service/service.h"

#define SEATS_MAX	4

static const struct ct_pg_statement hold_seats = {
	.function = "reservation.hold",
	.args = "uuid, uuid, uuid[], text, int, bigint, int, text, text, text, text, int",
	.batch_max = 64,
	/* In the order of arrival: the first request for a seat gets it. hold_many itself locks the users in one order. */
	.order_by = -1,
	.write = true,
	.many = "reservation.hold_many",
};

static const struct ct_pg_statement place_used = {
	.function = "reservation.queue_place_used",
	.args = "uuid, uuid, bigint",
	.batch_max = 64,
	.order_by = -1,
};

static char	hold_ttl_seconds[16], unpaid_holds_max[16];

/* One hold on its way between Redis and PostgreSQL. */
struct hold {
	struct ct_request	*request;
	struct ct_queue_token	 token;
	const char		*schedule;
	const char		*seat_ids;	/* a PostgreSQL array, or NULL */
	const char		*grade;		/* best available, or NULL */
	const char		*quantity;
	char			 hash[CT_REQUEST_HASH_TEXT];
	struct ct_outcome	 outcome;	/* the database's answer, until Redis knows that the place is used */
};

static void	hold_checked(const redisReply *, void *);
static void	hold_run(struct hold *, const char *refusal);
static void	hold_done(const struct ct_outcome *, void *);
static void	hold_place_known(const struct ct_outcome *, void *);
static void	hold_use_place(struct hold *);

void
hold_configure(void)
{
	ct_queue_token_configure();
	(void)snprintf(hold_ttl_seconds, sizeof(hold_ttl_seconds), "%ld", ct_config_number("HOLD_TTL_SECONDS"));
	(void)snprintf(unpaid_holds_max, sizeof(unpaid_holds_max), "%ld", ct_config_number("UNPAID_HOLDS_MAX"));
}

/* Reads seatIds, 1 to 4 different UUIDs, into a PostgreSQL array. Returns NULL after noting what is wrong. */
static const char *
hold_read_seat_ids(struct ct_request *request, const cJSON *ids)
{
	char		text[SEATS_MAX][CT_UUID_TEXT];
	struct ct_uuid	uuid;
	const cJSON	*id;
	int		i, n = 0;
	bool		valid = true;

	if (!cJSON_IsArray(ids) || cJSON_GetArraySize(ids) < 1 || cJSON_GetArraySize(ids) > SEATS_MAX) {
		ct_note_invalid(request, "seatIds", "must be an array of 1 to 4 seat ids");
		return (NULL);
	}
	cJSON_ArrayForEach(id, ids) {
		if (!cJSON_IsString(id) || !ct_uuid_parse(id->valuestring, &uuid)) {
			text[n][0] = '\0';
			ct_note_invalid(request, ct_printf(request, "seatIds[%d]", n), "must be a UUID");
			valid = false;
		} else {
			ct_uuid_format(&uuid, text[n]);
			for (i = 0; i < n && strcmp(text[i], text[n]) != 0; i++)
				continue;
			if (i < n) {
				ct_note_invalid(request, ct_printf(request, "seatIds[%d]", n), "names a seat twice");
				valid = false;
			}
		}
		n++;
	}
	if (!valid)
		return (NULL);
	_Static_assert(SEATS_MAX == 4, "the array below has four places");
	return (ct_printf(request, "{%s%s%s%s%s%s%s}", text[0], n > 1 ? "," : "", n > 1 ? text[1] : "",
	    n > 2 ? "," : "", n > 2 ? text[2] : "", n > 3 ? "," : "", n > 3 ? text[3] : ""));
}

static void
hold_read_best_available(struct ct_request *request, const cJSON *best, struct hold *hold)
{
	static const char *const	grades[] = { "VIP", "R", "S", NULL };
	int64_t				quantity = 0;

	if (!cJSON_IsObject(best)) {
		ct_note_invalid(request, "bestAvailable", "must be an object");
		return;
	}
	(void)ct_body_choice(request, best, "grade", grades, true, &hold->grade);
	if (ct_body_number(request, best, "quantity", 1, SEATS_MAX, true, &quantity))
		hold->quantity = ct_printf(request, "%d", (int)quantity);
}

static void
hold_ask_queue(struct hold *hold, struct ct_queue_command *command, ct_redis_cb cb)
{
	const char	*text;
	size_t		 length;

	text = ct_queue_command_end(command, &length);
	ct_redis_cluster_send(ct_service_redis, command->schedule, text, length, cb, hold);
}

void
hold(struct ct_request *request)
{
	static const char *const	hashed[] = { "scheduleId", "seatIds", "bestAvailable.grade",
	    "bestAvailable.quantity", NULL };
	const cJSON			*seat_ids, *best;
	struct hold			*hold;
	struct ct_queue_command		 command;
	struct ct_uuid			 schedule;
	const char			*token;

	hold = ct_alloc(request, sizeof(*hold));
	hold->request = request;

	if ((token = ct_header(request, "x-queue-token")) == NULL || *token == '\0') {
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_REQUIRED, NULL, NULL);
		return;
	}

	seat_ids = ct_body_member(request->body, "seatIds");
	best = ct_body_member(request->body, "bestAvailable");
	(void)ct_body_uuid(request, request->body, "scheduleId", true, &hold->schedule);
	if ((seat_ids == NULL) == (best == NULL))
		ct_note_invalid(request, "seatIds", "give either seatIds or bestAvailable");
	else if (seat_ids != NULL)
		hold->seat_ids = hold_read_seat_ids(request, seat_ids);
	else
		hold_read_best_available(request, best, hold);
	if (ct_invalid(request))
		return;

	if (!ct_queue_token_verify(token, &hold->token)) {
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_NOT_FOUND, NULL, NULL);
		return;
	}
	(void)ct_uuid_parse(hold->schedule, &schedule);
	if (memcmp(&hold->token.user, &request->user_id, sizeof(request->user_id)) != 0 ||
	    memcmp(&hold->token.schedule, &schedule, sizeof(schedule)) != 0) {
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_MISMATCH, NULL, NULL);
		return;
	}

	ct_request_hash("reservations.hold", request->body, hashed, hold->hash);
	ct_queue_store_check(&hold->token, &command);
	hold_ask_queue(hold, &command, hold_checked);
}

static void
hold_checked(const redisReply *reply, void *arg)
{
	struct hold	*hold = arg;
	enum ct_error	 refusal = CT_OK;

	switch (ct_queue_store_state(reply)) {
	case CT_QUEUE_ACTIVE:
		break;
	case CT_QUEUE_WAITING:
		refusal = CT_ERROR_QUEUE_TOKEN_NOT_ACTIVE;
		break;
	case CT_QUEUE_USED:
		refusal = CT_ERROR_QUEUE_TOKEN_USED;
		break;
	case CT_QUEUE_EXPIRED:
		refusal = CT_ERROR_QUEUE_TOKEN_EXPIRED;
		break;
	case CT_QUEUE_UNKNOWN:
		ct_reply_error(hold->request, CT_ERROR_SERVICE_UNAVAILABLE, "the queue cannot be asked now", NULL);
		return;
	}

	/*
	 * A repeated hold finds its place used by the first one, or waiting again if
	 * Redis was lost since. With an idempotency key, the database knows whether this
	 * is a repetition.
	 */
	if (refusal != CT_OK && hold->request->idempotency_key == NULL)
		ct_reply_error(hold->request, refusal, NULL, NULL);
	else
		hold_run(hold, refusal == CT_OK ? NULL : ct_error_info(refusal)->code);
}

static void
hold_run(struct hold *hold, const char *refusal)
{
	struct ct_request	*request = hold->request;

	ct_pg_call(ct_service_pg, &hold_seats, (const char *const[]){
	    request->user, hold->schedule, hold->seat_ids, hold->grade, hold->quantity,
	    ct_printf(request, "%llu", (unsigned long long)hold->token.seq), hold_ttl_seconds,
	    request->idempotency_key, request->idempotency_key == NULL ? NULL : hold->hash,
	    refusal, request->id, unpaid_holds_max }, hold_done, hold);
}

static const char *
hold_copy(struct ct_request *request, const char *text)
{
	return (text == NULL ? NULL : ct_printf(request, "%s", text));
}

static void
hold_used(const redisReply *reply, void *arg)
{
	struct hold	*hold = arg;

	/* Also without Redis the unique index refuses a second use of the place. */
	(void)reply;
	ct_reply_outcome(hold->request, &hold->outcome);
}

static void
hold_done(const struct ct_outcome *outcome, void *arg)
{
	struct hold		*hold = arg;
	struct ct_request	*request = hold->request;

	if (outcome->error != CT_OK || (strcmp(outcome->outcome, "CREATED") != 0 &&
	    strcmp(outcome->outcome, "QUEUE_TOKEN_USED") != 0)) {
		ct_reply_outcome(request, outcome);
		return;
	}

	/* A user who polls the queue after our answer must find the place used, so the answer waits for Redis. */
	hold->outcome = *outcome;
	hold->outcome.outcome = hold_copy(request, outcome->outcome);
	hold->outcome.body = hold_copy(request, outcome->body);
	hold->outcome.etag = hold_copy(request, outcome->etag);
	hold->outcome.request_id = hold_copy(request, outcome->request_id);
	if (!outcome->replayed) {
		hold_use_place(hold);
		return;
	}
	/*
	 * The first answer may belong to another place than this request's; then this
	 * place stays ACTIVE. Or it belongs to this one, and Redis may not know yet.
	 */
	ct_pg_call(ct_service_pg, &place_used, (const char *const[]){
	    hold->schedule, request->user,
	    ct_printf(request, "%llu", (unsigned long long)hold->token.seq) }, hold_place_known, hold);
}

static void
hold_place_known(const struct ct_outcome *outcome, void *arg)
{
	struct hold	*hold = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "QUEUE_TOKEN_USED") == 0)
		hold_use_place(hold);
	else
		ct_reply_outcome(hold->request, &hold->outcome);
}

static void
hold_use_place(struct hold *hold)
{
	struct ct_queue_command	 command;

	ct_queue_store_use(&hold->token, &command);
	hold_ask_queue(hold, &command, hold_used);
}
