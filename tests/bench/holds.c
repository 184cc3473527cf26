/*
 * Holds for `make bench-hold`: sends one POST /reservations/hold per user, as fast as the connections allow, and counts
 * the answers. A user is a line "JWT token" of the callers' file, which build/bench/crowd writes. Users hold a seat
 * each, all the same seat, or the best available. It also counts refusals while there were enough seats. Seats count as
 * gone from the *answer* to the hold that got them (`early_strict`, which includes refusals because another hold had
 * the seat locked), or from its *sending* (`early`).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define LINE_MAX_BYTES	1024
#define TOKEN_MAX	128
#define SEAT_TEXT	37
#define ERRORS_SHOWN	3

static const char	usage_text[] =
"usage: holds --url URL --schedule UUID --callers FILE --count N WHAT [options]\n"
"\n"
"  --seats FILE      WHAT: a seat for each caller, one id a line\n"
"  --seat UUID       WHAT: the same seat for all callers\n"
"  --best GRADE      WHAT: the best available, 1 to 4 seats in turn\n"
"  --first N         the first caller and seat, counted from 1\n"
"  --connections N   keep-alive connections (64)\n"
"  --total N         with --best: number of seats in the hall\n";

struct hold {
	char		*jwt;
	char		*token;
	char		 seat[SEAT_TEXT];
	unsigned	 quantity;
	int		 status;
	uint64_t	 sent_us;
	uint64_t	 got_us;
};

static struct hold	*holds;
static unsigned		 count = 0, connections = 64, total, answered, made, refused, errors;
static const char	*schedule, *seat, *grade;
static uint64_t		 first_refusal_us, last_refusal_us;

static void
hold_answered(unsigned id, const struct answer *answer)
{
	struct hold	*hold = &holds[id];

	answered++;
	hold->status = answer->status;
	hold->sent_us = answer->sent_us;
	hold->got_us = answer->got_us;
	if (answer->status == 201) {
		made++;
	} else if (answer->status == 409 && strstr(answer->body, "\"SEAT_NOT_AVAILABLE\"") != NULL) {
		refused++;
		if (first_refusal_us == 0)
			first_refusal_us = answer->got_us;
		last_refusal_us = answer->got_us;
	} else if (errors++ < ERRORS_SHOWN) {
		fprintf(stderr, "holds: status %d %.300s\n", answer->status, answer->body);
	}
}

static bool
ask(unsigned id)
{
	struct hold	*hold = &holds[id];
	char		 body[256], text[2048];
	int		 size, length;

	if (grade != NULL)
		size = snprintf(body, sizeof(body),
		    "{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"%s\",\"quantity\":%u}}",
		    schedule, grade, hold->quantity);
	else
		size = snprintf(body, sizeof(body), "{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}",
		    schedule, seat != NULL ? seat : hold->seat);
	length = snprintf(text, sizeof(text), "POST /reservations/hold HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\n\r\n%s", hold->jwt, hold->token, size, body);
	return (client_send(id, text, (size_t)length));
}

static void
read_lines(const char *path, unsigned first, void (*take)(struct hold *, char *))
{
	FILE		*file = fopen(path, "re");
	char		 line[LINE_MAX_BYTES];
	unsigned	 n = 0;

	if (file == NULL)
		fail("cannot read %s", path);
	while (n < first - 1 + count && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (++n >= first)
			take(&holds[n - first], line);
	}
	if (n < first - 1 + count)
		fail("%s has only %u lines of %u", path, n, first - 1 + count);
	(void)fclose(file);
}

static void
take_caller(struct hold *hold, char *line)
{
	char	*space = strchr(line, ' ');

	if (space == NULL || strlen(space + 1) == 0)
		fail("the line is not \"JWT token\": %s", line);
	*space = '\0';
	if ((hold->jwt = strdup(line)) == NULL || (hold->token = strdup(space + 1)) == NULL)
		fail("no memory");
}

static void
take_seat(struct hold *hold, char *line)
{
	if (strlen(line) != SEAT_TEXT - 1)
		fail("the line is not a seat id: %s", line);
	memcpy(hold->seat, line, SEAT_TEXT);
}

static int
by_time(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y ? -1 : x > y);
}

/* Returns the number of refusals while `quantity` seats were left. Seats are gone from the hold's `sent` or `got` on. */
static unsigned
early_refusals(bool from_sent)
{
	struct gone { uint64_t at; unsigned seats; }	*gone = calloc(count + 1, sizeof(*gone));
	unsigned	 n = 0, i, low, high, early = 0;

	if (gone == NULL)
		fail("no memory");
	for (i = 0; i < count; i++) {
		if (holds[i].status == 201)
			gone[n++] = (struct gone){ from_sent ? holds[i].sent_us : holds[i].got_us, holds[i].quantity };
	}
	qsort(gone, n, sizeof(*gone), by_time);
	for (i = 1; i < n; i++)
		gone[i].seats += gone[i - 1].seats;
	for (i = 0; i < count; i++) {
		if (holds[i].status != 409)
			continue;
		for (low = 0, high = n; low < high;) {
			unsigned	middle = (low + high) / 2;

			if (gone[middle].at <= holds[i].got_us)
				low = middle + 1;
			else
				high = middle;
		}
		early += (low == 0 ? 0 : gone[low - 1].seats) + holds[i].quantity <= total;
	}
	free(gone);
	return (early);
}

