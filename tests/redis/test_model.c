/*
 * Random traces: thousands of calls, with the clock going on, standing still and
 * being set ahead and back, operators changing their minds and the store being
 * restarted and lost, each compared with the model in answer and in all of the store's state,
 * and held against what is promised (promises.c), whatever the model says.
 *
 * The seed is printed; SEED=n runs that one again, OPS=n as many calls.
 */
#include "promises.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(model, .init = queue_setup, .fini = queue_teardown, .timeout = 240);

#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

/* The tokens a user has been given, the latest first. */
#define TOKENS	3
static struct place	tokens[MODEL_USERS][TOKENS];
static struct model	model;
static uint64_t		random_state;
static unsigned		seed;
static int		op;
static struct model	kept;		/* as the store's file has it */
static bool		is_kept;
static bool		live;		/* as ticker.c has it: somebody may be in the queue */
static int64_t		set_ahead;	/* of the time that has passed */
static bool		was_set;	/* the clock, at any time */
static struct line	copy;		/* a worker's, of who waits */
static int		copied;		/* how often it was read */
static bool		disturbed;	/* since it was right people came back, or the store was lost or restarted */

#define same(actual, expected, what) \
	cr_assert_eq((actual), (expected), "seed %u, call %d: %s is %lld, the model says %lld", seed, op, what, \
	    (long long)(actual), (long long)(expected))

static uint64_t
next(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state % below);
}

static int64_t
drawn_of(int user)
{
	return (model.opens - 86400 * SECOND + (int64_t)((uint64_t)(user + 7) * UINT64_C(0x9e3779b97f4a7c15) %
	    (uint64_t)(86400 * SECOND)));
}

static void
compare_places(struct place actual, struct place expected)
{
	cr_assert_str_eq(actual.state, expected.state, "seed %u, call %d: %s, the model says %s", seed, op,
	    actual.state, expected.state);
	/* Until a restarted queue has begun again, its mode is that of the file. */
	if (!model.restarted)
		same(actual.paused, model.epoch != 0 && strcmp(model.mode, "PAUSED") == 0, "paused");
	if (strncmp(actual.state, "QUEUE_", 6) == 0)
		return;
	same(actual.seq, expected.seq, "seq");
	same(actual.position, expected.position, "position");
	same(actual.active_until_ms, expected.active_until_ms, "active until");
	same(actual.is_new, expected.is_new, "new");
}

/* A sorted set against a list of the model: the same members, and scores. */
static void
compare_set(const char *key, const struct model_list *list, bool by_seq, bool whole_place)
{
	redisReply	*reply = redisCommand(store, "ZRANGE %s 0 -1 WITHSCORES", key);

	same((int)reply->elements / 2, list->n, key);
	for (size_t i = 0; i < reply->elements; i += 2) {
		const unsigned char	*member = (const unsigned char *)reply->element[i]->str;
		int			 user = member[14] << 8 | member[15];
		int64_t			 seq = -1;
		const struct model_place *place;

		if (whole_place) {
			seq = 0;
			for (int b = 16; b < 24; b++)
				seq = seq << 8 | member[b];
		}
		place = model_find(list, user, seq);
		cr_assert_not_null(place, "seed %u, call %d: user %d is in %s", seed, op, user, key);
		if (!whole_place || !by_seq)
			same((int64_t)strtod(reply->element[i + 1]->str, NULL), by_seq ? place->seq : place->time, key);
		/* The line itself is in order. */
		if (by_seq && !whole_place)
			same((int)i / 2, (int)(place - list->at), "the order");
	}
	freeReplyObject(reply);
}

