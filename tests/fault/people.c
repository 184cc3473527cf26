/*
 * The people of the fault tests: reads who and where from options and the
 * stack's settings, then lets them act for a while and settle what is open.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "people.h"

static const char	usage_text[] =
"usage: people --concert UUID --schedule UUID --seats FILE --history FILE [options]\n"
"\n"
"  --count N      people (60)\n"
"  --seconds N    how long they begin new things (10)\n"
"  --settle N     how long they may go on asking for answers after that (30)\n"
"  --same N       of 100 holds so many are for the same few seats (30)\n"
"  --dead N       of 100 holds so many are paid or cancelled after they have run out (2)\n"
"  --doubled N    of 100 tokens so many are used for two holds at once (8)\n"
"  --hoard N      leave N of 100 holds unpaid and ask for more seats at once (0)\n"
"  --seed N       what they choose (1)\n"
"\n"
"The stack's settings are in the environment.\n";

struct settings	settings = { .same = 30, .dead = 2, .doubled = 8 };

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

int64_t
now_us(void)
{
	struct timespec	t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

unsigned
dice(struct person *person, unsigned sides)
{
	/* xorshift64* */
	person->random ^= person->random >> 12;
	person->random ^= person->random << 25;
	person->random ^= person->random >> 27;
	return ((unsigned)((person->random * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % sides);
}

static const char *
setting(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL || *value == '\0')
		fail("%s is not in the environment", name);
	return (value);
}

static const char *
text(const char *fmt, ...)
{
	va_list	 args;
	char	*made = malloc(512);

	if (made == NULL)
		fail("memory");
	va_start(args, fmt);
	(void)vsnprintf(made, 512, fmt, args);
	va_end(args);
	return (made);
}

static void
base64url(const void *data, size_t length, char *text_r)
{
	char	*c;

	EVP_EncodeBlock((unsigned char *)text_r, data, (int)length);
	for (c = text_r; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	while (c > text_r && c[-1] == '=')
		*--c = '\0';
}

/* A person and a JWT, signed as the local stack's are. */
static void
person_make(struct person *person, unsigned n, uint64_t seed, const char *secret)
{
	static const char	head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	char			payload[128], part[2][256], mac_text[64];
	unsigned char		mac[EVP_MAX_MD_SIZE];
	unsigned		mac_length;
	int			length;

	person->random = seed * UINT64_C(0x9E3779B97F4A7C15) + n * UINT64_C(0xBF58476D1CE4E5B9) + 1;
	person->direct = n % 3 == 2 ? -1 : (int)(n % 3);
	(void)snprintf(person->id, sizeof(person->id), "%08" PRIx32 "-0000-7000-8000-%012x",
	    (uint32_t)(now_us() / 1000), n);
	length = snprintf(payload, sizeof(payload), "{\"sub\":\"%s\",\"exp\":%ld}", person->id, (long)time(NULL) + 36000);
	base64url(head, sizeof(head) - 1, part[0]);
	base64url(payload, (size_t)length, part[1]);
	length = snprintf(person->authorization, sizeof(person->authorization), "Bearer %s.%s", part[0], part[1]);
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)person->authorization + 7, (size_t)length - 7,
	    mac, &mac_length);
	base64url(mac, mac_length, mac_text);
	(void)snprintf(person->authorization + length, sizeof(person->authorization) - (size_t)length, ".%s", mac_text);
	/* Not all at the same door at once. */
	person->due_us = now_us() + dice(person, 200) * 1000;
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
		fail("%s names %u seats", file, settings.seats_count);
}

static void
read_settings(void)
{
	static const char *const	ports[KINDS] = { [ENTER] = "QUEUE_PORT", [STATUS] = "QUEUE_PORT",
	    [HOLD] = "RESERVATION_PORT", [CHARGE] = "POINT_PORT", [PAY] = "PAYMENT_PORT", [CANCEL] = "RESERVATION_PORT" };
	int				i, k;

	settings.gateway = text("https://localhost:%s", setting("GATEWAY_HTTPS_PORT"));
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
		fail("cannot read the secret of the stack's JWTs");
	secret[strcspn(secret, "\n")] = '\0';
	(void)fclose(in);
	return (secret);
}

static void
run(struct person *people, unsigned count, unsigned seconds, unsigned settle)
{
	int64_t		end = now_us() + seconds * 1000000LL, now;
	unsigned	i, open;

	do {
		calls_turn(2);
		now = now_us();
		for (i = open = 0; i < count; i++) {
			if (people[i].open == 0 && people[i].step != GONE && (people[i].due_us <= now || now >= end))
				person_next(&people[i], now >= end);
			open += people[i].step != GONE;
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
		{ "hoard", required_argument, NULL, 'o' }, { "seed", required_argument, NULL, 'r' }, { 0 } };
	struct person			*people;
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
	if ((people = calloc(count, sizeof(*people))) == NULL)
		fail("memory");
	for (i = 0; i < count; i++)
		person_make(&people[i], i, seed, secret);
	run(people, count, seconds, settle);
	calls_end(people, count);
	return (0);
}
