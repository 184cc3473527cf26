/*
 * A crowd for `make bench-queue` and `make bench-hold`: its users enter a queue all at once, or wait in it until they
 * are admitted. Reads one JWT per user, a line each, from standard input.
 */
#include <getopt.h>
#include <stdio.h>

#include "load.h"

static const char	usage_text[] =
"usage: crowd --url URL --concert UUID --schedule UUID --count N [options] <jwts\n"
"\n"
"  --connections N   keep-alive connections (256)\n"
"  --over SECONDS    time over which the enter calls are spread (0: as fast as possible)\n"
"  --stay            only enter; otherwise poll until ACTIVE, then leave\n"
"  --rate N          highest allowed number of admissions per second\n"
"  --tick MS         interval of the queue's ticks (100)\n"
"  --ttl SECONDS     duration of ACTIVE (120)\n"
"  --limit SECONDS   time limit of the run (240)\n"
"  --out FILE        \"JWT token\" lines, in the order of --count\n";

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
