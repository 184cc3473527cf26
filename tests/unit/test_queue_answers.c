/* Decoding the answers of the queue's Redis functions: each wrong type, count or name is refused. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "queue_answers.h"

#define MANY	1024

static redisReply	*made[4 * MANY];
static size_t		 made_count;

/* The reply keeps a pointer to the text and to the elements. */
static redisReply *
reply_new(int type)
{
	redisReply	*reply = calloc(1, sizeof(*reply));

	cr_assert(reply != NULL && made_count < sizeof(made) / sizeof(made[0]));
	reply->type = type;
	made[made_count++] = reply;
	return (reply);
}

static redisReply *
integer(long long number)
{
	redisReply	*reply = reply_new(REDIS_REPLY_INTEGER);

	reply->integer = number;
	return (reply);
}

static redisReply *
text(const char *text)
{
	redisReply	*reply = reply_new(REDIS_REPLY_STRING);

	reply->str = strdup(text);
	reply->len = strlen(text);
	return (reply);
}

/* Makes a list from a description of its elements: a number, a text, or "[]" for an empty list. */
static redisReply *
list(const char *description)
{
	redisReply	*reply = reply_new(REDIS_REPLY_ARRAY);
	char		*copy = strdup(description), *rest = copy, *word, *end;

	reply->element = calloc(MANY, sizeof(*reply->element));
	while ((word = strtok_r(rest, " ", &rest)) != NULL) {
		long long	number = strtoll(word, &end, 10);

		cr_assert_lt(reply->elements, MANY);
		reply->element[reply->elements++] = strcmp(word, "[]") == 0 ? list("") : *end == '\0' ? integer(number) :
		    text(strcmp(word, "''") == 0 ? "" : word);
	}
	free(copy);
	return (reply);
}

static void
free_all(void)
{
	for (size_t i = 0; i < made_count; i++) {
		free(made[i]->str);
		free(made[i]->element);
		free(made[i]);
	}
	made_count = 0;
}

TestSuite(queue_answers, .fini = free_all);

/* Changes the type of each element in turn, and the number of elements, and expects that `decodes` refuses each. */
static void
refuses_changes(redisReply *reply, bool (*decodes)(const redisReply *))
{
	redisReply	*kept;

	cr_assert(decodes(reply));
	for (size_t i = 0; i < reply->elements; i++) {
		kept = reply->element[i];
		reply->element[i] = kept->type == REDIS_REPLY_INTEGER ? text("1") : integer(1);
		cr_assert_not(decodes(reply), "element %zu", i);
		reply->element[i] = reply_new(REDIS_REPLY_NIL);
		cr_assert_not(decodes(reply), "element %zu is nil", i);
		reply->element[i] = kept;
	}
	reply->elements--;
	cr_assert_not(decodes(reply), "one element less");
	reply->elements += 2;
	reply->element[reply->elements - 1] = integer(1);
	cr_assert_not(decodes(reply), "one element more");
	reply->elements--;
	cr_assert(decodes(reply));
	reply->type = REDIS_REPLY_ERROR;
	cr_assert_not(decodes(reply), "an error");
	reply->type = REDIS_REPLY_ARRAY;
	cr_assert_not(decodes(NULL));
}

static bool
decodes_tick(const redisReply *reply)
{
	struct tick_answer	answer;
	struct tick_waits	waits;

	return (queue_answers_tick(reply, &answer, &waits));
}

Test(queue_answers, tick_with_wrong_type_or_count_is_refused)
{
	redisReply		*reply = list("1 2 3 4 5 6 7 8 9 10 OPEN []");
	struct tick_answer	 answer;
	struct tick_waits	 waits;

	refuses_changes(reply, decodes_tick);
	reply->element[11] = list("1000 1500 2000 1800");
	cr_assert(queue_answers_tick(reply, &answer, &waits));
	cr_assert(answer.waiting == 1 && answer.ended == 9 && answer.speed == 10 && answer.mode == QUEUE_MODE_OPEN);
	cr_assert(waits.count == 2 && waits.at[1].told_ms == 2000 && waits.at[1].waited_ms == 1800);
	reply->element[10] = text("SHUT");
	cr_assert_not(decodes_tick(reply), "an unknown mode");
}

