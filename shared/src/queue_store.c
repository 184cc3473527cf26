/* Commands to the queue's functions in Redis. See ct/queue_store.h. */
#include "ct/queue_store.h"

#include <stdlib.h>
#include <string.h>

#include "ct/buf.h"

/* The order is that of KEYS in services/queue/redis/queue.lua. */
static const char *const	key_names[CT_QUEUE_KEYS] = {
	"state", "waiting", "heard", "active", "places", "used", "gone", "guesses"
};

static void
append(struct ct_queue_command *command, const void *data, size_t len)
{
	char	*at;

	/* Callers' arguments are few and short; more than fits is a mistake in the program. */
	if (command->argc == CT_QUEUE_ARGS_MAX || len >= sizeof(command->bytes) - command->used)
		abort();
	at = command->bytes + command->used;
	memcpy(at, data, len);
	at[len] = '\0';
	command->used += len + 1;
	command->argv[command->argc] = at;
	command->lens[command->argc++] = len;
}

size_t
ct_queue_key(const struct ct_uuid *schedule, int key, char text_r[CT_QUEUE_KEY_TEXT])
{
	size_t	len = strlen(key_names[key]);

	/* "q:{" schedule "}:" name */
	memcpy(text_r, "q:{", 3);
	ct_uuid_format(schedule, text_r + 3);
	memcpy(text_r + 3 + CT_UUID_TEXT - 1, "}:", 2);
	memcpy(text_r + 5 + CT_UUID_TEXT - 1, key_names[key], len + 1);
	return (5 + CT_UUID_TEXT - 1 + len);
}

void
ct_queue_command_init(struct ct_queue_command *command, const char *function,
    const struct ct_uuid *schedule)
{
	char	key[CT_QUEUE_KEY_TEXT];

	command->argc = 0;
	command->used = 0;
	ct_queue_command_text(command, "FCALL");
	ct_queue_command_text(command, function);
	ct_queue_command_number(command, CT_QUEUE_KEYS);
	for (int i = 0; i < CT_QUEUE_KEYS; i++)
		append(command, key, ct_queue_key(schedule, i, key));
}

void
ct_queue_command_bytes(struct ct_queue_command *command, const void *data, size_t len)
{
	append(command, data, len);
}

void
ct_queue_command_text(struct ct_queue_command *command, const char *text)
{
	append(command, text, strlen(text));
}

void
ct_queue_command_number(struct ct_queue_command *command, int64_t number)
{
	char	text[CT_NUMBER_TEXT];

	append(command, text, ct_number(number, text));
}

void
ct_queue_command_place(struct ct_queue_command *command, const struct ct_queue_token *token)
{
	ct_queue_command_bytes(command, token->user.bytes, sizeof(token->user.bytes));
	ct_queue_command_number(command, (int64_t)token->seq);
	ct_queue_command_number(command, (int64_t)token->epoch);
}

void
ct_queue_store_check(const struct ct_queue_token *token, struct ct_queue_command *command_r)
{
	ct_queue_command_init(command_r, "queue1_check", &token->schedule);
	ct_queue_command_place(command_r, token);
}

void
ct_queue_store_use(const struct ct_queue_token *token, struct ct_queue_command *command_r)
{
	ct_queue_command_init(command_r, "queue1_use", &token->schedule);
	ct_queue_command_place(command_r, token);
}

enum ct_queue_state
ct_queue_store_state(const redisReply *reply)
{
	static const struct {
		const char		*name;
		enum ct_queue_state	 state;
	} states[] = {
		{ "WAITING", CT_QUEUE_WAITING },
		{ "ACTIVE", CT_QUEUE_ACTIVE },
		{ "USED", CT_QUEUE_USED },
		{ "EXPIRED", CT_QUEUE_EXPIRED },
	};

	if (reply == NULL || reply->type != REDIS_REPLY_STRING)
		return (CT_QUEUE_UNKNOWN);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(reply->str, states[i].name) == 0)
			return (states[i].state);
	}
	return (CT_QUEUE_UNKNOWN);
}
