/*
 * The queue as it ought to be, in plain arrays and full scans: what the random
 * traces of test_model.c compare the real functions with. Times are microseconds.
 */
#ifndef TESTS_REDIS_MODEL_H
#define TESTS_REDIS_MODEL_H

#include "queue.h"

#define MODEL_USERS	48
#define MODEL_PAST	4096

/* A place and whose it is. `time`: last heard of (waiting), deadline (active), or when (used, gone). */
struct model_place {
	int		user;
	int64_t		seq, time;
};

struct model_list {
	struct model_place	at[MODEL_PAST];
	int			n;
};

struct model {
	int64_t			now, opens;
	bool			draw;
	/* In the store. */
	int64_t			epoch, last, settle, ticked, since, paused;
	int64_t			admitted_to, cand, ended, until, lost_admitted, lost_ended;
	int64_t			gap_from, gap_to;
	bool			restarted;	/* and nobody has called begin since */
	double			paid;
	bool			told;		/* when the sale opens */
	bool			opened, busy;
	int64_t			busy_at;
	int64_t			admitted, used_count, expired, abandoned;
	struct model_list	waiting;	/* in order */
	struct model_list	active, used;
	struct model_list	gone;		/* of each user the place up to which all are over */
	/* What operators set, and what the database knows. */
	char			mode[8];
	int64_t			max_active, admit, max_waiting, ttl;
	struct memory		memory;
	struct model_list	holds;		/* places that made a hold */
};

/* Each as the function of that name; the answers are those of the fixture. */
void		 model_start(struct model *model, int64_t opens, bool draw);
void		 model_lose(struct model *model);
/* Another server goes on with what `kept`, a copy of before, has; the database has what it has. */
void		 model_restart(struct model *model, const struct model *kept);
void		 model_begin(struct model *model);	/* where there is need to: each call but check and leave */
struct place	 model_enter(struct model *model, int user, int64_t drawn);
struct place	 model_status(struct model *model, int user, struct place token, bool unused);
bool		 model_leave(struct model *model, int user, struct place token);
enum ct_queue_state	 model_check(const struct model *model, int user, struct place token);
void		 model_use(struct model *model, int user, struct place token);
struct round	 model_tick(struct model *model);
int64_t		 model_served(const struct model *model);
const struct model_place	*model_find(const struct model_list *list, int user, int64_t seq);	/* seq -1: any */

#endif
