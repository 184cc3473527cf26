/* Commands to the queue's functions: the names of the keys, the bytes of the arguments, and the answers' meaning. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "queue_client/queue_store.h"

#define SCHEDULE	"0190a0b0-c0d0-7000-8000-00000000abcd"

static struct ct_queue_token
token(void)
{
	struct ct_queue_token	new = { .seq = 1700000000000001, .generation = 7 };

	cr_assert(ct_uuid_parse(SCHEDULE, &new.schedule));
	cr_assert(ct_uuid_parse("0190a0b0-0000-7000-8000-0000000000ff", &new.user));
	return (new);
}

/* The command as Redis parses it. The caller frees it. */
static redisReply *
sent(struct ct_queue_command *command)
{
	redisReader	*reader = redisReaderCreate();
	redisReply	*reply = NULL, *more = NULL;
	const char	*text;
	size_t		 length;

	text = ct_queue_command_end(command, &length);
	cr_assert_eq(redisReaderFeed(reader, text, length), REDIS_OK);
	cr_assert_eq(redisReaderGetReply(reader, (void **)&reply), REDIS_OK);
	cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY);
	cr_assert(redisReaderGetReply(reader, (void **)&more) == REDIS_OK && more == NULL, "nothing is left over");
	redisReaderFree(reader);
	return (reply);
}

static void
argument_is(const redisReply *command, size_t number, const void *bytes, size_t length)
{
	cr_assert_lt(number, command->elements);
	cr_assert_eq(command->element[number]->len, length, "argument %zu has %zu bytes", number, command->element[number]->len);
	cr_assert_eq(memcmp(command->element[number]->str, bytes, length), 0, "argument %zu is %s", number,
	    command->element[number]->str);
}

Test(queue_store, keys_of_a_schedule_have_its_hash_tag)
{
	struct ct_queue_token	one = token();
	struct ct_queue_command	command;
	redisReply		*read;
	size_t			 i, other;

	ct_queue_command_init(&command, "f", &one.schedule);
	read = sent(&command);
	cr_assert_eq(read->elements, 3 + CT_QUEUE_KEYS);
	for (i = 3; i < read->elements; i++) {
		cr_assert_eq(strncmp(read->element[i]->str, "q:{" SCHEDULE "}:", 5 + 36), 0, "%s", read->element[i]->str);
		for (other = 3; other < i; other++)
			cr_assert_str_neq(read->element[i]->str, read->element[other]->str);
	}
	freeReplyObject(read);

	ct_queue_read_init(&command, "ZRANK", &one.schedule);
	read = sent(&command);
	cr_assert_eq(read->elements, 2);
	argument_is(read, 0, "ZRANK", 5);
	argument_is(read, 1, "q:{" SCHEDULE "}:waiting", 5 + 36 + 7);
	freeReplyObject(read);
}

Test(queue_store, place_command_has_user_seq_and_generation)
{
	struct ct_queue_token	one = token();
	struct ct_queue_command	command;
	redisReply		*read;

	ct_queue_store_check(&one, &command);
	read = sent(&command);
	cr_assert_eq(read->elements, 3 + CT_QUEUE_KEYS + 3);
	argument_is(read, 0, "FCALL_RO", 8);
	argument_is(read, 1, "queue3_check", 12);
	argument_is(read, 2, "8", 1);
	argument_is(read, 3, "q:{" SCHEDULE "}:state", 46);
	/* The user's bytes contain NULs. */
	argument_is(read, 3 + CT_QUEUE_KEYS, one.user.bytes, 16);
	argument_is(read, 4 + CT_QUEUE_KEYS, "1700000000000001", 16);
	argument_is(read, 5 + CT_QUEUE_KEYS, "7", 1);
	freeReplyObject(read);
	ct_queue_store_use(&one, &command);
	read = sent(&command);
	argument_is(read, 0, "FCALL", 5);
	argument_is(read, 1, "queue3_use", 10);
	argument_is(read, 3 + CT_QUEUE_KEYS, one.user.bytes, 16);
	freeReplyObject(read);
}

Test(queue_store, command_about_the_most_users_fits)
{
	struct ct_queue_token	one = token();
	struct ct_queue_command	command;
	redisReply		*read;
	int			i;

	one.seq = one.generation = INT64_MAX;
	ct_queue_command_init(&command, "queue3_status", &one.schedule);
	for (i = 0; i < 20; i++)
		ct_queue_command_number(&command, INT64_MIN);
	for (i = 0; i < CT_QUEUE_PEOPLE_MAX; i++)
		ct_queue_command_place(&command, &one);
	read = sent(&command);
	cr_assert_eq(read->elements, 3 + CT_QUEUE_KEYS + 20 + 3 * CT_QUEUE_PEOPLE_MAX);
	argument_is(read, 3 + CT_QUEUE_KEYS + 19, "-9223372036854775808", 20);
	argument_is(read, read->elements - 1, "9223372036854775807", 19);
	freeReplyObject(read);
}

Test(queue_store, answer_without_a_known_state_is_unknown)
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
