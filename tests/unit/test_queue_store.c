/* Commands to the queue's functions: names of keys, arguments byte by byte, and what the answers mean. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "ct/queue_store.h"

#define SCHEDULE	"0190a0b0-c0d0-7000-8000-00000000abcd"

static struct ct_queue_token
token(void)
{
	struct ct_queue_token	new = { .seq = 1700000000000001, .epoch = 7 };

	cr_assert(ct_uuid_parse(SCHEDULE, &new.schedule));
	cr_assert(ct_uuid_parse("0190a0b0-0000-7000-8000-0000000000ff", &new.user));
	return (new);
}

static void
argument_is(const struct ct_queue_command *command, int number, const void *bytes, size_t length)
{
	cr_assert_lt(number, command->argc);
	cr_assert_eq(command->lens[number], length, "argument %d has %zu bytes", number, command->lens[number]);
	cr_assert_eq(memcmp(command->argv[number], bytes, length), 0, "argument %d is %s", number, command->argv[number]);
}

Test(queue_store, all_keys_of_a_schedule_have_its_hash_tag)
{
	struct ct_queue_token	one = token();
	char			text[CT_QUEUE_KEY_TEXT], others[CT_QUEUE_KEYS][CT_QUEUE_KEY_TEXT];
	int			i, other;

	for (i = 0; i < CT_QUEUE_KEYS; i++) {
		cr_assert_eq(ct_queue_key(&one.schedule, i, text), strlen(text));
		cr_assert_eq(strncmp(text, "q:{" SCHEDULE "}:", 5 + 36), 0, "%s", text);
		for (other = 0; other < i; other++)
			cr_assert_str_neq(text, others[other]);
		(void)snprintf(others[i], sizeof(others[i]), "%s", text);
	}
	(void)ct_queue_key(&one.schedule, CT_QUEUE_KEY_WAITING, text);
	cr_assert_str_eq(text, "q:{" SCHEDULE "}:waiting");
	(void)ct_queue_key(&one.schedule, CT_QUEUE_KEY_HEARD, text);
	cr_assert_str_eq(text, "q:{" SCHEDULE "}:heard");
}

Test(queue_store, a_place_is_named_by_user_seq_and_epoch)
{
	struct ct_queue_token	one = token();
	struct ct_queue_command	command;

	ct_queue_store_check(&one, &command);
	cr_assert_eq(command.argc, 3 + CT_QUEUE_KEYS + 3);
	argument_is(&command, 0, "FCALL", 5);
	argument_is(&command, 1, "queue1_check", 12);
	argument_is(&command, 2, "8", 1);
	argument_is(&command, 3, "q:{" SCHEDULE "}:state", 46);
	/* The user's bytes hold NULs. */
	argument_is(&command, 3 + CT_QUEUE_KEYS, one.user.bytes, 16);
	argument_is(&command, 4 + CT_QUEUE_KEYS, "1700000000000001", 16);
	argument_is(&command, 5 + CT_QUEUE_KEYS, "7", 1);
	ct_queue_store_use(&one, &command);
	argument_is(&command, 1, "queue1_use", 10);
	argument_is(&command, 3 + CT_QUEUE_KEYS, one.user.bytes, 16);
}

Test(queue_store, there_is_room_for_twenty_arguments)
{
	struct ct_queue_token	one = token();
	struct ct_queue_command	command;
	int			i;

	ct_queue_command_init(&command, "f", &one.schedule);
	for (i = 0; i < 20; i++)
		ct_queue_command_number(&command, INT64_MIN);
	cr_assert_eq(command.argc, CT_QUEUE_ARGS_MAX);
	argument_is(&command, CT_QUEUE_ARGS_MAX - 1, "-9223372036854775808", 20);
}

Test(queue_store, whatever_is_no_state_is_unknown)
{
	static const struct { const char *text; enum ct_queue_state state; } known[] = {
		{ "WAITING", CT_QUEUE_WAITING }, { "ACTIVE", CT_QUEUE_ACTIVE }, { "USED", CT_QUEUE_USED },
		{ "EXPIRED", CT_QUEUE_EXPIRED }, { "", CT_QUEUE_UNKNOWN }, { "ACTIVES", CT_QUEUE_UNKNOWN } };
	redisReply	reply = { .type = REDIS_REPLY_STRING };
	char		text[16];
	size_t		i;

	reply.str = text;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", known[i].text);
		cr_assert_eq(ct_queue_store_state(&reply), known[i].state, "%s", text);
	}
	(void)snprintf(text, sizeof(text), "ACTIVE");
	reply.type = REDIS_REPLY_ERROR;
	cr_assert_eq(ct_queue_store_state(&reply), CT_QUEUE_UNKNOWN, "an error");
	cr_assert_eq(ct_queue_store_state(NULL), CT_QUEUE_UNKNOWN, "no answer");
}
