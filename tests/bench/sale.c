/*
 * A sale from the first to the last ticket, for `make bench-sale`. Its phases: rest; some users read the seat map; all
 * enter; all poll as fast as possible; all poll after pollAfterSeconds without any admission; the sale. Between phases
 * it reads the CPU time of the servers, for the cost of each kind of request.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sale.h"

#define SAY_EVERY_US	3000000

enum phase { RESTING, LOOKING, ENTERING, POLLING, WAITING, SELLING, PHASES };

static const char *const	phase_names[PHASES] = { "rest", "look", "enter", "poll", "wait", "sale" };

static const char	usage_text[] =
"usage: sale --url URL --concert UUID --schedule UUID --operator JWT --count N --seats N [options] <jwts\n"
"\n"
"  --group NAME=PID[,PID]  print the CPU time of these processes and their descendants\n"
"  --grade GRADE           grade of all seats (R)\n"
"  --price KRW             price of a seat (1000)\n"
"  --connections N         keep-alive connections (512)\n"
"  --looks N               users who read the map before the sale (1000)\n"
"  --polls N               rounds in which all users poll as fast as possible (1)\n"
"  --rest SECONDS          time at the start without any request (5)\n"
"  --wait SECONDS          time after entering without any admission (15)\n"
"  --max-active N          the queue's maxActive; 0: set by --busy (0)\n"
"  --busy N                wanted number of buyers between ACTIVE and confirmation (400)\n"
"  --limit SECONDS         time limit of the sale (600)\n";

static struct sale_settings	settings = { .grade = "R", .price = 1000, .looks = 1000, .polls = 1, .rest_s = 5, .wait_s = 15, .busy = 400,
				    .limit_s = 600 };
static const struct buyers	*sums;
static uint64_t			 started_us, said_us;
static unsigned			 next_looker, next_comer, next_poller, rounds, said_tickets;
static uint64_t			 tenth_us, nine_tenths_us;	/* when 10 % and 90 % of the tickets were sold */
/* At the beginning of each phase and the end of the last one. */
static struct cpu		 marks[PHASES + 1];
static uint64_t			 began_us[PHASES + 1];
static unsigned			 polls_at[PHASES + 1];

static void
answered(unsigned user, const struct answer *answer)
{
	if (user == settings.count)
		admission_answered(answer);
	else
		buyer_answered(user, answer);
}

static unsigned
through(void)
{
	return (sums->bought + sums->found_nothing + sums->failed);
}

static void
say(uint64_t now, bool last)
{
	double	seconds = (double)(now - said_us) / 1e6;

	if (!last && now - said_us < SAY_EVERY_US)
		return;
	printf("  %4.0f s: %u entered, %u status calls, maxActive %u, %u choose, %u pay, %u tickets (%.0f a second), "
	    "%u errors\n", (double)(now - started_us) / 1e6, sums->entered, tally_count(STEP_STATUS),
	    admission_max_active(), sums->choosing, sums->paying, sums->tickets,
	    (sums->tickets - said_tickets) / seconds, tally_errors());
	(void)fflush(stdout);
	said_us = now;
	said_tickets = sums->tickets;
}

static void
note_tickets(uint64_t now)
{
	unsigned	all = buyers_want(settings.count);

	if (tenth_us == 0 && sums->tickets >= all / 10)
		tenth_us = now;
	if (nine_tenths_us == 0 && sums->tickets >= all - all / 10)
		nine_tenths_us = now;
}

/* All users poll, one after the other. The next round begins when all are answered. */
static void
poll_all(void)
{
	while (rounds < settings.polls) {
		if (next_poller == 0) {
			if (client_busy() > 0)
				return;
			/* After the last round users poll after pollAfterSeconds. */
			buyers_hold_back(rounds + 1 < settings.polls);
		}
		for (; next_poller < settings.count; next_poller++) {
			if (buyer_waits(next_poller) && !buyer_begin(next_poller, STEP_STATUS))
				return;
		}
		next_poller = 0;
		rounds++;
	}
}

/* Sends the requests that are due in this phase. */
static void
send_all(enum phase phase, uint64_t now)
{
	uint32_t	id;

	if (phase == SELLING)
		admission_turn(now, sums->choosing + sums->paying);
	while ((id = wheel_first()) != NOBODY && buyer_ask(id))
		wheel_drop_first();
	while (phase == LOOKING && next_looker < settings.looks && buyer_begin(next_looker, STEP_LOOK))
		next_looker++;
	while (phase == ENTERING && next_comer < settings.count && wheel_first() == NOBODY &&
	    buyer_begin(next_comer, STEP_ENTER))
		next_comer++;
	if (phase == POLLING)
		poll_all();
}

