/*
 * A whole sale, for `make bench-sale`. sale.c runs the phases and reports, buyers.c
 * acts for each buyer, admission.c for the operator at the queue's control, seats.c
 * reads seat maps, tally.c counts answers and cpu.c CPU time.
 */
#ifndef BENCH_SALE_H
#define BENCH_SALE_H

#include "load.h"

/* The requests of a buyer, in this order. */
enum step {
	STEP_LOOK,	/* the seat map before the sale, to measure its cost */
	STEP_ENTER,
	STEP_STATUS,
	STEP_MAP,
	STEP_HOLD,	/* seats chosen on the map */
	STEP_BEST,	/* the best available */
	STEP_PAY,
	STEP_CONFIRM,	/* GET the reservation, which must be CONFIRMED and paid */
	STEPS,
	STEP_DONE = STEPS
};

struct sale_settings {
	const char	*concert;
	const char	*schedule;
	const char	*operator_jwt;
	const char	*grade;
	unsigned	 count;		/* users; standard input has one JWT a line for each */
	unsigned	 seats;		/* in the hall */
	unsigned	 price;
	unsigned	 looks;		/* users who read the map before the sale */
	unsigned	 polls;		/* rounds in which all users poll as fast as possible */
	unsigned	 rest_s;	/* seconds at the start without any request */
	unsigned	 wait_s;	/* seconds after entering without any admission */
	unsigned	 max_active;	/* the queue's maxActive; 0: adjusted to the number of busy buyers */
	unsigned	 busy;		/* the wanted number of buyers between ACTIVE and confirmation */
	unsigned	 limit_s;	/* time limit of the sale */
};

/* --- buyers.c --- */

struct buyers {
	unsigned	looked, entered, bought, tickets, found_nothing, failed;
	unsigned	choosing;	/* buyers who have seen that they are ACTIVE and have no hold yet */
	unsigned	paying;		/* buyers who have a hold and no confirmation yet */
	unsigned	seats_held;	/* seats of answered holds */
	unsigned	chosen_taken;	/* holds of chosen seats that another buyer got first */
	unsigned	best_refused;	/* SEAT_NOT_AVAILABLE for the best available */
	unsigned	early;		/* of best_refused, with enough seats left, counted by answered holds */
	unsigned	early_surely;	/* of best_refused, with enough seats left, counted by sent holds */
	unsigned	unbooked;	/* confirmations other than CONFIRMED and APPROVED */
	uint64_t	spent;		/* KRW of approved payments */
	uint64_t	late_max_us;	/* the longest wait of a request for a connection */
};

/* Reads the JWTs. */
const struct buyers	*buyers_init(const struct sale_settings *settings);

/* Returns the number of tickets that `count` buyers want. */
unsigned	 buyers_want(unsigned count);

/* While on, waiting buyers do not poll after pollAfterSeconds. */
void		 buyers_hold_back(bool on);

/* Returns true if buyer `id` has entered and is not admitted yet. */
bool		 buyer_waits(uint32_t id);

/* Sends the request of buyer `id`; false if no connection is free. */
bool		 buyer_ask(uint32_t id);

/* Begins `step` for buyer `id`, who has no request in flight. False if no connection is free. */
bool		 buyer_begin(uint32_t id, enum step step);

void		 buyer_answered(uint32_t id, const struct answer *answer);

/* --- admission.c --- */

/* The operator sends as user number `user`. Call admission_turn in each turn, with the number of busy buyers. */
void		 admission_open(const struct sale_settings *settings, uint32_t user);
void		 admission_turn(uint64_t now, unsigned busy);
void		 admission_answered(const struct answer *answer);
unsigned	 admission_max_active(void);

/* --- seats.c --- */

/* Returns the buffer for the next map to keep, or NULL while the last one is recent enough. */
struct long_body	*seats_wanted(void);

/* Takes the answer to a map requested with seats_wanted: reads it if `good`, otherwise drops it. */
void		 seats_read(bool good);

/* Takes `count` seats that were free on the last map read. Returns false if there are fewer. */
#define SEAT_TEXT	37
bool		 seats_take(unsigned count, char ids_r[][SEAT_TEXT]);

/* --- tally.c --- */

void		 tally_sent(enum step step, size_t bytes);

/* Counts an answer. `wanted_us` is the time when the buyer wanted to send the request. */
void		 tally_answer(enum step step, uint64_t wanted_us, const struct answer *answer);

unsigned	 tally_count(enum step step);

/* Prints latencies and bytes by step, and refusals and errors by status and code. Returns the number of errors. */
unsigned	 tally_print(void);
unsigned	 tally_errors(void);

/* Prints answers and bytes by step, for tests/bench/forecast. */
void		 tally_print_steps(void);

/* --- cpu.c --- */

#define CPU_GROUPS_MAX	12

struct cpu {
	double	group[CPU_GROUPS_MAX];	/* ms */
	double	self;
	double	machine;
};

/* Adds a group "name=pid,pid": these processes and all their descendants, including ended ones. */
void		 cpu_group(const char *text);
unsigned	 cpu_groups(void);
const char	*cpu_name(unsigned group);

/* Reads the CPU time of each group since its processes began. */
void		 cpu_read(struct cpu *cpu_r);

#endif
