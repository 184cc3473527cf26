/* The fixture of the queue's tests, and their main. See queue.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* asprintf */
#endif
#include "queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/options.h>

#ifndef QUEUE_LUA
#define QUEUE_LUA	"services/queue/redis/queue.lua"
#endif

struct settings	settings;
struct memory	memory;
redisContext	*store;
redisContext	*(*store_moved)(int port);
struct ct_uuid	 schedule = { { 0x01, 0x93, 0x5b, 0x7a, 0x2e, 0x40, 0x7c, 0x11, 0x9a, 2, 3, 4, 5, 6, 7, 8 } };

static int64_t	now;

char *
library_text(void)
{
	char	*source;
	FILE	*file;
	long	 len;

	file = fopen(QUEUE_LUA, "r");
	cr_assert_not_null(file, "cannot read %s", QUEUE_LUA);
	fseek(file, 0, SEEK_END);
	len = ftell(file);
	rewind(file);
	source = calloc(1, (size_t)len + 1);
	cr_assert_eq(fread(source, 1, (size_t)len, file), (size_t)len);
	fclose(file);
	return (source);
}

/*
 * The library's text with its clock replaced: the key `clock`, where it is set.
 * Time is all that is replaced; the rest is what production runs. `settle` does
 * what each call of the queue service begins with.
 */
static char *
library_with_clock(void)
{
	static const char	head[] = "local function clock()\n";
	static const char	own[] = "\tlocal set = redis.call('GET', 'clock')\n"
				    "\tif set then return tonumber(set) end\n";
	static const char	settle[] = "redis.register_function('settle', function(keys) take_used_out(keys, clock()) end)\n";
	char			*source = library_text(), *at, *text;

	at = strstr(source, head);
	cr_assert_not_null(at, "queue.lua has no clock() to replace");
	at += strlen(head);
	cr_assert_neq(asprintf(&text, "%.*s%s%s%s", (int)(at - source), source, own, at, settle), -1);
	free(source);
	return (text);
}

redisContext *
store_connect(void)
{
	const char	*port = getenv("REDIS_PORT");
	redisContext	*context;

	cr_assert_not_null(port, "REDIS_PORT: the port of a private, empty Redis");
	context = redisConnect("127.0.0.1", atoi(port));
	cr_assert(context != NULL && context->err == 0, "no Redis on port %s", port);
	return (context);
}

void
queue_setup(void)
{
	char		*library;
	redisReply	*reply;

	settings = (struct settings){ .patience = 10 * MINUTE, .settle = 25 * SECOND,
	    .tick = 100 * MS, .max_active = 500, .admit = 100, .max_waiting = 2000000, .ttl = 120 };
	memory = (struct memory){ .epoch = 0 };
	store = store_connect();
	freeReplyObject(redisCommand(store, "FLUSHALL"));
	library = library_with_clock();
	reply = redisCommand(store, "FUNCTION LOAD REPLACE %s", library);
	cr_assert(reply != NULL && reply->type != REDIS_REPLY_ERROR, "%s", reply ? reply->str : "no answer");
	freeReplyObject(reply);
	free(library);
	clock_set(T0);
}

void
queue_teardown(void)
{
	redisFree(store);
}

void
clock_set(int64_t us)
{
	now = us;
	freeReplyObject(redisCommand(store, "SET clock %lld", (long long)us));
}

void
clock_real(void)
{
	freeReplyObject(redisCommand(store, "DEL clock"));
}

int64_t
clock_pass(int64_t us)
{
	clock_set(now + us);
	return (now);
}

void
store_lose(void)
{
	freeReplyObject(redisCommand(store, "FLUSHALL"));
	clock_set(now);
}

/* All keys of the schedule as they were when they were written to the file. */
static redisReply	*kept[CT_QUEUE_KEYS];

/* The keys' names are nobody's business but the functions' and queue_store.c's: here they are moved about whole. */
static void
key_of(int key, char text_r[64])
{
	static const char *const	names[CT_QUEUE_KEYS] = { "state", "waiting", "heard", "active", "places", "used",
	    "gone", "guesses", "changes" };
	char				text[CT_UUID_TEXT];

	ct_uuid_format(&schedule, text);
	(void)snprintf(text_r, 64, "q:{%s}:%s", text, names[key]);
}

void
store_keep(void)
{
	char	key[64];

	for (int i = 0; i < CT_QUEUE_KEYS; i++) {
		key_of(i, key);
		if (kept[i] != NULL)
			freeReplyObject(kept[i]);
		kept[i] = redisCommand(store, "DUMP %s", key);
	}
}