static bool
over(enum phase phase, uint64_t began, uint64_t now)
{
	switch (phase) {
	case RESTING:
		return (now - began >= (uint64_t)settings.rest_s * 1000000);
	case LOOKING:
		return (sums->looked == settings.looks);
	case ENTERING:
		return (sums->entered + sums->failed >= settings.count);
	case POLLING:
		return (rounds == settings.polls && client_busy() == 0);
	case WAITING:
		return (now - began >= (uint64_t)settings.wait_s * 1000000);
	default:
		return (through() >= settings.count);
	}
}

/* Runs a phase. Returns false if it did not end in time. */
static bool
run_phase(enum phase phase)
{
	uint64_t	began = now_us(), now = began;

	while (!over(phase, began, now)) {
		if (now - started_us > (uint64_t)settings.limit_s * 1000000)
			return (false);
		wheel_turn(now);
		send_all(phase, now);
		client_turn(1);
		now = now_us();
		note_tickets(now);
		say(now, false);
	}
	cpu_read(&marks[phase + 1]);
	began_us[phase + 1] = now_us();
	polls_at[phase + 1] = tally_count(STEP_STATUS);
	return (true);
}

/* --- report ---------------------------------------------------------------------------- */

static double
seconds_of(enum phase phase)
{
	return ((double)(began_us[phase + 1] - began_us[phase]) / 1e6);
}

static unsigned
polls_in(enum phase phase)
{
	return (polls_at[phase + 1] - polls_at[phase]);
}

/* Returns a + times * b. */
static struct cpu
plus(struct cpu a, double times, const struct cpu *b)
{
	unsigned	g;

	for (g = 0; g < cpu_groups(); g++)
		a.group[g] += times * b->group[g];
	a.self += times * b->self;
	a.machine += times * b->machine;
	return (a);
}

/* Returns the CPU time of a phase, minus what the servers use at rest. */
static struct cpu
used(enum phase phase)
{
	struct cpu	cpu = plus(marks[phase + 1], -1, &marks[phase]);
	struct cpu	rest = plus(marks[RESTING + 1], -1, &marks[RESTING]);

	rest.self = rest.machine = 0;
	return (plus(cpu, -seconds_of(phase) / seconds_of(RESTING), &rest));
}

static struct cpu
each(struct cpu cpu, unsigned count)
{
	struct cpu	none = { 0 };

	return (plus(none, 1.0 / (count > 0 ? count : 1), &cpu));
}

/* The CPU time at rest is subtracted, so a small part may be slightly negative. */
static double
at_least_0(double ms)
{
	return (ms > 0 ? ms : 0);
}

static double
servers(const struct cpu *cpu)
{
	double		sum = 0;
	unsigned	g;

	for (g = 0; g < cpu_groups(); g++)
		sum += at_least_0(cpu->group[g]);
	return (sum);
}

static void
print_share(const char *what, const struct cpu *cpu)
{
	unsigned	g;

	printf("%-30s", what);
	for (g = 0; g < cpu_groups(); g++)
		printf(" %11.3f", at_least_0(cpu->group[g]));
	printf(" %11.3f %11.3f\n", servers(cpu), cpu->self);
}

/* For tests/bench/forecast: the CPU of each phase. */
static void
print_phases(void)
{
	enum phase	phase;
	unsigned	g;

	for (phase = RESTING; phase < PHASES; phase++) {
		struct cpu	cpu = plus(marks[phase + 1], -1, &marks[phase]);

		printf("PHASE name=%s seconds=%.3f polls=%u", phase_names[phase], seconds_of(phase), polls_in(phase));
		for (g = 0; g < cpu_groups(); g++)
			printf(" %s=%.0f", cpu_name(g), cpu.group[g]);
		printf("\n");
	}
}

/* Prints the CPU time of each kind of request. Returns the milliseconds per ticket. */
static double
print_cpu(void)
{
	struct cpu	sale = used(SELLING), look, enter, poll, status, buyer, ticket;
	double		seconds = seconds_of(SELLING);
	unsigned	g;

	look = each(used(LOOKING), settings.looks);
	enter = each(used(ENTERING), settings.count);
	poll = each(used(POLLING), polls_in(POLLING));
	status = each(used(WAITING), polls_in(WAITING));
	buyer = each(plus(sale, -(double)polls_in(SELLING), &poll), sums->bought);
	ticket = each(sale, sums->tickets);

	printf("\n%-30s", "CPU, ms each");
	for (g = 0; g < cpu_groups(); g++)
		printf(" %11s", cpu_name(g));
	printf(" %11s %11s\n", "servers", "generator");
	print_share("seat map that has not changed", &look);
	print_share("enter", &enter);
	print_share("status, as fast as possible", &poll);
	print_share("status, after pollAfterSeconds", &status);
	print_share("buyer: map to confirmation", &buyer);
	print_share("ticket: the sale, with polls", &ticket);
	printf("cores used in the sale: %.2f by the servers, %.2f by this load generator, %.2f by all else on this machine\n",
	    servers(&sale) / seconds / 1e3, sale.self / seconds / 1e3,
	    (sale.machine - servers(&sale) - sale.self) / seconds / 1e3);
	return (servers(&ticket));
}

