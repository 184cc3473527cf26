/*
 * Random traces of thousands of calls. The clock runs, stops, and is set ahead and back; operators change the settings;
 * the store is restarted and lost. After each call the answer and the whole state are compared with the model, and,
 * independently, with the promises (promises.c). The seed is printed. SEED=n repeats a trace, OPS=n sets the number of
 * calls.
 */
#include "promises.h"
#include "queue_constants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(model, .init = queue_setup, .fini = queue_teardown, .timeout = 900);

#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

/* The tokens that a user was given, the latest first. */
#define FENCE	(QUEUE_FENCE_SECONDS * SECOND)
#define TOKENS	3
static struct place	tokens[MODEL_USERS][TOKENS];
static struct model	model;
static uint64_t		random_state;
static unsigned		seed;
static int		op;
static struct model	kept;		/* the model at the time of the store's file */
static bool		is_kept;
static bool		live;		/* a user may be in the queue; ticker.c has the same flag */
static int64_t		set_ahead;	/* ticks come during the time that passes */

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

/* Entering was refused, so the answer has no place. */
static bool
is_refused_state(enum place_state state)
{
	return (state == PLACE_CLOSED || state == PLACE_FULL);
}

static void
compare_places(struct place actual, struct place expected)
{
	cr_assert_eq(actual.state, expected.state, "seed %u, call %d: %s, the model says %s", seed, op,
	    queue_answers_state_name(actual.state), queue_answers_state_name(expected.state));
	/* After a restart and before begin, the mode is the one in the file. */
	if (!model.restarted)
		same(actual.paused, model.generation != 0 && strcmp(model.mode, "PAUSED") == 0, "paused");
	if (is_refused_state(actual.state))
		return;
	same(actual.seq, expected.seq, "seq");
	same(actual.position, expected.position, "position");
	same(actual.active_until_ms, expected.active_until_ms, "active until");
	same(actual.is_new, expected.is_new, "new");
}

/* Compares a sorted set with a list of the model: the members and the scores. */
static void
compare_set(const char *key, const struct model_list *list, bool by_seq, bool whole_place)
{
	redisReply	*reply = redisCommand(operator, "ZRANGE %s 0 -1 WITHSCORES", key);

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
		/* The model's waiting list is ordered, too. */
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
	if (!model.restarted && model.generation != 0)
		cr_assert_str_eq(control.mode, model.mode, "seed %u, call %d", seed, op);
}

static void
do_enter(int user)
{
	int64_t		drawn = model.draw ? drawn_of(user) : 0;
	struct place	place = enter_drawn(user, model.opens, drawn);

	compare_places(place, model_enter(&model, user, drawn));
	promises_entered(user, place, model.now);
	live = live || !is_refused_state(place.state);
	if (place.seq == 0 || (place.seq == tokens[user][0].seq && place.generation == tokens[user][0].generation))
		return;
	memmove(&tokens[user][1], &tokens[user][0], (TOKENS - 1) * sizeof(tokens[user][0]));
	tokens[user][0] = place;
}

/* As in the service: if the store answers ASK, the database says whether a hold was made. */
static void
do_status(int user, struct place token)
{
	struct place	place = status_with(user, token, model.opens, false, model.draw);

	compare_places(place, model_status(&model, user, token, false));
	if (place.state == PLACE_ASK) {
		if (model_find(&model.holds, user, token.seq) != NULL) {
			use(user, token);
			model_use(&model, user, token);
			promises_given_up(user);
		}
		place = status_with(user, token, model.opens, true, model.draw);
		compare_places(place, model_status(&model, user, token, true));
	}
	promises_asked(user, place);
	live = live || place.state == PLACE_WAITING || place.state == PLACE_ACTIVE;
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

/* As in ticker.c: ticks end when no user is left and the database has the progress. */
static void
do_tick(void)
{
	struct tick_answer	round, expected;

	if (!live)
		return;
	round = tick();
	expected = model_tick(&model);
	same(round.waiting, expected.waiting, "tick: waiting");
	same(round.active, expected.active, "tick: active");
	same(round.admitted, expected.admitted, "tick: admitted");
	same(round.expired, expected.expired, "tick: expired");
	same(round.abandoned, expected.abandoned, "tick: abandoned");
	same(round.generation, expected.generation, "tick: epoch");
	same(round.last, expected.last, "tick: last");
	same(round.admitted_to, expected.admitted_to, "tick: admitted to");
	same(round.ended, expected.ended, "tick: ended");
	promises_ticked(model.now);
	if (round.waiting == 0 && round.active == 0 && round.expired == 0 && round.ended >= round.admitted_to) {
		live = false;
		same(number_of("ZCARD %s", KEY("active")), 0, "still ACTIVE");
	}
}

/* The next call of the queue service, of any kind, removes the place first. */
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
		/* After a restart users may be ACTIVE before a call makes the queue live. Until then no tick comes. */
		if (live)
			do_tick();
		else
			do_enter(other);
		break;
	case 2:
		do_status(other, others);
		break;
	default:
		do_leave(other, others);
		break;
	}
}

