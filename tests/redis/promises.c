/* See promises.h. */
#include "promises.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name
#define GAP		(5 * SECOND)	/* the part of an outage that counts against an active turn: at most this */
#define PAST		64
#define ADMISSIONS_MAX	65536

enum where { NOWHERE, IN_LINE, ACTIVE };

struct person {
	enum where	where;
	bool		given_up;	/* since the sets were last read */
	bool		is_new;		/* the place was given after the last full loss, and was not put back */
	int		losses;		/* full losses before the place was given */
	int64_t		owed, owed_turn;	/* the seq and turn of a place that a restart has lost; 0: none */
	int64_t		over;		/* all places of the user up to this turn have ended, as far as this store can know */
	int64_t		came_back;	/* the seq of a place that came back after a restart */
	int64_t		ended_lot;	/* the seq of a drawn place that has ended; entering again gives it again */
	int64_t		turn;		/* of the place: its order among all users; the smaller one is first */
	int64_t		heard;		/* when the user was last answered WAITING */
	int64_t		admitted, admitted_served, ttl;
	int		breaks;		/* the value at the admission */
	/* The places that the user has had, and their turns. */
	int64_t		seq;
	struct {
		int64_t	seq, turn;
		int	losses;
	}		past[PAST];
	int		past_n;
};

static struct {
	const char	*name;
	struct person	 people[MODEL_USERS];
	struct rules	 rules;
	int64_t		 opens, arrivals;
	int64_t		 lost_turns;	/* the turn of the last place that was given before a loss or restart */
	bool		 draw, told, opened, opened_before, lost, begins_again, restarted;
	/* Times of a clock that is never set. */
	int64_t		 now, ticked, served, unsettled, could_admit;
	int		 steps_ahead;
	int		 breaks;	/* steps of the clock, and gaps between ticks */
	int		 losses;
	int64_t		 admitted, restored;
	bool		closed;		/* the sale was closed at the last tick */
	struct {
		int64_t	at;
		int	steps_ahead;
	}		 admissions[ADMISSIONS_MAX];
	int		 admissions_n, admissions_from;
} p;

#define promise(condition, fmt, ...) \
	cr_assert(condition, "%s: " fmt, p.name, __VA_ARGS__)

void
promises_start(const char *name, int64_t opens, bool draw)
{
	memset(&p, 0, sizeof(p));
	p.name = name;
	p.opens = opens;
	p.draw = draw;
	p.opened = opens == 0;
	for (int i = 0; i < MODEL_USERS; i++)
		p.people[i].over = INT64_MIN;
	/* A queue that has not begun is treated as one after a full loss. */
	p.lost = true;
}

void
promises_passed(int64_t us)
{
	p.now += us;
}

void
promises_clock_set(int64_t us)
{
	p.breaks++;
	p.steps_ahead += us > 0;
	if (us < 0) {
		p.could_admit = -1;
		/* If no tick has seen the end of the time for coming back, that time begins again with the next tick. */
		if (p.ticked - p.unsettled <= settings.settle)
			p.begins_again = true;
	}
}

void
promises_store_lost(void)
{
	bool	was_open = p.opened;

	for (int i = 0; i < MODEL_USERS; i++) {
		p.people[i].where = NOWHERE;
		p.people[i].owed = 0;
		p.people[i].over = INT64_MIN;
	}
	p.lost_turns = p.arrivals;
	p.losses++;
	p.opened = p.opens == 0;
	p.lost = true;
	p.told = p.restarted = false;
	p.opened_before = p.opened_before || was_open;
	p.could_admit = -1;
	p.admissions_from = p.admissions_n;
}

static struct person	kept_people[MODEL_USERS];
static int64_t		kept_ticked, kept_served;
static bool		kept_opened, kept_told, kept_lost;

void
promises_store_kept(void)
{
	memcpy(kept_people, p.people, sizeof(kept_people));
	kept_ticked = p.ticked;
	kept_served = p.served;
	kept_opened = p.opened;
	kept_told = p.told;
	kept_lost = p.lost;
}

/* All users have the places of the file. A user who entered later comes back by asking. */
void
promises_store_restarted(void)
{
	for (int i = 0; i < MODEL_USERS; i++) {
		struct person		*person = &p.people[i];
		const struct person	*kept = &kept_people[i];

		/*
		 * Three kinds of places need not come back. A place that came back after an earlier restart. A drawn
		 * place, if the opening was lost and the clock was set back before it. A drawn place that was given up
		 * before the file was written and entered again later, because both have the same token.
		 */
		person->owed = person->where != NOWHERE && person->seq != person->came_back &&
		    (person->turn > 0 || (!p.opened_before && kept->ended_lot != person->seq)) &&
		    (kept->where == NOWHERE || kept->seq != person->seq) ? person->seq : 0;
		person->owed_turn = person->turn;
		/* The file may be older than the place's return after an earlier restart. */
		person->is_new = kept->is_new || kept->losses == p.losses;
		person->losses = kept->losses;
		person->over = kept->over;
		person->where = kept->where;
		person->seq = kept->seq;
		person->turn = kept->turn;
		person->admitted = kept->admitted;
		person->admitted_served = kept->admitted_served;
		person->ttl = kept->ttl;
		person->breaks = kept->breaks;
		person->ended_lot = kept->ended_lot;
	}
	p.lost_turns = p.arrivals;
	p.ticked = kept_ticked;
	p.served = kept_served;
	p.opened = kept_opened;
	p.told = kept_told;
	p.lost = kept_lost;
	p.could_admit = -1;
	p.restarted = true;
	/* The file may lack the last admissions, so the queue may admit one more tick's worth of users. */
	p.steps_ahead++;
}

