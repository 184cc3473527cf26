/* The queue as it ought to be. See model.h. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP		(5 * SECOND)
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
	/* By seq; of two equal drawn ones by user. */
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

/* Given in the last moments before a restart, and so perhaps not known here. */
static bool
is_in_gap(const struct model *model, int64_t seq)
{
	return (!model->restarted && seq > model->gap_from && seq <= model->gap_to);
}

/* May the store have lost the place of this token, which it does not know? */
static bool
is_lost(const struct model *model, struct place token)
{
	return (token.epoch != model->epoch || is_in_gap(model, token.seq) || ((model->restarted || model->gap_to != 0) &&
	    (token.seq < model->epoch || (model->draw && token.seq < model->opens))));
}

/* All of the user's places up to this one are over. */
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

/* The highest place that may have been lost; 0: none was. */
static int64_t
lost_up_to(const struct model *model)
{
	int64_t	lost = model->settle != 0 ? model->epoch - 1 : 0, gap = model->restarted ? model->now : model->gap_to;

	return (gap > lost ? gap : lost);
}

/* `turn`: it was ACTIVE. Then nothing is left that was lost. */
static void
forget(struct model *model, int user, int64_t seq, bool turn)
{
	int64_t	before = model->draw && model->opens > model->epoch ? model->opens : model->epoch;
	int64_t	lost = lost_up_to(model), latest = model->draw && model->opens > lost ? model->opens : lost;

	if (model->epoch == 0 || seq < before || is_in_gap(model, seq) || (lost > 0 && model->now - latest <= TOKEN_LIFE))
		note_over(model, user, turn && lost > seq ? lost : seq);
}

static void
end_place(struct model *model, struct model_list *list, const struct model_place *place, bool turn)
{
	forget(model, place->user, place->seq, turn);
	drop(list, place);
}

/* The clock of ACTIVE deadlines: it stands still while nothing ticks, and is never set back. */
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

/* Once it has opened it stays open, wherever the clock is set. */
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

/* Time, and what operators set and the database knows: no store has a part in it. */
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

/* All that the store knew is gone; what operators set comes back with the next queue. */
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
	model->restarted = model->epoch != 0;
	free(old);
}

void
model_begin(struct model *model)
{
	const struct memory	*known = &model->memory;

	if (model->restarted) {
		if (model->gap_to == 0 || (model->ticked != 0 && model->ticked - model->gap_to > settings.settle))
			model->gap_from = model->last;
		if (model->now > model->last)
			model->last = model->now;
		model->gap_to = model->last;
		model->since = model->now;
		model->restarted = false;
	}
	if (model->epoch != 0)
		return;
	model->epoch = model->now;
	if (known->epoch + 1 > model->epoch)
		model->epoch = known->epoch + 1;
	if (known->last + 1 > model->epoch)
		model->epoch = known->last + 1;
	model->last = model->epoch - 1;
	if (known->epoch != 0) {
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
answer(const struct model *model, const char *state, int64_t seq, int user, bool is_new)
{
	struct place			place = { .seq = seq, .is_new = is_new };
	const struct model_place	*at = model_find(&model->waiting, user, -1);

	strcpy(place.state, state);
	if (strcmp(state, "WAITING") == 0) {
		place.position = at - model->waiting.at + 1;
		/* Before the draw there is no order: the worst is shown. */
		if (model->draw && !is_open(model) && model->waiting.n > 0)
			place.position = model->waiting.n;
	}
	if (strcmp(state, "ACTIVE") == 0)
		place.active_until_ms = (model_find(&model->active, user, -1)->time + model->now -
		    model_served(model)) / 1000;
	return (place);
}

/* A change made in place: `list` is const only to those who look. */
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
			return (answer(model, "WAITING", place->seq, user, false));
		end_place(model, &model->waiting, place, false);
		model->abandoned++;
	}
	if ((place = mine(&model->active, user, -1)) != NULL) {
		if (place->time > model_served(model))
			return (answer(model, "ACTIVE", place->seq, user, false));
		end_place(model, &model->active, place, true);
		model->expired++;
	}
	if (strcmp(model->mode, "CLOSED") == 0)
		return (answer(model, "QUEUE_CLOSED", 0, user, false));
	if (model->waiting.n >= model->max_waiting)
		return (answer(model, "QUEUE_FULL", 0, user, false));
	if (model->draw && !is_open(model)) {
		seq = drawn;
	} else {
		model->opened = is_open(model);
		seq = model->last + 1 > model->now ? model->last + 1 : model->now;
		model->last = seq;
	}
	model->told = true;
	add(&model->waiting, user, seq, model->now);
	return (answer(model, "WAITING", seq, user, true));
}

/* May a place of an earlier store come back? */
static const char *
return_of(const struct model *model, int64_t seq)
{
	return (seq <= model->lost_ended ? "EXPIRED" : seq <= model->lost_admitted ? "ASK" : "WAITING");
}

struct place
model_status(struct model *model, int user, struct place token, bool unused)
{
	struct model_place	*place, *waiting = mine(&model->waiting, user, -1);
	const char		*back;

	/* Whatever the answer is, who asks says when it opens. */
	model->told = true;
	if (waiting != NULL && waiting->seq == token.seq) {
		if (is_heard(model, waiting))
			return (answer(model, "WAITING", token.seq, user, false));
		end_place(model, &model->waiting, waiting, false);
		model->abandoned++;
		return (answer(model, "EXPIRED", token.seq, user, false));
	}
	if (model_find(&model->used, user, token.seq) != NULL)
		return (answer(model, "USED", token.seq, user, false));
	if ((place = mine(&model->active, user, -1)) != NULL) {
		bool	lives = place->time > model_served(model), same = place->seq == token.seq;

		if (lives && same)
			return (answer(model, "ACTIVE", token.seq, user, false));
		if (!lives) {
			end_place(model, &model->active, place, true);
			model->expired++;
		}
		if (lives || same)
			return (answer(model, "EXPIRED", token.seq, user, false));
	}
	model_begin(model);
	if (!is_lost(model, token) || model->now - token.seq > TOKEN_LIFE ||
	    is_over(model, user, token.seq))
		return (answer(model, "EXPIRED", token.seq, user, false));
	back = return_of(model, token.seq);
	if (strcmp(back, "WAITING") == 0 && (token.epoch == model->epoch || is_in_gap(model, token.seq)))
		back = "ASK";
	if (strcmp(back, "EXPIRED") == 0 || (strcmp(back, "ASK") == 0 && !unused))
		return (answer(model, back, token.seq, user, false));
	if (token.epoch != model->epoch && model->settle == 0)
		model->settle = model->epoch + settings.settle;
	if (waiting != NULL && (waiting->seq < model->epoch || is_in_gap(model, waiting->seq))) {
		if (token.seq < waiting->seq)
			return (answer(model, "EXPIRED", token.seq, user, false));
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
	return (answer(model, "WAITING", token.seq, user, false));
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
	    strcmp(return_of(model, token.seq), "EXPIRED") != 0 &&
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

/* How many the rate lets in now; `paid` goes on by so many. */
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

struct round
model_tick(struct model *model)
{
	struct round	round = { .waiting = 0 };
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
	round.epoch = model->memory.epoch = model->epoch;
	round.last = model->memory.last = model->last;
	round.admitted_to = model->memory.admitted_to = model->admitted_to;
	round.ended = model->memory.ended = model->ended;
	return (round);
}