static void
report(uint64_t started, uint64_t ended)
{
	uint64_t	*took = calloc(count, sizeof(*took));
	double		 seconds = (double)(ended - started) / 1e6;
	unsigned	 i;

	if (took == NULL)
		fail("no memory");
	for (i = 0; i < count; i++)
		took[i] = holds[i].got_us - holds[i].sent_us;
	qsort(took, count, sizeof(*took), by_time);
	printf("RESULT rps=%.0f made=%u refused=%u errors=%u seconds=%.3f p50_us=%lu p99_us=%lu last_refusal_ms=%.0f",
	    count / seconds, made, refused, errors, seconds, (unsigned long)took[count / 2],
	    (unsigned long)took[count * 99 / 100],
	    refused > 0 ? (double)(last_refusal_us - started) / 1e3 : 0);
	if (total > 0)
		printf(" early=%u early_strict=%u", early_refusals(true), early_refusals(false));
	printf("\n");
	free(took);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "url", required_argument, NULL, 'u' }, { "schedule", required_argument, NULL, 's' },
		{ "callers", required_argument, NULL, 'c' }, { "count", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' }, { "connections", required_argument, NULL, 'k' },
		{ "seats", required_argument, NULL, 'e' }, { "seat", required_argument, NULL, 'o' },
		{ "best", required_argument, NULL, 'b' }, { "total", required_argument, NULL, 't' }, { 0 } };
	const char			*url = NULL, *callers = NULL, *seats = NULL;
	unsigned			 first = 1, next = 0, i;
	uint64_t			 started;
	int				 option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u': url = optarg; break;
		case 's': schedule = optarg; break;
		case 'c': callers = optarg; break;
		case 'n': count = number(optarg); break;
		case 'f': first = number(optarg); break;
		case 'k': connections = number(optarg); break;
		case 'e': seats = optarg; break;
		case 'o': seat = optarg; break;
		case 'b': grade = optarg; break;
		case 't': total = number(optarg); break;
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (url == NULL || schedule == NULL || callers == NULL || count == 0 ||
	    (seats != NULL) + (seat != NULL) + (grade != NULL) != 1) {
		fputs(usage_text, stderr);
		return (2);
	}
	if ((holds = calloc(count, sizeof(*holds))) == NULL)
		fail("no memory for %u holds", count);
	read_lines(callers, first, take_caller);
	if (seats != NULL)
		read_lines(seats, first, take_seat);
	for (i = 0; i < count; i++)
		holds[i].quantity = grade != NULL ? 1 + i % 4 : 1;

	client_open(url, connections, hold_answered);
	started = now_us();
	while (answered < count) {
		while (next < count && ask(next))
			next++;
		client_turn(1000);
		if (now_us() - started > 120000000)
			fail("%u of %u holds had no answer after two minutes", count - answered, count);
	}
	report(started, now_us());
	return (errors == 0 ? 0 : 1);
}
