/* See queue_client/queue_store.h. */
#include "queue_client/queue_store.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

/* The order is that of KEYS in services/queue/redis/library.lua. */
static const char *const	key_names[CT_QUEUE_KEYS] = {
	"state", "waiting", "heard", "active", "places", "used", "gone", "guesses"
};

/* Room for the head, "*argc\r\n". ct_queue_command_end writes it, when argc is known. */
#define HEAD_MAX	8
#define KEY_MAX		64
#define KEY_WAITING	1

static void
queue_store_put(struct ct_queue_command *command, const void *data, size_t len)
{
	memcpy(command->bytes + command->used, data, len);
	command->used += len;
}

/* "$len\r\ndata\r\n" */
static void
queue_store_append(struct ct_queue_command *command, const void *data, size_t len)
{
	char	number[CT_NUMBER_TEXT];
	size_t	digits = ct_number((int64_t)len, number);

	/* CT_QUEUE_PEOPLE_MAX keeps commands short enough. A longer one is a bug. */
	CT_ASSERT(len < sizeof(command->bytes) && digits + len + 5 <= sizeof(command->bytes) - command->used);
	queue_store_put(command, "$", 1);
	queue_store_put(command, number, digits);
	queue_store_put(command, "\r\n", 2);
	queue_store_put(command, data, len);
	queue_store_put(command, "\r\n", 2);
	command->argc++;
}

/* Appends the name of one of the schedule's keys: "q:{" schedule "}:" name. */
static void
queue_store_append_key(struct ct_queue_command *command, const char *name)
{
	char	text[KEY_MAX];
	size_t	len = strlen(name);

	memcpy(text, "q:{", 3);
	memcpy(text + 3, command->schedule, CT_UUID_TEXT - 1);
	memcpy(text + 3 + CT_UUID_TEXT - 1, "}:", 2);
	memcpy(text + 5 + CT_UUID_TEXT - 1, name, len);
	queue_store_append(command, text, 5 + CT_UUID_TEXT - 1 + len);
}

static void
queue_store_begin(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule)
{
	ct_uuid_format(schedule, command->schedule);
	command->argc = 0;
	command->used = HEAD_MAX;
	ct_queue_command_text(command, name);
}

static void
queue_store_begin_function(struct ct_queue_command *command, const char *call, const char *function, const struct ct_uuid *schedule)
{
	queue_store_begin(command, call, schedule);
	ct_queue_command_text(command, function);
	ct_queue_command_number(command, CT_QUEUE_KEYS);
	for (int i = 0; i < CT_QUEUE_KEYS; i++)
		queue_store_append_key(command, key_names[i]);
}

void
ct_queue_command_init(struct ct_queue_command *command, const char *function, const struct ct_uuid *schedule)
{
	queue_store_begin_function(command, "FCALL", function, schedule);
}

void
ct_queue_read_init(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule)
{
	queue_store_begin(command, name, schedule);
	queue_store_append_key(command, key_names[KEY_WAITING]);
}

void
ct_queue_command_bytes(struct ct_queue_command *command, const void *data, size_t len)
{
	queue_store_append(command, data, len);
}

void
ct_queue_command_text(struct ct_queue_command *command, const char *text)
{
	queue_store_append(command, text, strlen(text));
}

void
ct_queue_command_number(struct ct_queue_command *command, int64_t number)
{
	char	text[CT_NUMBER_TEXT];

	queue_store_append(command, text, ct_number(number, text));
}

void
ct_queue_command_place(struct ct_queue_command *command, const struct ct_queue_token *token)
{
	ct_queue_command_bytes(command, token->user.bytes, sizeof(token->user.bytes));
	ct_queue_command_number(command, (int64_t)token->seq);
	ct_queue_command_number(command, (int64_t)token->generation);
}

const char *
ct_queue_command_end(struct ct_queue_command *command, size_t *length_r)
{
	char	 number[CT_NUMBER_TEXT];
	size_t	 digits = ct_number(command->argc, number);
	char	*start = command->bytes + HEAD_MAX - digits - 3;

	start[0] = '*';
	memcpy(start + 1, number, digits);
	memcpy(start + 1 + digits, "\r\n", 2);
	*length_r = command->used - (size_t)(start - command->bytes);
	return (start);
}

void
ct_queue_store_check(const struct ct_queue_token *token, struct ct_queue_command *command_r)
{
	/* FCALL needs the right to write to the keys, which the reservation service does not have. FCALL_RO does not. */
	queue_store_begin_function(command_r, "FCALL_RO", "queue3_check", &token->schedule);
	ct_queue_command_place(command_r, token);
}

void
ct_queue_store_use(const struct ct_queue_token *token, struct ct_queue_command *command_r)
{
	ct_queue_command_init(command_r, "queue3_use", &token->schedule);
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