void
store_restart(void)
{
	char	key[64];

	for (int i = 0; i < CT_QUEUE_KEYS; i++) {
		key_of(i, key);
		freeReplyObject(redisCommand(store, "DEL %s", key));
		if (kept[i]->type == REDIS_REPLY_STRING)
			freeReplyObject(redisCommand(store, "RESTORE %s 0 %b", key, kept[i]->str, kept[i]->len));
	}
	key_of(0, key);
	/* This server's process is another than the one that kept the queue so far. */
	freeReplyObject(redisCommand(store, "HSET %s run 0123456789abcdef", key));
}

static struct ct_uuid
user_id(int user)
{
	struct ct_uuid	id = { { 0x01, 0x93, 0, 0, 0, 0, 0x70 } };

	id.bytes[12] = (uint8_t)(user >> 24);
	id.bytes[13] = (uint8_t)(user >> 16);
	id.bytes[14] = (uint8_t)(user >> 8);
	id.bytes[15] = (uint8_t)user;
	return (id);
}

static struct ct_queue_token
token_of(int user, struct place place)
{
	return ((struct ct_queue_token){ .schedule = schedule, .user = user_id(user),
	    .seq = (uint64_t)place.seq, .epoch = (uint64_t)place.epoch });
}

static void
append_settings(struct ct_queue_command *command)
{
	const int64_t	values[] = { settings.patience, settings.settle, settings.tick,
	    settings.max_active, settings.admit, settings.max_waiting, settings.ttl };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		ct_queue_command_number(command, values[i]);
}

/* A copy is ended, so that the same command can be sent again. */
void
append_command(redisContext *to, const struct ct_queue_command *command)
{
	struct ct_queue_command	 copy = *command;
	const char		*text;
	size_t			 length;

	text = ct_queue_command_end(&copy, &length);
	cr_assert_eq(redisAppendFormattedCommand(to, text, length), REDIS_OK);
}

redisReply *
send_command(const struct ct_queue_command *command)
{
	redisReply	*reply;

	append_command(store, command);
	cr_assert_eq(redisGetReply(store, (void **)&reply), REDIS_OK, "Redis does not answer");
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MOVED ", 6) == 0 && store_moved != NULL) {
		/* A cluster's node that has not got the schedule: the one that has. */
		store = store_moved(atoi(strrchr(reply->str, ':') + 1));
		freeReplyObject(reply);
		return (send_command(command));
	}
	cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
	return (reply);
}

struct place
place_at(const redisReply *reply, size_t i, const struct place *asked)
{
	struct place	place = { .seq = 0 };
	int64_t		speed, opens_in_ms;

	cr_assert_eq(reply->type, REDIS_REPLY_ARRAY, "%s", reply->str);
	cr_assert_gt(reply->elements, 2 + i);
	speed = reply->element[0]->integer;
	opens_in_ms = reply->element[1]->integer;
	place.paused = speed == -1;
	reply = reply->element[2 + i];
	if (reply->type == REDIS_REPLY_INTEGER) {
		/* Goes on waiting. */
		cr_assert_not_null(asked);
		place = (struct place){ .state = "WAITING", .seq = asked->seq, .epoch = asked->epoch,
		    .position = reply->integer, .wait = -1, .paused = speed == -1 };
		if (speed > 0)
			place.wait = (reply->integer * INT64_C(1000000000) / speed + opens_in_ms + 999) / 1000;
		return (place);
	}
	cr_assert_eq(reply->type, REDIS_REPLY_ARRAY, "%s", reply->str);
	cr_assert_eq(reply->elements, 7);
	snprintf(place.state, sizeof(place.state), "%s", reply->element[0]->str);
	place.seq = reply->element[1]->integer;
	place.epoch = reply->element[2]->integer;
	place.position = reply->element[3]->integer;
	place.active_until_ms = reply->element[4]->integer;
	place.wait = reply->element[5]->integer;
	place.is_new = reply->element[6]->integer == 1;
	return (place);
}

static struct place
send_for_place(const struct ct_queue_command *command, const struct place *asked)
{
	redisReply	*reply = send_command(command);
	struct place	 place = place_at(reply, 0, asked);

	freeReplyObject(reply);
	return (place);
}

bool
begin(void)
{
	struct ct_queue_command	 command;
	redisReply		*reply;
	bool			 began;

	ct_queue_command_init(&command, "queue2_begin", &schedule);
	ct_queue_command_number(&command, settings.settle);
	ct_queue_command_number(&command, memory.epoch);
	ct_queue_command_number(&command, memory.last);
	ct_queue_command_number(&command, memory.admitted_to);
	ct_queue_command_number(&command, memory.ended);
	ct_queue_command_number(&command, memory.control.revision);
	ct_queue_command_text(&command, memory.control.updated_by);
	ct_queue_command_number(&command, memory.control.updated_at_ms);
	for (int i = 0; i < 5; i++)
		ct_queue_command_text(&command, memory.control.set[i]);
	reply = send_command(&command);
	began = reply->integer != 0;
	freeReplyObject(reply);
	return (began);
}

