/* Commands to the queue's functions in Redis. See ct/queue_store.h. */
#include "ct/queue_store.h"

#include <stdlib.h>
#include <string.h>

#include "ct/buf.h"

/* The order is that of KEYS in services/queue/redis/queue.lua. */
static const char *const	key_names[CT_QUEUE_KEYS] = {
	"state", "waiting", "heard", "active", "places", "used", "gone", "guesses", "changes"
};

/* The command's head, "*argc\r\n", is written in front of the rest at the end. */
#define HEAD_MAX	8
#define KEY_MAX		64
#define KEY_WAITING	1

static void
put(struct ct_queue_command *command, const void *data, size_t len)
{
	memcpy(command->bytes + command->used, data, len);
	command->used += len;
}

/* "$len\r\ndata\r\n" */
static void
append(struct ct_queue_command *command, const void *data, size_t len)
{
	char	number[CT_NUMBER_TEXT];
	size_t	digits = ct_number((int64_t)len, number);

	/* Callers' arguments are few and short; more than fits is a mistake in the program. */
	if (len >= sizeof(command->bytes) || digits + len + 5 > sizeof(command->bytes) - command->used)
		abort();
	put(command, "$", 1);
	put(command, number, digits);
	put(command, "\r\n", 2);
	put(command, data, len);
	put(command, "\r\n", 2);
	command->argc++;
}

/* Appends the name of one of a schedule's keys: "q:{" schedule "}:" name. */
static void
append_key(struct ct_queue_command *command, const char schedule[CT_UUID_TEXT], const char *name)
{
	char	text[KEY_MAX];
	size_t	len = strlen(name);

	memcpy(text, "q:{", 3);
	memcpy(text + 3, schedule, CT_UUID_TEXT - 1);
	memcpy(text + 3 + CT_UUID_TEXT - 1, "}:", 2);
	memcpy(text + 5 + CT_UUID_TEXT - 1, name, len);
	append(command, text, 5 + CT_UUID_TEXT - 1 + len);
}

static void
begin(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule, char text_r[CT_UUID_TEXT])
{
	ct_uuid_format(schedule, text_r);
	command->argc = 0;
	command->used = HEAD_MAX;
	ct_queue_command_text(command, name);
}

static void
begin_function(struct ct_queue_command *command, const char *call, const char *function, const struct ct_uuid *schedule)
{
	char	text[CT_UUID_TEXT];

	begin(command, call, schedule, text);
	ct_queue_command_text(command, function);
	ct_queue_command_number(command, CT_QUEUE_KEYS);
	for (int i = 0; i < CT_QUEUE_KEYS; i++)
		append_key(command, text, key_names[i]);
}

void
ct_queue_command_init(struct ct_queue_command *command, const char *function, const struct ct_uuid *schedule)
{
	begin_function(command, "FCALL", function, schedule);
}

void
ct_queue_read_init(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule)
{
	char	text[CT_UUID_TEXT];

	begin(command, name, schedule, text);
	append_key(command, text, key_names[KEY_WAITING]);
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
	/* FCALL_RO: the reservation service has no right to write to these keys, which FCALL requires. */
	begin_function(command_r, "FCALL_RO", "queue2_check", &token->schedule);
	ct_queue_command_place(command_r, token);
}

void
ct_queue_store_use(const struct ct_queue_token *token, struct ct_queue_command *command_r)
{
	ct_queue_command_init(command_r, "queue2_use", &token->schedule);
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
