/* See queue.h. Also has main(). */
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
#define QUEUE_LUA	"build/queue.lua"
#endif

struct settings	settings;
struct memory	memory;
struct tick_waits	tick_waits;
redisContext	*store;
redisContext	*reservation;
redisContext	*operator;
redisContext	*(*store_moved)(int port);
struct ct_uuid	 schedule = { { 0x01, 0x93, 0x5b, 0x7a, 0x2e, 0x40, 0x7c, 0x11, 0x9a, 2, 3, 4, 5, 6, 7, 8 } };

static int64_t	now;	/* 0: the real clock */

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
 * The library with a clock that the added function `clock` sets. Everything else is what production runs. The added
 * function `settle` removes used places, as every function of the queue service does first.
 */
static char *
library_with_clock(void)
{
	static const char	head[] = "local function clock()\n";
	static const char	set[] = "local set_to\n";
	static const char	own[] = "\tif set_to then return set_to end\n";
	static const char	more[] =
	    "redis.register_function('clock', function(keys, args) set_to = args[1] ~= '0' and tonumber(args[1]) or nil end)\n"
	    "redis.register_function('settle', function(keys) remove_used(keys, clock()) end)\n";
	char			*source = library_text(), *at, *text;

	at = strstr(source, head);
	cr_assert_not_null(at, "queue.lua has no clock() to replace");
	cr_assert_neq(asprintf(&text, "%.*s%s%s%s%s%s", (int)(at - source), source, set, head, own, at + strlen(head), more),
	    -1);
	free(source);
	return (text);
}

redisContext *
store_connect(const char *user)
{
	const char	*port = getenv("REDIS_PORT");
	redisContext	*context;
	redisReply	*reply;

	cr_assert_not_null(port, "REDIS_PORT: the port of a private, empty Redis");
	context = redisConnect("127.0.0.1", atoi(port));
	cr_assert(context != NULL && context->err == 0, "no Redis on port %s", port);
	if (user != NULL) {
		/* tests/redis/run has set these passwords. */
		reply = redisCommand(context, "AUTH %s password-of-%s", user, user);
		cr_assert(reply != NULL && reply->type == REDIS_REPLY_STATUS, "%s: %s", user, reply ? reply->str : "no answer");
		freeReplyObject(reply);
	}
	return (context);
}

static void
do_as_operator(const char *fmt, ...)
{
	va_list		 args;
	redisReply	*reply;

	va_start(args, fmt);
	reply = redisvCommand(operator, fmt, args);
	va_end(args);
	cr_assert(reply != NULL && reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt, reply ? reply->str : "no answer");
	freeReplyObject(reply);
}

/* Loads the library as a server that has just started: its local variables are empty. */
static void
library_load(void)
{
	char		*library = library_with_clock();
	redisReply	*reply = redisCommand(store, "FUNCTION LOAD REPLACE %s", library);

	cr_assert(reply != NULL && reply->type != REDIS_REPLY_ERROR, "%s", reply ? reply->str : "no answer");
	freeReplyObject(reply);
	free(library);
	clock_set(now);
}

void
queue_setup(void)
{
	settings = (struct settings){ .patience = 10 * MINUTE, .settle = 25 * SECOND,
	    .tick = 100 * MS, .max_active = 500, .admit = 100, .max_waiting = 2000000, .ttl = 120 };
	memory = (struct memory){ .generation = 0 };
	store = store_connect("queue");
	reservation = store_connect("reservation");
	operator = store_connect("operator");
	do_as_operator("FLUSHALL");
	now = T0;
	library_load();
}

void
queue_teardown(void)
{
	redisFree(store);
	redisFree(reservation);
	redisFree(operator);
}

void
clock_set(int64_t us)
{
	now = us;
	do_as_operator("FCALL clock 0 %lld", (long long)us);
}

void
clock_real(void)
{
	clock_set(0);
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
	do_as_operator("FLUSHALL");
	library_load();
}

/* All keys of the schedule, as store_keep saved them. */
static redisReply	*kept[CT_QUEUE_KEYS];

