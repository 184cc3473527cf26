/* See model.h. */
#include "model.h"
#include "queue_constants.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP		(5 * SECOND)
#define FENCE		(QUEUE_FENCE_SECONDS * SECOND)
#define TOKEN_LIFE	(7 * 24 * 60 * MINUTE)

const struct model_place *
model_find(const struct model_list *list, int user, int64_t seq)
{
	for (int i = 0; i < list->n; i++) {
		if (list->at[i].user == user && (seq == -1 || list->at[i].seq == seq))
			return (&list->at[i]);
	}
	return (NULL);
}

static void
add(struct model_list *list, int user, int64_t seq, int64_t time)
{
	int	i;

	cr_assert_lt(list->n, MODEL_PAST);
	/* Ordered by seq; equal drawn seqs are ordered by user. */
	for (i = list->n++; i > 0 && (list->at[i - 1].seq > seq ||
	    (list->at[i - 1].seq == seq && list->at[i - 1].user > user)); i--)
		list->at[i] = list->at[i - 1];
	list->at[i] = (struct model_place){ .user = user, .seq = seq, .time = time };
}

static void
drop(struct model_list *list, const struct model_place *place)
{
	int	i = (int)(place - list->at);

	memmove(&list->at[i], &list->at[i + 1], (size_t)(--list->n - i) * sizeof(list->at[0]));
}

static void
remember(struct model_list *list, int user, int64_t seq, int64_t now)
{
	if (model_find(list, user, seq) == NULL)
		add(list, user, seq, now);
}

/* This data may lack the place, because it may have been given just before a restart. */
static bool
is_in_gap(const struct model *model, int64_t seq)
{
	return (!model->restarted && seq > model->gap_from && seq <= model->gap_to);
}

/* For a place that is not in the store: may it have been lost? */
static bool
is_lost(const struct model *model, struct place token)
{
	return (token.generation != model->generation || is_in_gap(model, token.seq) || ((model->restarted || model->gap_to != 0) &&
	    (token.seq < model->generation || (model->draw && token.seq < model->opens))));
}

/* All places of the user up to this seq have ended. */
static void
note_over(struct model *model, int user, int64_t seq)
{
	const struct model_place	*over = model_find(&model->gone, user, -1);

	if (over != NULL && over->seq >= seq)
		return;
	if (over != NULL)
		drop(&model->gone, over);
	add(&model->gone, user, seq, seq);
}

static bool
is_over(const struct model *model, int user, int64_t seq)
{
	const struct model_place	*over = model_find(&model->gone, user, -1);

	return (over != NULL && seq <= over->seq);
}

/* The highest seq that may have been lost; 0: none. */
static int64_t
lost_up_to(const struct model *model)
{
	int64_t	lost = model->settle != 0 ? model->generation - 1 : 0, gap = model->restarted ? model->now : model->gap_to;

	return (gap > lost ? gap : lost);
}

/* `turn`: the place was ACTIVE. After a turn, all lost places of the user have ended. */
static void
forget(struct model *model, int user, int64_t seq, bool turn)
{
	int64_t	before = model->draw && model->opens > model->generation ? model->opens : model->generation;
	int64_t	lost = lost_up_to(model), latest = model->draw && model->opens > lost ? model->opens : lost;

	if (model->generation == 0 || seq < before || is_in_gap(model, seq) || (lost > 0 && model->now - latest <= TOKEN_LIFE))
		note_over(model, user, turn && lost > seq ? lost : seq);
}

static void
end_place(struct model *model, struct model_list *list, const struct model_place *place, bool turn)
{
	forget(model, place->user, place->seq, turn);
	drop(list, place);
}

/* The served clock, for the deadlines of active turns: it stops while no tick comes, and never goes back. */
int64_t
model_served(const struct model *model)
{
	int64_t	now = model->now;

	if (model->ticked != 0 && now - model->ticked > GAP)
		now = model->ticked + GAP;
	if (now < model->ticked)
		now = model->ticked;
	return (now - model->paused);
}

/* A sale that has opened stays open when the clock is set back. */
static bool
is_open(const struct model *model)
{
	return (model->opened || model->opens <= model->now);
}

void
model_start(struct model *model, int64_t opens, bool draw)
{
	memset(model, 0, sizeof(*model));
	model->now = T0;
	model->opens = opens;
	model->draw = draw;
	strcpy(model->mode, "OPEN");
	model->max_active = settings.max_active;
	model->admit = settings.admit;
	model->max_waiting = settings.max_waiting;
	model->ttl = settings.ttl;
}