void
command_enter_begin(struct ct_queue_command *command, int64_t opens)
{
	ct_queue_command_init(command, "queue2_enter", &schedule);
	ct_queue_command_number(command, opens);
	append_settings(command);
}

void
command_enter_user(struct ct_queue_command *command, int user, int64_t drawn)
{
	struct ct_uuid	id = user_id(user);

	ct_queue_command_bytes(command, id.bytes, sizeof(id.bytes));
	if (drawn != 0)
		ct_queue_command_number(command, drawn);
	else
		ct_queue_command_text(command, "");
}

void
command_enter(struct ct_queue_command *command, int user)
{
	command_enter_begin(command, 0);
	command_enter_user(command, user, 0);
}

struct place
enter(int user)
{
	return (enter_sale_at(user, 0));
}

struct place
enter_sale_at(int user, int64_t opens)
{
	return (enter_drawn(user, opens, 0));
}

struct place
enter_drawn(int user, int64_t opens, int64_t drawn)
{
	struct ct_queue_command	command;
	struct place		place;

	command_enter_begin(&command, opens);
	command_enter_user(&command, user, drawn);
	place = send_for_place(&command, NULL);
	if (strcmp(place.state, "NEW") == 0) {
		cr_assert(begin());
		place = send_for_place(&command, NULL);
	}
	return (place);
}

void
command_status_begin(struct ct_queue_command *command, int64_t opens, bool unused, bool draw)
{
	ct_queue_command_init(command, "queue2_status", &schedule);
	ct_queue_command_number(command, opens);
	ct_queue_command_number(command, settings.patience);
	ct_queue_command_number(command, settings.settle);
	ct_queue_command_text(command, unused ? "1" : "");
	if (draw)
		ct_queue_command_number(command, opens);
	else
		ct_queue_command_text(command, "");
}

void
command_status_place(struct ct_queue_command *command, int user, struct place place)
{
	struct ct_queue_token	token = token_of(user, place);

	ct_queue_command_place(command, &token);
}

struct place
status(int user, struct place place)
{
	return (status_with(user, place, 0, false, false));
}

struct place
status_with(int user, struct place place, int64_t opens, bool unused, bool draw)
{
	struct ct_queue_command	command;
	struct place		answer;

	command_status_begin(&command, opens, unused, draw);
	command_status_place(&command, user, place);
	answer = send_for_place(&command, &place);
	if (strcmp(answer.state, "NEW") == 0) {
		cr_assert(begin());
		answer = send_for_place(&command, &place);
	}
	return (answer);
}

bool
leave(int user, struct place place)
{
	struct ct_queue_command	 command;
	struct ct_queue_token	 token = token_of(user, place);
	redisReply		*reply;
	bool			 left;

	ct_queue_command_init(&command, "queue2_leave", &schedule);
	ct_queue_command_place(&command, &token);
	reply = send_command(&command);
	left = reply->integer == 1;
	freeReplyObject(reply);
	return (left);
}

static enum ct_queue_state
send_for_state(const struct ct_queue_command *command)
{
	redisReply		*reply = send_command(command);
	enum ct_queue_state	 state = ct_queue_store_state(reply);

	freeReplyObject(reply);
	return (state);
}

enum ct_queue_state
check(int user, struct place place)
{
	struct ct_queue_command	command;
	struct ct_queue_token	token = token_of(user, place);

	ct_queue_store_check(&token, &command);
	return (send_for_state(&command));
}

enum ct_queue_state
note_use(int user, struct place place)
{
	struct ct_queue_command	command;
	struct ct_queue_token	token = token_of(user, place);

	ct_queue_store_use(&token, &command);
	return (send_for_state(&command));
}

enum ct_queue_state
use(int user, struct place place)
{
	struct ct_queue_command	command;
	enum ct_queue_state	state = note_use(user, place);

	ct_queue_command_init(&command, "settle", &schedule);
	freeReplyObject(send_command(&command));
	return (state);
}

void
command_tick(struct ct_queue_command *command)
{
	ct_queue_command_init(command, "queue2_tick", &schedule);
	append_settings(command);
	if (settings.closes != 0)
		ct_queue_command_number(command, settings.closes == CLOSED ? 0 : settings.closes);
}

