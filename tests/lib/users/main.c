/*
 * Runs simulated users (users.h): reads the options and the stack's settings, lets the users act for a time, and then
 * lets their open calls settle.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "users.h"

static const char	usage_text[] =
"usage: users --concert UUID --schedule UUID --seats FILE --history FILE [options]\n"
"\n"
"  --count N      number of users (60)\n"
"  --seconds N    time in which they begin new steps (10)\n"
"  --settle N     time after that in which they repeat calls without a definite answer (30)\n"
"  --same N       N of 100 holds want the same few seats (30)\n"
"  --dead N       N of 100 holds are paid or cancelled after they expired (2)\n"
"  --doubled N    N of 100 tokens are used for two holds at once (8)\n"
"  --hoard N      N of 100 holds are left unpaid, and the user asks for more seats at once (0)\n"
"  --seed N       seed of all random choices (1)\n"
"  --other-gateway PORT  half of the users of the gateway use this one; each uses the other one after a call without an answer\n"
"\n"
"The stack's settings are in the environment.\n";

struct settings	settings = { .same = 30, .dead = 2, .doubled = 8 };

void
fail(const char *fmt, ...)
{
	va_list	args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

int64_t
now_us(void)
{
	struct timespec	t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

unsigned
dice(struct user *user, unsigned sides)
{
	/* xorshift64* */
	user->random ^= user->random >> 12;
	user->random ^= user->random << 25;
	user->random ^= user->random >> 27;
	return ((unsigned)((user->random * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % sides);
}

static const char *
setting(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL || *value == '\0')
		fail("%s is not in the environment", name);
	return (value);
}

static char *
text(const char *fmt, ...)
{
	va_list	 args;
	char	*made = malloc(512);

	if (made == NULL)
		fail("out of memory");
	va_start(args, fmt);
	(void)vsnprintf(made, 512, fmt, args);
	va_end(args);
	return (made);
}

/* Makes a user and a JWT signed with the stack's secret. */
static void
user_init(struct user *user, unsigned n, uint64_t seed, const char *secret)
{
	char	payload[128], *jwt;

	user->random = seed * UINT64_C(0x9E3779B97F4A7C15) + n * UINT64_C(0xBF58476D1CE4E5B9) + 1;
	user->direct = n % 3 == 2 ? -1 : (int)(n % 3);
	user->gateway = settings.gateways[1] != NULL && n % 2 == 1;
	(void)snprintf(user->id, sizeof(user->id), "%08" PRIx32 "-0000-7000-8000-%012x", (uint32_t)(now_us() / 1000), n);
	(void)snprintf(payload, sizeof(payload), "{\"sub\":\"%s\",\"exp\":%ld}", user->id, (long)time(NULL) + 36000);
	jwt = jwt_hs256("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload, secret);
	user->authorization = text("Bearer %s", jwt);
	free(jwt);
	/* The users begin at different times. */
	user->due_us = now_us() + dice(user, 200) * 1000;
}

static void
read_seats(const char *file)
{
	FILE	*in = fopen(file, "r");

	if (in == NULL || (settings.seats = calloc(100000, sizeof(*settings.seats))) == NULL)
		fail("cannot read %s", file);
	while (settings.seats_count < 100000 && fscanf(in, "%36s", settings.seats[settings.seats_count]) == 1)
		settings.seats_count++;
	(void)fclose(in);
	if (settings.seats_count < 4)
		fail("%s has only %u seats", file, settings.seats_count);
}

static void
read_settings(void)
{
	static const char *const	ports[KINDS] = { [ENTER] = "QUEUE_PORT", [STATUS] = "QUEUE_PORT",
	    [HOLD] = "RESERVATION_PORT", [CHARGE] = "POINT_PORT", [PAY] = "PAYMENT_PORT", [CANCEL] = "RESERVATION_PORT" };
	int				i, k;

	settings.gateways[0] = text("https://localhost:%s", setting("GATEWAY_HTTPS_PORT"));
	settings.certificate = text("%s/tls/cert.pem", setting("RUN_DIR"));
	for (i = 0; i < KINDS; i++)
		for (k = 0; k < 2; k++)
			settings.services[i][k] = text("http://127.0.0.1:%d", atoi(setting(ports[i])) + k);
}

static const char *
read_secret(void)
{
	static char	 secret[512];
	FILE		*in = fopen(text("%s/secrets/jwt", setting("RUN_DIR")), "r");

	if (in == NULL || fgets(secret, sizeof(secret), in) == NULL)
		fail("cannot read the stack's JWT secret");
	secret[strcspn(secret, "\n")] = '\0';
	(void)fclose(in);
	return (secret);
}

static void
run(struct user *users, unsigned count, unsigned seconds, unsigned settle)
{
	int64_t		end = now_us() + seconds * 1000000LL, now;
	unsigned	i, open;

	do {
		calls_turn(2);
		now = now_us();
		for (i = open = 0; i < count; i++) {
			if (users[i].open == 0 && users[i].step != DONE && (users[i].due_us <= now || now >= end))
				user_next(&users[i], now >= end);
			open += users[i].step != DONE;
		}
	} while (now < end + settle * 1000000LL && open > 0);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "concert", required_argument, NULL, 'c' }, { "schedule", required_argument, NULL, 's' },
		{ "seats", required_argument, NULL, 'e' }, { "history", required_argument, NULL, 'h' },
		{ "count", required_argument, NULL, 'n' }, { "seconds", required_argument, NULL, 't' },
		{ "settle", required_argument, NULL, 'l' }, { "same", required_argument, NULL, 'a' },
		{ "dead", required_argument, NULL, 'd' }, { "doubled", required_argument, NULL, 'u' },
		{ "hoard", required_argument, NULL, 'o' }, { "seed", required_argument, NULL, 'r' },
		{ "other-gateway", required_argument, NULL, 'g' }, { 0 } };
	struct user			*users;
	const char			*history = NULL, *secret, *seats = NULL;
	unsigned			 count = 60, seconds = 10, settle = 30, i;
	uint64_t			 seed = 1;
	int				 option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			settings.concert = optarg;
			break;
		case 's':
			settings.schedule = optarg;
			break;
		case 'e':
			seats = optarg;
			break;
		case 'h':
			history = optarg;
			break;
		case 'n':
			count = (unsigned)atoi(optarg);
			break;
		case 't':
			seconds = (unsigned)atoi(optarg);
			break;
		case 'l':
			settle = (unsigned)atoi(optarg);
			break;
		case 'a':
			settings.same = (unsigned)atoi(optarg);
			break;
		case 'd':
			settings.dead = (unsigned)atoi(optarg);
			break;
		case 'u':
			settings.doubled = (unsigned)atoi(optarg);
			break;
		case 'o':
			settings.hoard = (unsigned)atoi(optarg);
			break;
		case 'g':
			settings.gateways[1] = text("https://localhost:%d", atoi(optarg));
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 10);
			break;
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (settings.concert == NULL || settings.schedule == NULL || seats == NULL || history == NULL || count == 0) {
		fputs(usage_text, stderr);
		return (2);
	}
	read_seats(seats);
	read_settings();
	secret = read_secret();
	calls_init(history);
	if ((users = calloc(count, sizeof(*users))) == NULL)
		fail("out of memory");
	for (i = 0; i < count; i++)
		user_init(&users[i], i, seed, secret);
	run(users, count, seconds, settle);
	calls_end(users, count);
	return (0);
}