/* Copies what does not depend on the store: the time, the operators' settings, and the database's data. */
static void
take_over(struct model *model, const struct model *old)
{
	model->now = old->now;
	memcpy(model->mode, old->mode, sizeof(model->mode));
	model->max_active = old->max_active;
	model->admit = old->admit;
	model->max_waiting = old->max_waiting;
	model->ttl = old->ttl;
	model->memory = old->memory;
	model->holds = old->holds;
}

/* The store is empty. The operators' settings come back when the queue begins. */
void
model_lose(struct model *model)
{
	struct model	*old = malloc(sizeof(*old));

	*old = *model;
	model_start(model, old->opens, old->draw);
	take_over(model, old);
	free(old);
}

void
model_restart(struct model *model, const struct model *kept)
{
	struct model	*old = malloc(sizeof(*old));

	*old = *model;
	*model = *kept;
	take_over(model, old);
	model->restarted = model->generation != 0;
	free(old);
}

void
model_begin(struct model *model)
{
	const struct memory	*known = &model->memory;

	if (model->restarted) {
		if (model->gap_to == 0 || (model->ticked != 0 && model->ticked - model->gap_to > settings.settle))
			model->gap_from = model->last;
		if (known->last > model->last)
			model->last = known->last;
		if (model->now > model->last)
			model->last = model->now;
		/* The old master may give places for a moment. New ones are behind them. */
		model->last += FENCE;
		model->gap_to = model->last;
		model->since = model->now;
		model->restarted = false;
	}
	if (model->generation != 0)
		return;
	model->generation = model->now;
	if (known->generation + 1 > model->generation)
		model->generation = known->generation + 1;
	if (known->last + 1 > model->generation)
		model->generation = known->last + 1;
	model->last = model->generation - 1;
	if (known->generation != 0) {
		model->settle = model->now + settings.settle;
		model->admitted_to = model->lost_admitted = known->admitted_to;
		model->cand = model->ended = model->lost_ended = known->ended;
	}
}

static bool
is_heard(struct model *model, struct model_place *place)
{
	int64_t	patience = settings.patience * 5 / 4;

	if (model->now - place->time <= settings.patience / 8 && place->time <= model->now)
		return (true);
	if (model->now - place->time > patience && model->ticked != 0 && model->now - model->ticked <= GAP &&
	    model->now - model->since > patience)
		return (false);
	place->time = model->now;
	return (true);
}

static struct place
answer(const struct model *model, enum place_state state, int64_t seq, int user, bool is_new)
{
	struct place			place = { .state = state, .seq = seq, .is_new = is_new };
	const struct model_place	*at = model_find(&model->waiting, user, -1);

	if (state == PLACE_WAITING) {
		place.position = at - model->waiting.at + 1;
		/* Before the draw there is no order, so the answer gives the last position. */
		if (model->draw && !is_open(model) && model->waiting.n > 0)
			place.position = model->waiting.n;
	}
	if (state == PLACE_ACTIVE)
		place.active_until_ms = (model_find(&model->active, user, -1)->time + model->now -
		    model_served(model)) / 1000;
	return (place);
}

/* model_find for a list that may be changed. */
static struct model_place *
mine(struct model_list *list, int user, int64_t seq)
{
	const struct model_place	*place = model_find(list, user, seq);

	return (place == NULL ? NULL : &list->at[place - list->at]);
}

struct place
model_enter(struct model *model, int user, int64_t drawn)
{
	struct model_place	*place;
	int64_t			 seq;

	model_begin(model);
	if ((place = mine(&model->waiting, user, -1)) != NULL) {
		if (is_heard(model, place))
			return (answer(model, PLACE_WAITING, place->seq, user, false));
		end_place(model, &model->waiting, place, false);
		model->abandoned++;
	}
	if ((place = mine(&model->active, user, -1)) != NULL) {
		if (place->time > model_served(model))
			return (answer(model, PLACE_ACTIVE, place->seq, user, false));
		end_place(model, &model->active, place, true);
		model->expired++;
	}
	if (strcmp(model->mode, "CLOSED") == 0)
		return (answer(model, PLACE_CLOSED, 0, user, false));
	if (model->waiting.n >= model->max_waiting)
		return (answer(model, PLACE_FULL, 0, user, false));
	if (model->draw && !is_open(model)) {
		seq = drawn;
	} else {
		model->opened = is_open(model);
		seq = model->last + 1 > model->now ? model->last + 1 : model->now;
		model->last = seq;
	}
	model->told = true;
	add(&model->waiting, user, seq, model->now);
	return (answer(model, PLACE_WAITING, seq, user, true));
}

