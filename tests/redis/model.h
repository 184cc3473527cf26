/*
 * A simple model of the queue, with plain arrays and full scans. The random traces of test_model.c compare the real
 * functions with it. Times are in microseconds.
 */
#ifndef TESTS_REDIS_MODEL_H
#define TESTS_REDIS_MODEL_H

#include "queue.h"

#define MODEL_USERS	48
#define MODEL_PAST	4096

/*
 * A place and its user. `time` is the last heartbeat (waiting), the deadline (active), or when it happened (used, gone).
 */
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
	/* What the store has. */
	int64_t			generation, last, settle, ticked, since, paused;
	int64_t			admitted_to, cand, ended, until, lost_admitted, lost_ended;
	int64_t			gap_from, gap_to;
	bool			restarted;	/* and begin was not called since */
	double			paid;
	bool			told;		/* a call has passed the time of the opening */
	bool			opened, busy;
	int64_t			busy_at;
	int64_t			admitted, used_count, expired, abandoned;
	struct model_list	waiting;	/* ordered by seq */
	struct model_list	active, used;
	struct model_list	gone;		/* per user, the seq up to which all places have ended */
	/* The operators' settings, and the database's data. */
	char			mode[8];
	int64_t			max_active, admit, max_waiting, ttl;
	struct memory		memory;
	struct model_list	holds;		/* places with which a hold was made */
};

/* Each does what the function of its name does, and answers with the same struct as the fixture. */
void		 model_start(struct model *model, int64_t opens, bool draw);
void		 model_lose(struct model *model);
/* Another Redis process continues with `kept`, an earlier copy. The database's data stays. */
void		 model_restart(struct model *model, const struct model *kept);
void		 model_begin(struct model *model);	/* if necessary; every call does this first, except check and leave */
struct place	 model_enter(struct model *model, int user, int64_t drawn);
struct place	 model_status(struct model *model, int user, struct place token, bool unused);
bool		 model_leave(struct model *model, int user, struct place token);
enum ct_queue_state	 model_check(const struct model *model, int user, struct place token);
void		 model_use(struct model *model, int user, struct place token);
struct tick_answer	 model_tick(struct model *model);
int64_t		 model_served(const struct model *model);
const struct model_place	*model_find(const struct model_list *list, int user, int64_t seq);	/* seq -1: any seq */

#endif