/* The names of the keys, because tests save and restore whole keys. */
static void
key_of(int key, char text_r[64])
{
	static const char *const	names[CT_QUEUE_KEYS] = { "state", "waiting", "heard", "active", "places", "used",
	    "gone", "guesses" };
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
		kept[i] = redisCommand(operator, "DUMP %s", key);
	}
}

static void
restore_kept(void)
{
	char	key[64];

	for (int i = 0; i < CT_QUEUE_KEYS; i++) {
		key_of(i, key);
		do_as_operator("DEL %s", key);
		if (kept[i]->type == REDIS_REPLY_STRING)
			do_as_operator("RESTORE %s 0 %b", key, kept[i]->str, kept[i]->len);
	}
}

void
store_restart(void)
{
	char	key[64];

	restore_kept();
	key_of(0, key);
	/* The queue was kept by another Redis process than this one. */
	do_as_operator("HSET %s kept_by 0123456789abcdef", key);
	library_load();
}

void
store_master_again(void)
{
	restore_kept();
	do_as_operator("DEBUG CHANGE-REPL-ID");
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
	    .seq = (uint64_t)place.seq, .generation = (uint64_t)place.generation });
}

static void
append_settings(struct ct_queue_command *command)
{
	const int64_t	values[] = { settings.patience, settings.settle, settings.tick,
	    settings.max_active, settings.admit, settings.max_waiting, settings.ttl };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		ct_queue_command_number(command, values[i]);
}

/* Sends a copy, because a command that has ended cannot be sent again. */
void
append_command(redisContext *to, const struct ct_queue_command *command)
{
	struct ct_queue_command	 copy = *command;
	const char		*text;
	size_t			 length;

	text = ct_queue_command_end(&copy, &length);
	cr_assert_eq(redisAppendFormattedCommand(to, text, length), REDIS_OK);
}

static redisReply *
send_as(redisContext **service, const struct ct_queue_command *command)
{
	redisReply	*reply;

	append_command(*service, command);
	cr_assert_eq(redisGetReply(*service, (void **)&reply), REDIS_OK, "Redis does not answer");
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MOVED ", 6) == 0 && store_moved != NULL) {
		/* A node of a cluster that does not have the schedule names the one that has it. */
		*service = store_moved(atoi(strrchr(reply->str, ':') + 1));
		freeReplyObject(reply);
		return (send_as(service, command));
	}
	cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
	return (reply);
}

redisReply *
send_command(const struct ct_queue_command *command)
{
	return (send_as(&store, command));
}

/* The number of users follows from the answer itself, because tests send commands about any number of them. */
struct place
place_at(const redisReply *reply, size_t i, const struct place *asked)
{
	struct place_answers	answers;
	struct place		place;

	cr_assert(reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2, "%s", reply->str);
	cr_assert(queue_answers_places(reply, reply->elements - 2, &answers) && i < answers.count);
	cr_assert(queue_answers_place(reply, &answers, i, asked, &place));
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
	enum begin_result	 result;

	ct_queue_command_init(&command, "queue3_begin", &schedule);
	ct_queue_command_number(&command, settings.settle);
	ct_queue_command_number(&command, memory.generation);
	ct_queue_command_number(&command, memory.last);
	ct_queue_command_number(&command, memory.admitted_to);
	ct_queue_command_number(&command, memory.ended);
	ct_queue_command_number(&command, memory.control.revision);
	ct_queue_command_text(&command, memory.control.updated_by);
	ct_queue_command_number(&command, memory.control.updated_at_ms);
	for (int i = 0; i < 5; i++)
		ct_queue_command_text(&command, memory.control.set[i]);
	reply = send_command(&command);
	cr_assert(queue_answers_begin(reply, &result));
	freeReplyObject(reply);
	return (result != BEGIN_NOT_NEEDED);
}

void
command_enter_begin(struct ct_queue_command *command, int64_t opens)
{
	ct_queue_command_init(command, "queue3_enter", &schedule);
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
	if (place.state == PLACE_NEW) {
		cr_assert(begin());
		place = send_for_place(&command, NULL);
	}
	return (place);
}