static void
compare_all(void)
{
	struct control	control = control_get();
	int64_t		active = 0;

	compare_set(KEY("waiting"), &model.waiting, true, false);
	compare_set(KEY("heard"), &model.waiting, false, false);
	compare_set(KEY("active"), &model.active, false, false);
	compare_set(KEY("used"), &model.used, false, true);
	compare_set(KEY("gone"), &model.gone, false, false);
	same(number_of("HLEN %s", KEY("places")), model.active.n, "places");
	for (int i = 0; i < model.active.n; i++)
		active += model.active.at[i].time > model_served(&model);
	same(control.active, active, "active");
	same(control.waiting, model.waiting.n, "waiting");
	same(control.admitted, model.admitted, "admitted");
	same(control.used, model.used_count, "used");
	same(control.expired, model.expired + model.abandoned + model.active.n - active, "expired");
	if (!model.restarted && model.epoch != 0)
		cr_assert_str_eq(control.mode, model.mode, "seed %u, call %d", seed, op);
}

/*
 * Workers read now and then. Whenever a copy takes itself for right, it is the line; and it is right, if nothing
 * happened by which it need not be.
 */
static void
compare_copy(void)
{
	static char	restored[24];
	redisReply	*reply;
	enum line_state	 state;

	/* Before a draw nobody reads. Whoever is drawn then, or comes behind the drawn with the clock set back, is not behind the last. */
	if (next(4) != 0 || (model.draw && model.now < model.opens))
		return;
	disturbed = disturbed || (model.draw && was_set);
	reply = redisCommand(store, "HGET %s restored", KEY("state"));
	disturbed = disturbed || strcmp(reply->str != NULL ? reply->str : "", restored) != 0;
	snprintf(restored, sizeof(restored), "%s", reply->str != NULL ? reply->str : "");
	freeReplyObject(reply);
	state = line_read(&copy);
	copied++;
	same(state == LINE_BEHIND, false, "there were fewer than an answer has");
	if (state == LINE_WRONG) {
		same(disturbed, true, "a reason for a copy to be wrong");
		line_clear(&copy);
		return;
	}
	disturbed = false;
	same(copy.count, model.waiting.n, "in the copy");
	for (int i = 0; i < model.waiting.n; i++)
		same(line_position(&copy, (uint64_t)model.waiting.at[i].seq), i + 1, "the copy's position");
}

static void
do_enter(int user)
{
	int64_t		drawn = model.draw ? drawn_of(user) : 0;
	struct place	place = enter_drawn(user, model.opens, drawn);

	compare_places(place, model_enter(&model, user, drawn));
	promises_entered(user, place, model.now);
	live = live || strncmp(place.state, "QUEUE_", 6) != 0;
	if (place.seq == 0 || (place.seq == tokens[user][0].seq && place.epoch == tokens[user][0].epoch))
		return;
	memmove(&tokens[user][1], &tokens[user][0], (TOKENS - 1) * sizeof(tokens[user][0]));
	tokens[user][0] = place;
}

/* As the service does it: where the store does not know, the database is asked whether a hold was made. */
static void
do_status(int user, struct place token)
{
	struct place	place = status_with(user, token, model.opens, false, model.draw);

	compare_places(place, model_status(&model, user, token, false));
	if (strcmp(place.state, "ASK") == 0) {
		if (model_find(&model.holds, user, token.seq) != NULL) {
			use(user, token);
			model_use(&model, user, token);
			promises_given_up(user);
		}
		place = status_with(user, token, model.opens, true, model.draw);
		compare_places(place, model_status(&model, user, token, true));
	}
	promises_asked(user, place);
	live = live || strcmp(place.state, "WAITING") == 0 || strcmp(place.state, "ACTIVE") == 0;
}

static void
do_leave(int user, struct place token)
{
	bool	left = leave(user, token);

	same(left, model_leave(&model, user, token), "left");
	promises_left(user, token);
	if (left)
		promises_given_up(user);
}

/* As ticker.c does it: until nobody is left, and all that the database shall know has been said. */
static void
do_tick(void)
{
	struct round	round, expected;

	if (!live)
		return;
	round = tick();
	expected = model_tick(&model);
	same(round.waiting, expected.waiting, "tick: waiting");
	same(round.active, expected.active, "tick: active");
	same(round.admitted, expected.admitted, "tick: admitted");
	same(round.expired, expected.expired, "tick: expired");
	same(round.abandoned, expected.abandoned, "tick: abandoned");
	same(round.epoch, expected.epoch, "tick: epoch");
	same(round.last, expected.last, "tick: last");
	same(round.admitted_to, expected.admitted_to, "tick: admitted to");
	same(round.ended, expected.ended, "tick: ended");
	promises_ticked(model.now);
	if (round.waiting == 0 && round.active == 0 && round.expired == 0 && round.ended >= round.admitted_to) {
		live = false;
		same(number_of("ZCARD %s", KEY("active")), 0, "still ACTIVE");
	}
}

