/*
 * Numbers that the queue's Redis functions and the C code share. services/queue/redis/library.mk turns each
 * "#define QUEUE_NAME number" into a Lua local NAME of the library, so every number exists once.
 */
#ifndef QUEUE_CONSTANTS_H
#define QUEUE_CONSTANTS_H

/* Members that one call handles at most, so that other calls need not wait long. */
#define QUEUE_ADMIT_MAX		250	/* users that a tick admits; if more may be admitted, the next tick follows at once */
#define QUEUE_EXPIRE_MAX	500	/* overdue turns that a tick ends, and used places that a call removes */
#define QUEUE_REAP_MAX		200	/* places of silent waiters that a tick ends */
#define QUEUE_PRUNE_MAX		100	/* old entries of each kind that a tick forgets */

/* Times. */
#define QUEUE_TOKEN_LIFE_SECONDS	604800	/* a token older than this does not bring a lost place back */
#define QUEUE_GAP_SECONDS	5	/* without a tick for longer, the queue counts as not served */
#define QUEUE_FENCE_SECONDS	10	/* a master that was replaced gives no place after this time */
#define QUEUE_MEASURE_SECONDS	60	/* time constant of the measured speed */
#define QUEUE_HEARTBEAT_PARTS	8	/* the patience divided by this: the age at which a heartbeat is noted again */

/* Numbers in answers. */
#define QUEUE_SPEED_SCALE	1000000	/* the speed of enter and status counts users per this number of seconds */
#define QUEUE_TICK_SPEED_SCALE	1000	/* the speed of tick counts users per this number of seconds */
#define QUEUE_SPEED_PAUSED	(-1)	/* as the speed of enter and status: the mode is PAUSED */

#endif