void
promises_rules(struct rules rules)
{
	if (rules.admit != p.rules.admit)
		p.admissions_from = p.admissions_n;
	p.rules = rules;
	p.could_admit = -1;
}

/* A call has come, so a store without data has noticed its loss. */
static void
begins(void)
{
	if (p.lost)
		p.unsettled = p.now;
	p.lost = false;
}

static int64_t
served(void)
{
	int64_t	gap = p.now - p.ticked;

	return (p.served + (gap > GAP ? GAP : gap));
}

/* The waiter may have been silent too long, or the active turn may have run out. */
static bool
is_over(const struct person *person)
{
	if (person->where == ACTIVE)
		return (p.now - person->admitted >= person->ttl - (p.breaks - person->breaks) * GAP);
	return (p.now - person->heard >= settings.patience);
}

static bool
find_turn(struct person *person, int64_t seq)
{
	for (int i = person->past_n - 1; i >= 0 && i >= person->past_n - PAST; i--) {
		if (person->past[i % PAST].seq == seq) {
			person->seq = seq;
			person->turn = person->past[i % PAST].turn;
			person->losses = person->past[i % PAST].losses;
			return (true);
		}
	}
	return (false);
}

static void
check_position(int user, int64_t position)
{
	int64_t	before = 1;

	for (int i = 0; i < MODEL_USERS; i++)
		before += i != user && p.people[i].where == IN_LINE && p.people[i].turn < p.people[user].turn;
	promise(position == before, "user %d is told position %lld and has %lld", user, (long long)position,
	    (long long)before);
}

/*
 * The place ends, and so do all earlier places of the user. After a turn since a loss, all places from before the loss
 * have ended.
 */
static void
ends(struct person *person)
{
	int64_t	over = person->where == ACTIVE && p.lost_turns > person->turn ? p.lost_turns : person->turn;

	if (over > person->over)
		person->over = over;
}

static void
stands_in_line(int user, struct place place)
{
	struct person	*person = &p.people[user];

	if (place.seq == person->owed) {
		p.restored++;
		person->owed = 0;
	}
	person->where = IN_LINE;
	person->heard = p.now;
	p.told = true;
	if (p.opened)
		check_position(user, place.position);
}

void
promises_entered(int user, struct place place, int64_t clock)
{
	struct person	*person = &p.people[user];

	begins();
	if (place.state != PLACE_WAITING)
		return;
	if (place.is_new) {
		if (person->where != NOWHERE)
			ends(person);
		promise(person->where == NOWHERE || person->given_up || is_over(person),
		    "user %d had a place and is given another", user);
		if (clock >= p.opens)
			p.opened = true;
		person->is_new = true;
		/* Drawn places are in the order of the draw, before all places that are given after the opening. */
		person->turn = p.draw && !p.opened ? place.seq - 2 * T0 : ++p.arrivals;
		person->past[person->past_n % PAST].seq = person->seq = place.seq;
		person->past[person->past_n % PAST].losses = person->losses = p.losses;
		person->past[person->past_n++ % PAST].turn = person->turn;
	} else {
		promise(find_turn(person, place.seq), "user %d has a place nobody gave", user);
	}
	stands_in_line(user, place);
}

void
promises_asked(int user, struct place place)
{
	struct person	*person = &p.people[user];
	int64_t		 turn = person->turn;

	begins();
	p.told = true;
	promise(place.state != PLACE_EXPIRED || place.seq != person->owed || person->where == ACTIVE ||
	    person->owed_turn <= person->over, "user %d is lost by a restart", user);
	if (place.state != PLACE_WAITING)
		return;
	promise(find_turn(person, place.seq), "user %d has a place nobody gave", user);
	/* An old place is put back. The first one may tell the store that it has lost data. */
	if (person->where != IN_LINE || person->turn != turn) {
		promise(person->turn > person->over, "user %d has a place again that had ended, or a second turn", user);
		promise(person->where == NOWHERE || person->is_new || person->turn > turn,
		    "user %d has a place again that was given up for a later one", user);
		person->is_new = false;
		p.unsettled = p.now;
		if (p.restarted)
			person->came_back = place.seq;
	}
	stands_in_line(user, place);
}

void
promises_given_up(int user)
{
	p.people[user].given_up = true;
	p.people[user].owed = 0;
}

void
promises_left(int user, struct place place)
{
	if (place.seq == p.people[user].owed)
		p.people[user].owed = 0;
	/* This holds for a place that the store did not know, too. */
	if (p.people[user].turn < 0 && place.seq == p.people[user].seq)
		p.people[user].ended_lot = place.seq;
}