/* May a place of an earlier generation come back? */
static enum place_state
return_of(const struct model *model, int64_t seq)
{
	return (seq <= model->lost_ended ? PLACE_EXPIRED : seq <= model->lost_admitted ? PLACE_ASK : PLACE_WAITING);
}

struct place
model_status(struct model *model, int user, struct place token, bool unused)
{
	struct model_place	*place, *waiting = mine(&model->waiting, user, -1);
	enum place_state	 back;

	/* Every status call passes the time of the opening. */
	model->told = true;
	if (waiting != NULL && waiting->seq == token.seq) {
		if (is_heard(model, waiting))
			return (answer(model, PLACE_WAITING, token.seq, user, false));
		end_place(model, &model->waiting, waiting, false);
		model->abandoned++;
		return (answer(model, PLACE_EXPIRED, token.seq, user, false));
	}
	if (model_find(&model->used, user, token.seq) != NULL)
		return (answer(model, PLACE_USED, token.seq, user, false));
	if ((place = mine(&model->active, user, -1)) != NULL) {
		bool	lives = place->time > model_served(model), same = place->seq == token.seq;

		if (lives && same)
			return (answer(model, PLACE_ACTIVE, token.seq, user, false));
		if (!lives) {
			end_place(model, &model->active, place, true);
			model->expired++;
		}
		if (lives || same)
			return (answer(model, PLACE_EXPIRED, token.seq, user, false));
	}
	model_begin(model);
	if (!is_lost(model, token) || model->now - token.seq > TOKEN_LIFE ||
	    is_over(model, user, token.seq))
		return (answer(model, PLACE_EXPIRED, token.seq, user, false));
	back = return_of(model, token.seq);
	if (back == PLACE_WAITING && (token.generation == model->generation || is_in_gap(model, token.seq)))
		back = PLACE_ASK;
	if (back == PLACE_EXPIRED || (back == PLACE_ASK && !unused))
		return (answer(model, back, token.seq, user, false));
	if (token.generation != model->generation && model->settle == 0)
		model->settle = model->generation + settings.settle;
	if (waiting != NULL && (waiting->seq < model->generation || is_in_gap(model, waiting->seq))) {
		if (token.seq < waiting->seq)
			return (answer(model, PLACE_EXPIRED, token.seq, user, false));
		note_over(model, user, waiting->seq);
	}
	if (waiting != NULL)
		drop(&model->waiting, waiting);
	if (token.seq > model->last && !(model->draw && token.seq < model->opens))
		model->last = token.seq;
	if (token.seq <= model->cand)
		model->cand = token.seq - 1;
	if (token.seq <= model->ended)
		model->ended = token.seq - 1;
	add(&model->waiting, user, token.seq, model->now);
	return (answer(model, PLACE_WAITING, token.seq, user, false));
}

bool
model_leave(struct model *model, int user, struct place token)
{
	struct model_place	*place;

	if ((place = mine(&model->waiting, user, token.seq)) != NULL) {
		end_place(model, &model->waiting, place, false);
		return (true);
	}
	if ((place = mine(&model->active, user, token.seq)) != NULL) {
		end_place(model, &model->active, place, true);
		return (true);
	}
	if (is_lost(model, token))
		note_over(model, user, token.seq);
	return (false);
}

enum ct_queue_state
model_check(const struct model *model, int user, struct place token)
{
	const struct model_place	*place = model_find(&model->active, user, token.seq);

	if (place != NULL)
		return (place->time > model_served(model) ? CT_QUEUE_ACTIVE : CT_QUEUE_EXPIRED);
	if (model_find(&model->waiting, user, token.seq) != NULL)
		return (CT_QUEUE_WAITING);
	if (model_find(&model->used, user, token.seq) != NULL)
		return (CT_QUEUE_USED);
	return (is_lost(model, token) && model->now - token.seq <= TOKEN_LIFE &&
	    return_of(model, token.seq) != PLACE_EXPIRED &&
	    !is_over(model, user, token.seq) ? CT_QUEUE_WAITING : CT_QUEUE_EXPIRED);
}