struct round
tick(void)
{
	struct ct_queue_command	 command;
	redisReply		*reply;
	struct round		 round;

	command_tick(&command);
	reply = send_command(&command);
	cr_assert_eq(reply->elements, 12);
	if (strcmp(reply->element[10]->str, "NEW") == 0) {
		freeReplyObject(reply);
		cr_assert(begin());
		reply = send_command(&command);
	}
	round = (struct round){ .waiting = reply->element[0]->integer,
	    .active = reply->element[1]->integer, .admitted = reply->element[2]->integer,
	    .expired = reply->element[3]->integer, .abandoned = reply->element[4]->integer,
	    .epoch = reply->element[5]->integer, .last = reply->element[6]->integer,
	    .admitted_to = reply->element[7]->integer, .ended = reply->element[8]->integer,
	    .speed = reply->element[9]->integer };
	for (; round.waits < reply->element[11]->elements / 2 && round.waits < 256; round.waits++) {
		round.told_ms[round.waits] = reply->element[11]->element[2 * round.waits]->integer;
		round.waited_ms[round.waits] = reply->element[11]->element[2 * round.waits + 1]->integer;
	}
	freeReplyObject(reply);
	memory.epoch = round.epoch;
	memory.last = round.last;
	memory.admitted_to = round.admitted_to;
	memory.ended = round.ended;
	return (round);
}

enum line_state
line_read(struct line *line)
{
	struct ct_queue_command	 command;
	redisReply		*reply;
	enum line_state		 state;

	line_ask(line, &schedule, &command);
	reply = send_command(&command);
	cr_assert(line_is_answer(reply));
	state = line_update(line, reply);
	freeReplyObject(reply);
	return (state);
}

static struct control
send_for_control(const struct ct_queue_command *command)
{
	redisReply	*reply = send_command(command);
	struct control	 control = { .max_active = 0 };

	cr_assert_eq(reply->elements, 18);
	snprintf(control.mode, sizeof(control.mode), "%s", reply->element[0]->str);
	control.max_active = reply->element[1]->integer;
	control.admit = reply->element[2]->integer;
	control.max_waiting = reply->element[3]->integer;
	control.ttl = reply->element[4]->integer;
	control.waiting = reply->element[5]->integer;
	control.active = reply->element[6]->integer;
	control.admitted = reply->element[7]->integer;
	control.used = reply->element[8]->integer;
	control.expired = reply->element[9]->integer;
	snprintf(control.updated_by, sizeof(control.updated_by), "%s", reply->element[10]->str);
	control.updated_at_ms = reply->element[11]->integer;
	control.revision = reply->element[12]->integer;
	for (int i = 0; i < 5; i++)
		snprintf(control.set[i], sizeof(control.set[i]), "%s", reply->element[13 + i]->str);
	freeReplyObject(reply);
	return (control);
}

struct control
control_get(void)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, "queue2_control_get", &schedule);
	append_settings(&command);
	return (send_for_control(&command));
}

struct control
control_set(const char *by, const char *field, const char *value)
{
	struct ct_queue_command	command;
	struct control		control;

	ct_queue_command_init(&command, "queue2_control_set", &schedule);
	append_settings(&command);
	ct_queue_command_text(&command, by);
	ct_queue_command_text(&command, field);
	ct_queue_command_text(&command, value);
	control = send_for_control(&command);
	if (strcmp(control.mode, "NEW") == 0) {
		cr_assert(begin());
		control = send_for_control(&command);
	}
	memory.control = control;
	return (control);
}

void
enter_many(int from, int to)
{
	struct ct_queue_command	 command;
	redisReply		*reply;

	(void)begin();
	for (int user = from; user < to; user++) {
		command_enter(&command, user);
		append_command(store, &command);
	}
	for (int user = from; user < to; user++) {
		cr_assert_eq(redisGetReply(store, (void **)&reply), REDIS_OK);
		check_state(place_at(reply, 0, NULL), "WAITING");
		freeReplyObject(reply);
	}
}

int64_t
tick_for(int64_t time, int64_t every)
{
	int64_t	admitted = 0;

	for (int64_t passed = 0; passed < time; passed += every) {
		clock_pass(every);
		admitted += tick().admitted;
	}
	return (admitted);
}

int64_t
number_of(const char *fmt, ...)
{
	va_list		 args;
	redisReply	*reply;
	int64_t		 number;

	va_start(args, fmt);
	reply = redisvCommand(store, fmt, args);
	va_end(args);
	cr_assert(reply != NULL && reply->type == REDIS_REPLY_INTEGER);
	number = reply->integer;
	freeReplyObject(reply);
	return (number);
}

int
main(int argc, char *argv[])
{
	struct criterion_test_set	*tests = criterion_initialize();
	int				 result = 0;

	if (criterion_handle_args(argc, argv, true)) {
		criterion_options.jobs = 1;	/* one Redis */
		result = !criterion_run_all_tests(tests);
	}
	criterion_finalize(tests);
	return (result);
}