/* The next call of the queue service, whichever it is, first takes the place out of the line. */
static void
do_use_and_more(int user, struct place token)
{
	int		other = (int)next(MODEL_USERS);
	struct place	others = tokens[other][0];

	note_use(user, token);
	same(check(user, token), CT_QUEUE_USED, "check");
	switch (others.seq == 0 ? next(2) : next(4)) {
	case 0:
		do_enter(other);
		break;
	case 1:
		do_tick();
		break;
	case 2:
		do_status(other, others);
		break;
	default:
		do_leave(other, others);
		break;
	}
}

/* A hold: only an ACTIVE place may, and the database lets each place make one only. */
static void
do_hold(int user, struct place token)
{
	enum ct_queue_state	state = check(user, token);

	same(state, model_check(&model, user, token), "check");
	if (state != CT_QUEUE_ACTIVE || next(3) == 0)
		return;
	model_use(&model, user, token);
	promises_given_up(user);
	/* A call that begins a restarted queue takes the place out after that. */
	if (next(2) == 0 || model.restarted)
		use(user, token);
	else
		do_use_and_more(user, token);
}

/* What was given since the last tick is not in the database yet: then the clock has to be ahead of it. */
static void
do_lose(void)
{
	bool	told = next(2) == 0 || model.now <= model.last;

	if (told)
		do_tick();
	store_lose();
	disturbed = true;
	model_lose(&model);
	is_kept = false;
	promises_store_lost();
	if (!told)
		do_enter((int)next(MODEL_USERS));
}

/* The file is behind by what happened since, or by nothing. */
static void
do_keep(void)
{
	store_keep();
	kept = model;
	is_kept = true;
	promises_store_kept();
}

static void
do_restart(void)
{
	bool	begins = next(2) == 0;
	int64_t	last;

	/* What was given last is told from what is given next by the clock, so it has to be ahead. */
	if (!is_kept || model.now <= model.last || next(3) == 0)
		do_keep();
	last = model.last;
	store_restart();
	disturbed = true;
	model_restart(&model, &kept);
	promises_store_restarted();
	if (begins || last != model.last)
		do_enter((int)next(MODEL_USERS));
}

static void
say_rules(void)
{
	promises_rules((struct rules){ .paused = strcmp(model.mode, "PAUSED") == 0, .admit = model.admit,
	    .max_active = model.max_active, .ttl = model.ttl, .closes = settings.closes });
}

/* The sale is closed at once, ends in a moment, or is opened again: what each tick is told from now on. */
static void
do_sale(void)
{
	uint64_t	what = next(8);

	settings.closes = what == 0 ? CLOSED : what == 1 ? model.now + (int64_t)next(5 * SECOND) : what == 2 ? 0 :
	    model.now + 1000 * MINUTE;
	say_rules();
}

static void
do_control(void)
{
	static const char *const	modes[] = { "OPEN", "OPEN", "OPEN", "PAUSED", "CLOSED" };
	static const int		rates[] = { 1, 3, 10, 7, 50, 0 };
	const char			*field, *value;
	char				 number[24];

	if (model.epoch == 0)
		return;
	switch (next(5)) {
	case 0:
		field = "mode";
		value = modes[next(5)];
		strcpy(model.mode, value);
		break;
	case 1:
		field = "admit";
		model.admit = rates[next(6)];
		snprintf(number, sizeof(number), "%d", (int)model.admit);
		value = number;
		break;
	case 2:
		field = "ttl";
		model.ttl = 1 + (int64_t)next(40);
		snprintf(number, sizeof(number), "%d", (int)model.ttl);
		value = number;
		break;
	case 3:
		field = "max_waiting";
		model.max_waiting = (int64_t)next(2) == 0 ? 12 : 1000;
		snprintf(number, sizeof(number), "%d", (int)model.max_waiting);
		value = number;
		break;
	default:
		field = "max_active";
		model.max_active = (int64_t)next(15);
		snprintf(number, sizeof(number), "%d", (int)model.max_active);
		value = number;
		break;
	}
	(void)control_set("op", field, value);
	model_begin(&model);
	say_rules();
}