/* A hold needs an ACTIVE place, and the database allows one hold per place. */
static void
do_hold(int user, struct place token)
{
	enum ct_queue_state	state = check(user, token);

	same(state, model_check(&model, user, token), "check");
	if (state != CT_QUEUE_ACTIVE || next(3) == 0)
		return;
	model_use(&model, user, token);
	promises_given_up(user);
	/* A call that begins a restarted queue removes the place after that. */
	if (next(2) == 0 || model.restarted)
		use(user, token);
	else
		do_use_and_more(user, token);
}

/* Places given since the last tick are not in the database yet, so the new generation must begin later than they did. */
static void
do_lose(void)
{
	bool	told = next(2) == 0 || model.now <= model.last;

	if (told)
		do_tick();
	store_lose();
	model_lose(&model);
	is_kept = false;
	promises_store_lost();
	if (!told)
		do_enter((int)next(MODEL_USERS));
}

/*
 * The master is replaced and does not know it yet, so users without a place enter there at later times than the new master
 * begins. For at most FENCE. The new master does not know these places.
 */
static void
do_stale(void)
{
	int64_t	now = model.now;
	int	user;

	if (model.restarted || model.generation == 0 || (model.draw && model.now < model.opens))
		return;
	for (uint64_t n = next(4); n > 0; n--) {
		user = (int)next(MODEL_USERS);
		model.now = clock_pass((int64_t)next(FENCE / 4));
		if (model_find(&model.waiting, user, -1) == NULL && model_find(&model.active, user, -1) == NULL)
			do_enter(user);
	}
	model.now = now;
	clock_set(now);
}

/* The file lacks the changes since it was written, if there were any. */
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

	/* New places must have higher seqs than lost ones, so these must be in the gap. */
	if (!is_kept || model.now + FENCE / 4 <= model.last || next(3) == 0)
		do_keep();
	if (next(2) == 0)
		do_stale();
	last = model.last;
	if (next(2) == 0)
		store_master_again();
	else
		store_restart();
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

/* From now on each tick gets the argument that the sale is closed, ends soon, or is open again. */
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

	if (model.generation == 0)
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

	/* Sets the clock back and ahead in turn, by a little or by an hour. */
	if (what == 0 && set_ahead >= 0)
		set = -1 - (int64_t)next(next(2) == 0 ? 3 * SECOND : 60 * MINUTE);
	else if (what == 0)
		set = 6 * SECOND + (int64_t)next(next(2) == 0 ? 3 * SECOND : 60 * MINUTE);
	else if (what == 1)
		passed = (int64_t)next(10 * MINUTE);		/* without ticks */
	else if (what < 20)
		passed = (int64_t)next(4 * SECOND);
	else
		passed = (int64_t)next(150 * MS);
	if (set != 0)
		promises_clock_set(set);
	set_ahead += set;
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
	live = is_kept = false;
	set_ahead = 0;
	promises_start(name, opens, draw);
	say_rules();

	for (op = 0; op < ops; op++) {
		/* From time to time no user enters until the queue is empty. */
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
		promises_look();
		stops += was_live && !live;
	}
	fprintf(stderr, "seed %u: %d calls, %lld admitted, %lld back after a restart, empty %d times\n",
	    seed, op, (long long)promises_admitted(), (long long)promises_restored(), stops);
}

Test(model, random_traces_match_the_model)
{
	run_trace(0, false);
}

Test(model, random_traces_with_an_opening_match_the_model)
{
	run_trace(T0 + 30 * SECOND, false);
}

Test(model, random_traces_with_a_draw_match_the_model)
{
	run_trace(T0 + 60 * SECOND, true);
}