void
model_use(struct model *model, int user, struct place token)
{
	struct model_place	*place;

	if (model_find(&model->used, user, token.seq) == NULL)
		forget(model, user, token.seq, model_find(&model->active, user, token.seq) != NULL);
	if ((place = mine(&model->active, user, token.seq)) != NULL)
		drop(&model->active, place);
	else if ((place = mine(&model->waiting, user, token.seq)) != NULL)
		drop(&model->waiting, place);
	if (model_find(&model->used, user, token.seq) == NULL) {
		add(&model->used, user, token.seq, model->now);
		model->used_count++;
	}
	remember(&model->holds, user, token.seq, model->now);
}

/* How many users the rate allows now. Moves `paid` on by that number. */
static int64_t
admissible(struct model *model, int64_t active)
{
	double	cost = (double)SECOND / (double)model->admit;
	double	saved = model->busy ? (double)settings.tick + cost : fmax((double)settings.tick, cost);
	double	owed = fmin((double)model->now - model->paid, saved);
	int64_t	n = (int64_t)floor(owed / cost);
	char	text[40];

	if (n > model->max_active - active)
		n = model->max_active - active;
	if (n > model->waiting.n)
		n = model->waiting.n;
	if (n <= 0)
		return (0);
	snprintf(text, sizeof(text), "%.3f", (double)model->now - owed + (double)n * cost);
	model->paid = strtod(text, NULL);
	return (n);
}

struct tick_answer
model_tick(struct model *model)
{
	struct tick_answer	round = { .waiting = 0 };
	int64_t		patience = settings.patience * 5 / 4, time = model_served(model), active = 0, n;
	bool		open, fresh = model->ticked == 0 || model->now - model->ticked > GAP ||
			    model->now < model->ticked;

	model_begin(model);
	if (model->settle > model->now + settings.settle)
		model->settle = model->now + settings.settle;
	else if (model->settle > 1 && model->settle <= model->now)
		model->settle = 1;
	model->paid = fmin(model->paid, (double)model->now);
	if (fresh) {
		model->since = model->now;
		model->paused = model->now - time;
	}
	if (fresh || model->now - model->ticked >= SECOND) {
		model->ticked = model->now;
		if (time > model->until && model->settle <= model->now) {
			model->ended = model->cand;
			model->cand = model->admitted_to;
			if (model->waiting.n > 0 && model->waiting.at[0].seq - 1 < model->cand)
				model->cand = model->waiting.at[0].seq - 1;
			model->until = time;
			for (int i = 0; i < model->active.n; i++) {
				if (model->active.at[i].time > model->until)
					model->until = model->active.at[i].time;
			}
		}
	}
	for (int i = model->active.n - 1; i >= 0; i--) {
		if (model->active.at[i].time <= time) {
			end_place(model, &model->active, &model->active.at[i], true);
			round.expired++;
		} else {
			active++;
		}
	}
	for (int i = model->waiting.n - 1; i >= 0 && model->now - model->since > patience; i--) {
		if (model->waiting.at[i].time < model->now - patience) {
			end_place(model, &model->waiting, &model->waiting.at[i], false);
			round.abandoned++;
		}
	}
	model->expired += round.expired;
	model->abandoned += round.abandoned;
	model->opened = model->told && is_open(model);
	open = strcmp(model->mode, "PAUSED") != 0 && model->admit > 0 && model->opened && model->settle <= model->now &&
	    (settings.closes == 0 || model->now < settings.closes);
	n = open ? admissible(model, active) : 0;
	for (round.admitted = 0; round.admitted < n; round.admitted++) {
		struct model_place	first = model->waiting.at[0];

		drop(&model->waiting, &model->waiting.at[0]);
		add(&model->active, first.user, first.seq, time + model->ttl * SECOND);
		if (first.seq > model->admitted_to)
			model->admitted_to = first.seq;
	}
	model->admitted += round.admitted;
	if (round.admitted > 0 || round.expired > 0 || model->now - model->busy_at >= settings.tick / 2 ||
	    model->now < model->busy_at) {
		bool	still = open && model->waiting.n > 0;

		if (still || model->busy || model->waiting.n + round.admitted > 0)
			model->busy_at = model->now;
		model->busy = still;
	}
	round.waiting = model->waiting.n;
	round.active = model->active.n;
	round.generation = model->memory.generation = model->generation;
	round.last = model->memory.last = model->last;
	round.admitted_to = model->memory.admitted_to = model->admitted_to;
	round.ended = model->memory.ended = model->ended;
	return (round);
}
