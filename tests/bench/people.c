/*
 * People who buy tickets, for the benchmarks: enter a queue all at once, or go
 * through a sale from entering to being admitted. Reads one JWT a person, a
 * line each, from standard input.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "people.h"

static const char	usage_text[] =
"usage: people --url URL --concert UUID --schedule UUID --count N [options] <jwts\n"
"\n"
"  --connections N   keep-alive connections (256)\n"
"  --over SECONDS    enter spread over so long (0: as fast as goes)\n"
"  --stay            only enter; else poll as told until ACTIVE, then leave\n"
"  --rate N          admissions a second that must not be exceeded\n"
"  --tick MS         a tick of admission (100)\n"
"  --ttl SECONDS     how long ACTIVE lasts (120)\n"
"  --limit SECONDS   give up after so long (240)\n"
"  --out FILE        \"JWT token\" lines, in the order of --count\n";

void
fail(const char *fmt, ...)
{
	va_list	args;

	fputs("people: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t
clock_us(clockid_t which)
{
	struct timespec	t;

	(void)clock_gettime(which, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

uint64_t
now_us(void)
{
	static uint64_t	began;

	if (began == 0)
		began = clock_us(CLOCK_MONOTONIC) - 1;
	return (clock_us(CLOCK_MONOTONIC) - began);
}

uint64_t
wall_us(void)
{
	return (clock_us(CLOCK_REALTIME));
}

static unsigned
number(const char *text)
{
	char		*end;
	unsigned long	 value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value > 100000000)
		fail("'%s' is not a number within reason", text);
	return ((unsigned)value);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "url", required_argument, NULL, 'u' }, { "concert", required_argument, NULL, 'c' },
		{ "schedule", required_argument, NULL, 's' }, { "count", required_argument, NULL, 'n' },
		{ "connections", required_argument, NULL, 'k' }, { "over", required_argument, NULL, 'v' },
		{ "stay", no_argument, NULL, 'y' }, { "rate", required_argument, NULL, 'r' },
		{ "tick", required_argument, NULL, 't' }, { "ttl", required_argument, NULL, 'a' },
		{ "limit", required_argument, NULL, 'l' }, { "out", required_argument, NULL, 'o' }, { 0 } };
	struct crowd_settings		settings = { .tick_ms = 100, .ttl_s = 120, .limit_s = 240 };
	const char			*url = NULL;
	unsigned			 connections = 256;
	int				 option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u':
			url = optarg;
			break;
		case 'c':
			settings.concert = optarg;
			break;
		case 's':
			settings.schedule = optarg;
			break;
		case 'n':
			settings.count = number(optarg);
			break;
		case 'k':
			connections = number(optarg);
			break;
		case 'v':
			settings.over_s = number(optarg);
			break;
		case 'y':
			settings.stay = true;
			break;
		case 'r':
			settings.rate = number(optarg);
			break;
		case 't':
			settings.tick_ms = number(optarg);
			break;
		case 'a':
			settings.ttl_s = number(optarg);
			break;
		case 'l':
			settings.limit_s = number(optarg);
			break;
		case 'o':
			settings.out = optarg;
			break;
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (url == NULL || settings.concert == NULL || settings.schedule == NULL || settings.count == 0) {
		fputs(usage_text, stderr);
		return (2);
	}
	client_open(url, connections, crowd_answered);
	return (crowd_run(&settings) == 0 ? 0 : 1);
}