static void
do_clock(void)
{
	int64_t		passed = 0, set = 0;
	uint64_t	what = next(200);

	/* Back and ahead by turns, a little or an hour. */
	if (what == 0 && set_ahead >= 0)
		set = -1 - (int64_t)next(next(2) == 0 ? 3 * SECOND : 60 * MINUTE);
	else if (what == 0)
		set = 6 * SECOND + (int64_t)next(next(2) == 0 ? 3 * SECOND : 60 * MINUTE);
	else if (what == 1)
		passed = (int64_t)next(10 * MINUTE);		/* nobody is served */
	else if (what < 20)
		passed = (int64_t)next(4 * SECOND);
	else
		passed = (int64_t)next(150 * MS);
	if (set != 0)
		promises_clock_set(set);
	set_ahead += set;
	was_set = was_set || set != 0;
	promises_passed(passed);
	model.now = clock_pass(set + passed);
}

static void
run_trace(int64_t opens, bool draw)
{
	int		user, ops = getenv("OPS") != NULL ? atoi(getenv("OPS")) : 6000, stops = 0;
	static char	name[32];

	seed = getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL) ^ (unsigned)opens;
	fprintf(stderr, "seed %u\n", seed);
	random_state = UINT64_C(0x2545f4914f6cdd1d) ^ seed;
	for (int i = 0; i < 8; i++)
		(void)next(2);
	settings.patience = 40 * SECOND;
	settings.settle = 3 * SECOND;
	settings.max_active = 8;
	settings.admit = 10;
	settings.ttl = 20;
	settings.max_waiting = 1000;
	settings.closes = 0;
	model_start(&model, opens, draw);
	memset(tokens, 0, sizeof(tokens));
	line_clear(&copy);
	copied = 0;
	disturbed = true;
	live = is_kept = was_set = false;
	set_ahead = 0;
	promises_start(name, opens, draw);
	say_rules();

	for (op = 0; op < ops; op++) {
		/* Now and then nobody comes any more, until the queue is empty. */
		bool		quiet = op % 2000 > 1600;
		uint64_t	what = quiet ? 600 + next(400) : next(1000);
		bool		was_live = live;
		struct place	token;

		snprintf(name, sizeof(name), "seed %u, call %d", seed, op);
		user = (int)next(MODEL_USERS);
		token = tokens[user][next(8) == 0 ? next(TOKENS) : 0];
		do_clock();
		if (what < 250)
			do_enter(user);
		else if (what < 260)
			do_control();
		else if (what < 264)
			do_sale();
		else if (what < 266)
			do_lose();
		else if (what < 269)
			do_restart();
		else if (what < 272)
			do_keep();
		else if (what < 600 || token.seq == 0 || (quiet && what < 900))
			do_tick();
		else if (what < 850)
			do_status(user, token);
		else if (what < 960)
			do_hold(user, token);
		else
			do_leave(user, token);
		compare_all();
		compare_copy();
		promises_look();
		stops += was_live && !live;
	}
	fprintf(stderr, "seed %u: %d calls, %lld admitted, %lld back after a restart, empty %d times, copied %d times\n",
	    seed, op, (long long)promises_admitted(), (long long)promises_restored(), stops, copied);
}

Test(model, random_traces_find_no_difference)
{
	run_trace(0, false);
}

Test(model, nor_do_they_with_an_opening)
{
	run_trace(T0 + 30 * SECOND, false);
}

Test(model, nor_with_a_draw)
{
	run_trace(T0 + 60 * SECOND, true);
}