Test(queue_answers, tick_with_odd_text_or_too_many_waits_is_refused)
{
	redisReply	*reply = list("1 2 3 4 5 6 7 8 9 10 OPEN []");

	reply->element[11] = list("1000 1500 2000");
	cr_assert_not(decodes_tick(reply));
	reply->element[11] = list("1000 text");
	cr_assert_not(decodes_tick(reply));
	reply->element[11] = list("");
	for (reply->element[11]->elements = 0; reply->element[11]->elements < 2 * QUEUE_ADMIT_MAX;)
		reply->element[11]->element[reply->element[11]->elements++] = integer(1);
	cr_assert(decodes_tick(reply));
	for (int i = 0; i < 2; i++)
		reply->element[11]->element[reply->element[11]->elements++] = integer(1);
	cr_assert_not(decodes_tick(reply));
}

static bool
decodes_control(const redisReply *reply)
{
	struct control_answer	answer;

	return (queue_answers_control(reply, &answer));
}

Test(queue_answers, control_with_wrong_type_or_count_is_refused)
{
	redisReply		*reply = list("PAUSED 1 2 3 4 5 6 7 8 9 operator 11 12 PAUSED '' '' '' 99x");
	struct control_answer	 answer;

	refuses_changes(reply, decodes_control);
	cr_assert(queue_answers_control(reply, &answer));
	cr_assert(answer.mode == QUEUE_MODE_PAUSED && answer.expired == 9 && answer.revision == 12);
	cr_assert_str_eq(answer.updated_by, "operator");
	cr_assert_str_eq(answer.set[1], "");
	cr_assert_str_eq(answer.set[4], "99x");
}

static bool
decodes_place(const redisReply *said)
{
	redisReply		 *reply = list("0 0 0");
	struct place_answers	 answers;
	struct place		 place;

	if (said == NULL)
		return (queue_answers_places(NULL, 1, &answers));
	reply->element[2] = (redisReply *)(uintptr_t)said;
	cr_assert(queue_answers_places(reply, 1, &answers));
	return (queue_answers_place(reply, &answers, 0, NULL, &place));
}

Test(queue_answers, place_with_wrong_type_count_or_state_is_refused)
{
	redisReply	*said = list("WAITING 2 3 4 5 6 1");

	refuses_changes(said, decodes_place);
	said->element[0] = text("LOST");
	cr_assert_not(decodes_place(said));
}

Test(queue_answers, places_of_another_number_of_users_are_refused)
{
	redisReply		*reply = list("1000000 0 1 2");
	struct place_answers	 answers;

	cr_assert(queue_answers_places(reply, 2, &answers));
	cr_assert_not(queue_answers_places(reply, 1, &answers));
	cr_assert_not(queue_answers_places(reply, 3, &answers));
	cr_assert_not(queue_answers_places(list("text 0 1 2"), 2, &answers));
	cr_assert_not(queue_answers_places(list("1"), 0, &answers));
}

Test(queue_answers, bare_position_is_a_waiting_place_only_for_status)
{
	redisReply		*reply = list("2000000 500 7");
	struct place_answers	 answers;
	struct place		 asked = { .seq = 5, .generation = 6 }, place;

	cr_assert(queue_answers_places(reply, 1, &answers));
	cr_assert_not(queue_answers_place(reply, &answers, 0, NULL, &place));
	cr_assert(queue_answers_place(reply, &answers, 0, &asked, &place));
	cr_assert(place.state == PLACE_WAITING && place.seq == 5 && place.generation == 6 && place.position == 7);
	/* 7 users at 2 per second, after half a second. */
	cr_assert_eq(place.wait, 4);
	reply->element[0]->integer = QUEUE_SPEED_PAUSED;
	cr_assert(queue_answers_places(reply, 1, &answers) && queue_answers_place(reply, &answers, 0, &asked, &place));
	cr_assert(place.paused && place.wait == -1);
}

Test(queue_answers, begin_and_leave_refuse_anything_but_their_numbers)
{
	enum begin_result	result;
	bool			had_place;

	cr_assert(queue_answers_begin(integer(2), &result) && result == BEGIN_AFTER_RESTART);
	cr_assert_not(queue_answers_begin(integer(3), &result));
	cr_assert_not(queue_answers_begin(integer(-1), &result));
	cr_assert_not(queue_answers_begin(text("1"), &result));
	cr_assert_not(queue_answers_begin(NULL, &result));
	cr_assert(queue_answers_leave(integer(1), &had_place) && had_place);
	cr_assert(queue_answers_leave(integer(0), &had_place) && !had_place);
	cr_assert_not(queue_answers_leave(text("1"), &had_place));
	cr_assert_not(queue_answers_leave(NULL, &had_place));
}
