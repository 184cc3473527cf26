/* Counts answers by step: latencies, bytes, errors. See sale.h. */
#include <stdio.h>
#include <string.h>

#include "sale.h"

#define TENTHS_MAX	600000	/* latencies up to a minute, by tenths of a millisecond */
#define ERRORS_MAX	64
#define ERRORS_SHOWN	5
#define CODE_MAX	48

struct error {
	enum step	step;
	int		status;
	char		code[CODE_MAX];
	unsigned	count;
};

static const char *const	 names[STEPS] = { "seat map, before the sale", "enter", "status", "seat map, gzip",
			    "hold, chosen seats", "hold, best available", "pay by points", "confirmation" };
static const char *const	 short_names[STEPS] = { "look", "enter", "status", "map", "hold", "best", "pay", "confirm" };
static unsigned		 latency[STEPS][TENTHS_MAX + 1];
static unsigned		 counts[STEPS];
static uint64_t		 max_us[STEPS], bytes_in[STEPS], bytes_out[STEPS];
static struct error	 errors[ERRORS_MAX];
static unsigned		 error_kinds, errors_shown;

void
tally_sent(enum step step, size_t bytes)
{
	bytes_out[step] += bytes;
}

static void
note_error(enum step step, const struct answer *answer)
{
	char		 code[CODE_MAX];
	unsigned	 i;

	if (answer->status == 0)
		(void)snprintf(code, sizeof(code), "connection lost");
	else if (!text_member(answer->body, "code", code, sizeof(code)))
		(void)snprintf(code, sizeof(code), "no code");
	for (i = 0; i < error_kinds; i++) {
		if (errors[i].step == step && errors[i].status == answer->status && strcmp(errors[i].code, code) == 0)
			break;
	}
	if (i == ERRORS_MAX)
		return;
	if (i == error_kinds) {
		error_kinds++;
		errors[i] = (struct error){ .step = step, .status = answer->status };
		memcpy(errors[i].code, code, sizeof(code));
	}
	errors[i].count++;
	if (strcmp(code, "SEAT_NOT_AVAILABLE") != 0 && errors_shown++ < ERRORS_SHOWN)
		fprintf(stderr, "sale: %s: status %d %.300s\n", names[step], answer->status, answer->body);
}

void
tally_answer(enum step step, uint64_t wanted_us, const struct answer *answer)
{
	uint64_t	took = answer->got_us - wanted_us;
	uint64_t	tenths = took / 100 < TENTHS_MAX ? took / 100 : TENTHS_MAX;

	counts[step]++;
	latency[step][tenths]++;
	if (took > max_us[step])
		max_us[step] = took;
	bytes_in[step] += answer->bytes;
	if (answer->status < 200 || answer->status > 299)
		note_error(step, answer);
}

unsigned
tally_count(enum step step)
{
	return (counts[step]);
}

static double
percentile(const unsigned *tenths, unsigned count, double share)
{
	uint64_t	wanted = (uint64_t)(share * count), sum = 0;
	unsigned	i;

	for (i = 0; i < TENTHS_MAX && (sum += tenths[i]) <= wanted; i++)
		;
	return (i / 10.0);
}

static bool
is_error(const struct error *error)
{
	return (strcmp(error->code, "SEAT_NOT_AVAILABLE") != 0);
}

unsigned
tally_errors(void)
{
	unsigned	i, sum = 0;

	for (i = 0; i < error_kinds; i++)
		sum += is_error(&errors[i]) ? errors[i].count : 0;
	return (sum);
}

unsigned
tally_print(void)
{
	unsigned	i;

	printf("\n%-26s %9s %9s %9s %9s %9s %10s %9s\n", "latency from the wish to send", "answers", "p50 ms", "p95 ms",
	    "p99 ms", "max ms", "bytes in", "out");
	for (i = 0; i < STEPS; i++) {
		if (counts[i] == 0)
			continue;
		printf("%-26s %9u %9.1f %9.1f %9.1f %9.1f %10.0f %9.0f\n", names[i], counts[i],
		    percentile(latency[i], counts[i], 0.5), percentile(latency[i], counts[i], 0.95),
		    percentile(latency[i], counts[i], 0.99), (double)max_us[i] / 1e3,
		    (double)bytes_in[i] / counts[i], (double)bytes_out[i] / counts[i]);
	}
	printf("\n");
	for (i = 0; i < error_kinds; i++) {
		printf("%s: %s: %d %s x %u\n", is_error(&errors[i]) ? "error" : "refused", names[errors[i].step],
		    errors[i].status, errors[i].code, errors[i].count);
	}
	if (error_kinds == 0)
		printf("no refusals, no errors\n");
	return (tally_errors());
}

void
tally_print_steps(void)
{
	unsigned	i;

	for (i = 0; i < STEPS; i++) {
		if (counts[i] > 0)
			printf("STEP name=%s answers=%u in=%.0f out=%.0f\n", short_names[i], counts[i],
			    (double)bytes_in[i] / counts[i], (double)bytes_out[i] / counts[i]);
	}
}