static void
read_set(const char *key, enum where where, enum where found[MODEL_USERS])
{
	redisReply	*reply = redisCommand(operator, "ZRANGE %s 0 -1", key);

	for (size_t i = 0; i < reply->elements; i++) {
		const unsigned char	*member = (const unsigned char *)reply->element[i]->str;
		int			 user = member[14] << 8 | member[15];

		promise(found[user] == NOWHERE, "user %d stands in two places", user);
		found[user] = where;
	}
	freeReplyObject(reply);
}

/*
 * In any t seconds at most rate x t users, plus one tick's worth and one. Each step of the clock ahead may add one
 * tick's worth and one.
 */
static void
note_admission(void)
{
	cr_assert_lt(p.admissions_n, ADMISSIONS_MAX);
	p.admissions[p.admissions_n].at = p.now;
	p.admissions[p.admissions_n++].steps_ahead = p.steps_ahead;
	p.admitted++;
	for (int i = p.admissions_from; i < p.admissions_n; i++) {
		double	tick = (double)p.rules.admit * (double)settings.tick / SECOND;
		double	allowed = (double)p.rules.admit * (double)(p.now - p.admissions[i].at) / SECOND +
			    (tick + 1) * (1 + p.steps_ahead - p.admissions[i].steps_ahead);

		promise(p.admissions_n - i <= allowed + 1e-6, "%d admitted in %lld us", p.admissions_n - i,
		    (long long)(p.now - p.admissions[i].at));
	}
}

/* Reads the sets and checks each user's move since the last look. Returns the number of admitted users. */
static int
look(bool after_tick)
{
	enum where	found[MODEL_USERS] = { NOWHERE };
	int		admitted = 0;

	read_set(KEY("waiting"), IN_LINE, found);
	read_set(KEY("active"), ACTIVE, found);
	for (int i = 0; i < MODEL_USERS; i++) {
		struct person	*person = &p.people[i];

		if (person->where == IN_LINE && found[i] == ACTIVE) {
			promise(after_tick && !p.rules.paused && p.opened && !p.closed, "user %d is admitted, and none may be", i);
			for (int other = 0; other < MODEL_USERS; other++)
				promise(found[other] != IN_LINE || p.people[other].turn > person->turn,
				    "user %d overtakes user %d", i, other);
			person->admitted = p.now;
			person->admitted_served = served();
			person->ttl = p.rules.ttl * SECOND;
			person->breaks = p.breaks;
			admitted++;
			note_admission();
		} else if (found[i] == NOWHERE) {
			if (person->where != NOWHERE)
				ends(person);
			promise(person->where == NOWHERE || person->given_up || is_over(person), "user %d is lost", i);
			if (person->where != NOWHERE && person->turn < 0)
				person->ended_lot = person->seq;
		} else {
			promise(found[i] == person->where, "user %d has come from nowhere", i);
			promise(!after_tick || found[i] != ACTIVE || served() - person->admitted_served <= person->ttl +
			    (p.breaks - person->breaks) * (GAP + SECOND), "user %d is ACTIVE for ever", i);
		}
		person->where = found[i];
		person->given_up = false;
	}
	return (admitted);
}

static int
standing(enum where where)
{
	int	n = 0;

	for (int i = 0; i < MODEL_USERS; i++)
		n += p.people[i].where == where;
	return (n);
}

void
promises_look(void)
{
	(void)look(false);
}

void
promises_ticked(int64_t clock)
{
	int	waiting = standing(IN_LINE), admitted;
	bool	can_admit;

	begins();
	if (p.begins_again)
		p.unsettled = p.now;
	p.begins_again = false;
	/* A store that has lost its data does not know the opening until a call passes it. */
	if (clock >= p.opens && p.told)
		p.opened = true;
	if (p.now - p.ticked > GAP - SECOND)
		p.breaks++;
	p.served = served();
	p.ticked = p.now;
	p.closed = p.rules.closes != 0 && clock >= p.rules.closes;
	admitted = look(true);
	promise(admitted == 0 || standing(ACTIVE) <= p.rules.max_active, "%d are ACTIVE", standing(ACTIVE));
	/* While the cap has room and a user waits, the queue admits at its rate. */
	if (p.could_admit >= 0 && !p.closed && waiting > 0 && standing(IN_LINE) > 0)
		promise(admitted > 0 || (double)(p.now - p.could_admit) <= (double)SECOND / (double)p.rules.admit,
		    "nobody is admitted for %lld us", (long long)(p.now - p.could_admit));
	can_admit = !p.rules.paused && !p.closed && p.rules.admit > 0 && p.opened && standing(ACTIVE) < p.rules.max_active &&
	    standing(IN_LINE) > 0 && p.now - p.unsettled > settings.settle;
	if (!can_admit)
		p.could_admit = -1;
	else if (p.could_admit < 0 || admitted > 0)
		p.could_admit = p.now;
}

int64_t
promises_admitted(void)
{
	return (p.admitted);
}

int64_t
promises_restored(void)
{
	return (p.restored);
}
