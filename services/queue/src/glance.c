/* The quick look at a place. See glance.h. */
#include "glance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ct/buf.h"
#include "ct/loop.h"
#include "ct/service.h"

#define FULL_MS		1000	/* how often the function is asked whatever a look would say */
#define SPEED_MS	2000	/* how old the speed of the last tick may be */
#define COMMAND_MAX	160

static int64_t
wall_us(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

/* A score, which is whole; -1: not there. */
static int64_t
score(const redisReply *reply)
{
	return (reply != NULL && reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : -1);
}

/* Three answers: the place's seq, its rank, and when it was heard of. */
static void
answered(const redisReply *reply, void *arg)
{
	struct glance		*look = arg;
	const struct queue	*queue;
	struct place		 place = { .state = PLACE_WAITING, .wait = -1 };
	int64_t			 since;

	switch (look->answers++) {
	case 0:
		/* A user who left and came again has another seq. */
		look->placed = score(reply) == (int64_t)look->token->seq;
		return;
	case 1:
		look->position = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer + 1 : 0;
		return;
	default:
		break;
	}
	/*
	 * The function notes that the waiter was heard of when the note is an
	 * eighth of the patience old. By this clock and not the store's: where
	 * they differ much, the function is asked more often or finds more to note.
	 */
	since = wall_us() - score(reply);
	queue = queues_find(&look->token->schedule);
	if (!look->placed || look->position == 0 || since < 0 || since > store_settings.patience_us / 8 ||
	    queue == NULL) {
		look->cb(NULL, look->arg);
		return;
	}
	place.seq = look->token->seq;
	place.epoch = look->token->epoch;
	place.position = look->position;
	if (queue->speed > 0)
		place.wait = (look->position * 1000 + queue->speed - 1) / queue->speed;
	look->cb(&place, look->arg);
}

/* "COMMAND key user" in Redis' own form; returns its length. */
static size_t
command(char text[COMMAND_MAX], const char *name, const char *key, size_t key_length, const struct ct_uuid *user)
{
	char	*at = text, number[CT_NUMBER_TEXT];
	size_t	 length;

	at = stpcpy(at, name);
	length = ct_number((int64_t)key_length, number);
	memcpy(at, number, length);
	at += length;
	at = stpcpy(at, "\r\n");
	memcpy(at, key, key_length);
	at += key_length;
	at = stpcpy(at, "\r\n$16\r\n");
	memcpy(at, user->bytes, sizeof(user->bytes));
	at += sizeof(user->bytes);
	at = stpcpy(at, "\r\n");
	return ((size_t)(at - text));
}

bool
glance(struct glance *look, struct queue *queue, const struct ct_queue_token *token, glance_cb cb, void *arg)
{
	static const char	score_of[] = "*3\r\n$6\r\nZSCORE\r\n$", rank_of[] = "*3\r\n$5\r\nZRANK\r\n$";
	uint64_t		now = ct_loop_now_ms();
	char			key[CT_QUEUE_KEY_TEXT], texts[3][COMMAND_MAX];
	size_t			lens[3], length;

	if (queue->ticked_ms == 0 || now - queue->ticked_ms > SPEED_MS || now - queue->full_ms >= FULL_MS ||
	    (queue->opens_ms > 0 && queue->opens_ms > (int64_t)time(NULL) * 1000)) {
		queue->full_ms = now;
		return (false);
	}
	*look = (struct glance){ .token = token, .cb = cb, .arg = arg };
	length = ct_queue_key(&token->schedule, CT_QUEUE_KEY_WAITING, key);
	lens[0] = command(texts[0], score_of, key, length, &token->user);
	lens[1] = command(texts[1], rank_of, key, length, &token->user);
	length = ct_queue_key(&token->schedule, CT_QUEUE_KEY_HEARD, key);
	lens[2] = command(texts[2], score_of, key, length, &token->user);
	ct_redis_send(ct_service_redis, 3, (const char *const[]){ texts[0], texts[1], texts[2] }, lens, answered, look);
	return (true);
}