static unsigned
print_result(void)
{
	double		seconds = seconds_of(SELLING), cpu, steady = 0;
	unsigned	tenth = buyers_want(settings.count) / 10, middle = buyers_want(settings.count) - 2 * tenth, errors;

	if (nine_tenths_us > tenth_us)
		steady = middle / ((double)(nine_tenths_us - tenth_us) / 1e6);
	errors = tally_print();
	printf("%u buyers have %u tickets, %u found no seats, %u gave up; a request waited at most %.1f s for a connection\n",
	    sums->bought, sums->tickets, sums->found_nothing, sums->failed, (double)sums->late_max_us / 1e6);
	printf("chosen seats that another buyer got first: %u of %u. Best available refused while enough seats were left:\n"
	    "%u of %u (%u even if every unanswered hold had got its seats)\n",
	    sums->chosen_taken, tally_count(STEP_HOLD), sums->early, tally_count(STEP_BEST), sums->early_surely);
	cpu = print_cpu();
	print_phases();
	tally_print_steps();
	printf("RESULT tickets=%u buyers=%u spent=%lu seconds=%.1f tickets_per_s=%.0f steady=%.0f cpu_ms=%.2f errors=%u "
	    "failed=%u unbooked=%u early=%u best=%u polls=%u\n", sums->tickets, sums->bought, (unsigned long)sums->spent,
	    seconds, sums->tickets / seconds, steady, cpu, errors, sums->failed, sums->unbooked, sums->early,
	    tally_count(STEP_BEST), tally_count(STEP_STATUS));
	return (errors + sums->failed + sums->unbooked);
}

/* Reports the state of all users when the time limit is over. */
static void
tell_late(void)
{
	unsigned	id, in_line = 0;

	for (id = 0; id < settings.count; id++)
		in_line += buyer_waits(id);
	fprintf(stderr, "sale: not over after %u s: of %u users %u have entered, %u wait, %u are active, %u have "
	    "bought, %u found no seats, %u gave up; %u requests have no answer yet\n", settings.limit_s, settings.count,
	    sums->entered, in_line, sums->choosing + sums->paying, sums->bought, sums->found_nothing, sums->failed, client_busy());
}

static void
sale_run(void)
{
	enum phase	phase;

	cpu_read(&marks[RESTING]);
	began_us[RESTING] = now_us();
	buyers_hold_back(true);
	for (phase = RESTING; phase < PHASES; phase++) {
		if (phase == SELLING)
			admission_open(&settings, settings.count);
		if (!run_phase(phase)) {
			tell_late();
			(void)tally_print();
			exit(1);
		}
	}
	say(now_us(), true);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "url", required_argument, NULL, 'u' }, { "concert", required_argument, NULL, 'c' },
		{ "schedule", required_argument, NULL, 's' }, { "operator", required_argument, NULL, 'o' },
		{ "count", required_argument, NULL, 'n' }, { "seats", required_argument, NULL, 'e' },
		{ "group", required_argument, NULL, 'g' }, { "grade", required_argument, NULL, 'r' },
		{ "price", required_argument, NULL, 'p' }, { "connections", required_argument, NULL, 'k' },
		{ "looks", required_argument, NULL, 'm' }, { "wait", required_argument, NULL, 'w' },
		{ "polls", required_argument, NULL, 'b' }, { "rest", required_argument, NULL, 't' },
		{ "max-active", required_argument, NULL, 'a' }, { "busy", required_argument, NULL, 'f' },
		{ "limit", required_argument, NULL, 'l' }, { 0 } };
	const char			*url = NULL;
	unsigned			 connections = 512;
	int				 option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u': url = optarg; break;
		case 'c': settings.concert = optarg; break;
		case 's': settings.schedule = optarg; break;
		case 'o': settings.operator_jwt = optarg; break;
		case 'n': settings.count = number(optarg); break;
		case 'e': settings.seats = number(optarg); break;
		case 'g': cpu_group(optarg); break;
		case 'r': settings.grade = optarg; break;
		case 'p': settings.price = number(optarg); break;
		case 'k': connections = number(optarg); break;
		case 'm': settings.looks = number(optarg); break;
		case 'b': settings.polls = number(optarg); break;
		case 't': settings.rest_s = number(optarg); break;
		case 'w': settings.wait_s = number(optarg); break;
		case 'a': settings.max_active = number(optarg); break;
		case 'f': settings.busy = number(optarg); break;
		case 'l': settings.limit_s = number(optarg); break;
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (url == NULL || settings.concert == NULL || settings.schedule == NULL || settings.operator_jwt == NULL ||
	    settings.count == 0 || settings.seats == 0) {
		fputs(usage_text, stderr);
		return (2);
	}
	if (settings.looks > settings.count)
		settings.looks = settings.count;
	sums = buyers_init(&settings);
	client_open(url, connections, answered);
	wheel_init(settings.count);
	started_us = said_us = now_us();
	sale_run();
	return (print_result() == 0 ? 0 : 1);
}
