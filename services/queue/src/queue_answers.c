/* Checks and copies the elements of Redis' replies. See queue_answers.h. */
#include "queue_answers.h"

#include <string.h>

#define HEAD	2	/* elements before the users' ones: speed, milliseconds until the opening */

static const char *const	mode_names[] = {
	[QUEUE_MODE_NEW] = "NEW", [QUEUE_MODE_OPEN] = "OPEN", [QUEUE_MODE_PAUSED] = "PAUSED", [QUEUE_MODE_CLOSED] = "CLOSED"
};
static const char *const	state_names[] = {
	[PLACE_WAITING] = "WAITING", [PLACE_ACTIVE] = "ACTIVE", [PLACE_USED] = "USED", [PLACE_EXPIRED] = "EXPIRED",
	[PLACE_CLOSED] = "QUEUE_CLOSED", [PLACE_FULL] = "QUEUE_FULL", [PLACE_NEW] = "NEW", [PLACE_ASK] = "ASK"
};

const char *
queue_answers_mode_name(enum queue_mode mode)
{
	return (mode_names[mode]);
}

const char *
queue_answers_state_name(enum place_state state)
{
	return (state_names[state]);
}

/* A list whose elements have these types, a letter each: i integer, s string, l list. */
static bool
answers_is_list(const redisReply *reply, const char *types)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != strlen(types))
		return (false);
	for (size_t i = 0; i < reply->elements; i++) {
		int	expected = types[i] == 'i' ? REDIS_REPLY_INTEGER : types[i] == 's' ? REDIS_REPLY_STRING :
			    REDIS_REPLY_ARRAY;

		if (reply->element[i]->type != expected)
			return (false);
	}
	return (true);
}

/* The index of a name. Returns false if the list does not have it. */
static bool
answers_find(const char *const *names, size_t count, const redisReply *reply, unsigned *index_r)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(reply->str, names[i]) == 0) {
			*index_r = i;
			return (true);
		}
	}
	return (false);
}

static bool
answers_mode(const redisReply *reply, enum queue_mode *mode_r)
{
	unsigned	index;

	if (!answers_find(mode_names, sizeof(mode_names) / sizeof(mode_names[0]), reply, &index))
		return (false);
	*mode_r = (enum queue_mode)index;
	return (true);
}

bool
queue_answers_places(const redisReply *reply, size_t users, struct place_answers *answers_r)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != HEAD + users ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[1]->type != REDIS_REPLY_INTEGER)
		return (false);
	*answers_r = (struct place_answers){ .count = users, .speed = reply->element[0]->integer,
	    .opens_in_ms = reply->element[1]->integer };
	return (true);
}

struct place
queue_answers_waiting(const struct place *asked, int64_t position, int64_t speed, int64_t opens_in_ms)
{
	struct place	place = { .state = PLACE_WAITING, .seq = asked->seq, .generation = asked->generation,
		    .position = position, .wait = -1, .paused = speed == QUEUE_SPEED_PAUSED };

	/* The formula of expected_wait in answers.lua: milliseconds, rounded up to seconds. */
	if (speed > 0)
		place.wait = (position * QUEUE_SPEED_SCALE * INT64_C(1000) / speed + (opens_in_ms > 0 ? opens_in_ms : 0) + 999) /
		    1000;
	return (place);
}

bool
queue_answers_place(const redisReply *reply, const struct place_answers *answers, size_t i, const struct place *asked,
    struct place *place_r)
{
	const redisReply	*said = reply->element[HEAD + i];
	unsigned		 state;

	if (asked != NULL && said->type == REDIS_REPLY_INTEGER) {
		*place_r = queue_answers_waiting(asked, said->integer, answers->speed, answers->opens_in_ms);
		return (true);
	}
	if (!answers_is_list(said, "siiiiii") ||
	    !answers_find(state_names, sizeof(state_names) / sizeof(state_names[0]), said->element[0], &state))
		return (false);
	*place_r = (struct place){ .state = (enum place_state)state, .seq = said->element[1]->integer,
	    .generation = said->element[2]->integer, .position = said->element[3]->integer,
	    .active_until_ms = said->element[4]->integer, .wait = said->element[5]->integer,
	    .is_new = said->element[6]->integer == 1, .paused = answers->speed == QUEUE_SPEED_PAUSED };
	return (true);
}

bool
queue_answers_begin(const redisReply *reply, enum begin_result *result_r)
{
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 || reply->integer >= BEGIN_RESULTS)
		return (false);
	*result_r = (enum begin_result)reply->integer;
	return (true);
}

bool
queue_answers_leave(const redisReply *reply, bool *had_place_r)
{
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER)
		return (false);
	*had_place_r = reply->integer == 1;
	return (true);
}

bool
queue_answers_tick(const redisReply *reply, struct tick_answer *answer_r, struct tick_waits *waits_r)
{
	redisReply	*const *said;
	const redisReply	*waits;
	enum queue_mode		 mode;

	if (!answers_is_list(reply, "iiiiiiiiiisl") || !answers_mode(reply->element[10], &mode))
		return (false);
	said = reply->element;
	waits = said[11];
	if (waits->elements % 2 != 0 || waits->elements / 2 > QUEUE_ADMIT_MAX)
		return (false);
	for (size_t i = 0; i < waits->elements; i++) {
		if (waits->element[i]->type != REDIS_REPLY_INTEGER)
			return (false);
	}
	*answer_r = (struct tick_answer){ .mode = mode, .waiting = said[0]->integer, .active = said[1]->integer,
	    .admitted = said[2]->integer, .expired = said[3]->integer, .abandoned = said[4]->integer,
	    .generation = said[5]->integer, .last = said[6]->integer, .admitted_to = said[7]->integer,
	    .ended = said[8]->integer, .speed = said[9]->integer };
	waits_r->count = waits->elements / 2;
	for (size_t i = 0; i < waits_r->count; i++) {
		waits_r->at[i].told_ms = waits->element[2 * i]->integer;
		waits_r->at[i].waited_ms = waits->element[2 * i + 1]->integer;
	}
	return (true);
}

int64_t
queue_answers_tick_wait(const struct tick_answer *tick, int64_t waiting)
{
	return (tick->speed <= 0 ? -1 : (waiting * QUEUE_TICK_SPEED_SCALE + tick->speed - 1) / tick->speed);
}

bool
queue_answers_control(const redisReply *reply, struct control_answer *answer_r)
{
	redisReply	*const *said;
	enum queue_mode	 mode;

	if (!answers_is_list(reply, "siiiiiiiiisiisssss") || !answers_mode(reply->element[0], &mode))
		return (false);
	said = reply->element;
	*answer_r = (struct control_answer){ .mode = mode, .max_active = said[1]->integer, .admit = said[2]->integer,
	    .max_waiting = said[3]->integer, .ttl = said[4]->integer, .waiting = said[5]->integer,
	    .active = said[6]->integer, .admitted = said[7]->integer, .used = said[8]->integer,
	    .expired = said[9]->integer, .updated_by = said[10]->str, .updated_at_ms = said[11]->integer,
	    .revision = said[12]->integer };
	for (size_t i = 0; i < OPERATOR_FIELDS; i++)
		answer_r->set[i] = said[13 + i]->str;
	return (true);
}