void
command_status_begin(struct ct_queue_command *command, int64_t opens, bool unused, bool draw)
{
	ct_queue_command_init(command, "queue3_status", &schedule);
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
	if (answer.state == PLACE_NEW) {
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

	ct_queue_command_init(&command, "queue3_leave", &schedule);
	ct_queue_command_place(&command, &token);
	reply = send_command(&command);
	cr_assert(queue_answers_leave(reply, &left));
	freeReplyObject(reply);
	return (left);
}

static enum ct_queue_state
send_for_state(const struct ct_queue_command *command)
{
	redisReply		*reply = send_as(&reservation, command);
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
	ct_queue_command_init(command, "queue3_tick", &schedule);
	append_settings(command);
	if (settings.closes != 0)
		ct_queue_command_number(command, settings.closes == CLOSED ? 0 : settings.closes);
	if (settings.share != 0)
		ct_queue_command_number(command, settings.share);
}

static struct tick_answer
send_tick(const struct ct_queue_command *command)
{
	redisReply		*reply = send_command(command);
	struct tick_answer	 answer;

	cr_assert(queue_answers_tick(reply, &answer, &tick_waits), "%s", reply->str);
	freeReplyObject(reply);
	return (answer);
}

struct tick_answer
tick(void)
{
	struct ct_queue_command	command;
	struct tick_answer	answer;

	command_tick(&command);
	answer = send_tick(&command);
	if (answer.mode == QUEUE_MODE_NEW) {
		cr_assert(begin());
		answer = send_tick(&command);
	}
	memory.generation = answer.generation;
	memory.last = answer.last;
	memory.admitted_to = answer.admitted_to;
	memory.ended = answer.ended;
	return (answer);
}

static struct control
send_for_control(const struct ct_queue_command *command)
{
	redisReply		*reply = send_command(command);
	struct control_answer	 answer;
	struct control		 control;

	cr_assert(queue_answers_control(reply, &answer), "%s", reply->str);
	control = (struct control){ .max_active = answer.max_active, .admit = answer.admit,
	    .max_waiting = answer.max_waiting, .ttl = answer.ttl, .waiting = answer.waiting, .active = answer.active,
	    .admitted = answer.admitted, .used = answer.used, .expired = answer.expired,
	    .updated_at_ms = answer.updated_at_ms, .revision = answer.revision };
	snprintf(control.mode, sizeof(control.mode), "%s", queue_answers_mode_name(answer.mode));
	snprintf(control.updated_by, sizeof(control.updated_by), "%s", answer.updated_by);
	for (int i = 0; i < OPERATOR_FIELDS; i++)
		snprintf(control.set[i], sizeof(control.set[i]), "%s", answer.set[i]);
	freeReplyObject(reply);
	return (control);
}

struct control
control_get(void)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, "queue3_control_get", &schedule);
	append_settings(&command);
	return (send_for_control(&command));
}

struct control
control_set(const char *by, const char *field, const char *value)
{
	struct ct_queue_command	command;
	struct control		control;

	ct_queue_command_init(&command, "queue3_control_set", &schedule);
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
	reply = redisvCommand(operator, fmt, args);
	va_end(args);
	cr_assert(reply != NULL && reply->type == REDIS_REPLY_INTEGER);
	number = reply->integer;
	freeReplyObject(reply);
	return (number);
}

void
stash(int user, struct place place_r[STASH])
{
	for (int i = 0; i < STASH; i++) {
		place_r[i] = enter(user);
		cr_assert(leave(user, place_r[i]));
		clock_pass(100 * MS);
	}
}

void
has_a_turn(int user, struct place place)
{
	for (int i = 0; i < 100 && status_with(user, place, 0, true, false).state != PLACE_ACTIVE; i++)
		tick_for(SECOND, SECOND);
	check_state(status_with(user, place, 0, true, false), "ACTIVE");
}

int
main(int argc, char *argv[])
{
	struct criterion_test_set	*tests = criterion_initialize();
	int				 result = 0;

	if (criterion_handle_args(argc, argv, true)) {
		criterion_options.jobs = 1;	/* the tests share one Redis */
		result = !criterion_run_all_tests(tests);
	}
	criterion_finalize(tests);
	return (result);
}
