/*
 * Load for `make bench-gateway`: requests of very many users, TLS handshakes, or idle connections. A user is a number,
 * so a million users need no memory here. Authorization and queue token are computed from it, with the form and length
 * of real ones and random-looking ends. Neither is valid, because a constant service answers behind the gateway.
 * Connections come from many loopback addresses, so that the limits per address can be on.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define ERRORS_SHOWN	3
#define SIGNATURE	43	/* base64url characters of an HMAC-SHA256 */
#define TEXT_MAX	1536

static const char	usage_text[] =
"usage: callers --url URL WHAT [options]\n"
"\n"
"  --call NAME       WHAT: status, points, charge or enter, as fast as the connections allow\n"
"  --handshakes      WHAT: connections that end when TLS is established\n"
"  --idle            WHAT: connections that ask for the status once and are then idle, until standard input ends\n"
"  --seconds N       duration (1); may be a fraction\n"
"  --connections N   connections at once (256)\n"
"  --addresses N     addresses of loopback that the connections come from in turn (1000; 0: one)\n"
"  --users N         users that call in turn (1000000)\n"
"  --first N         the first user (0)\n"
"  --warm N          with --call: the first N seconds do not count (0); may be a fraction\n"
"  --cpu PID,...     also print cpu_us: the CPU time that these processes use while the calls run\n"
"\n"
"The last line is RESULT and key=value pairs.\n";

enum call { STATUS, POINTS, CHARGE, ENTER, CALLS };

static const char *const	call_names[CALLS] = { "status", "points", "charge", "enter" };

static unsigned		 answered, errors;
static const char	*cpu_pids = "";

/* Returns the CPU time of the processes of --cpu in microseconds. Each of them has one thread. */
static uint64_t
cpu_us(void)
{
	const char	*at = cpu_pids;
	char		*end, path[64];
	uint64_t	 sum = 0, ns;
	FILE		*file;

	while (*at != '\0') {
		(void)snprintf(path, sizeof(path), "/proc/%lu/schedstat", strtoul(at, &end, 10));
		if ((file = fopen(path, "re")) == NULL || fscanf(file, "%lu", &ns) != 1)
			fail("cannot read %s", path);
		(void)fclose(file);
		sum += ns / 1000;
		at = end + (*end == ',');
	}
	return (sum);
}

static uint64_t
mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return (n ^ n >> 31);
}

/* Writes `length` characters of base64url that differ between any two seeds. */
static void
random_text(char *out, size_t length, uint64_t seed)
{
	static const char	alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t		bits = 0;
	size_t			i;

	for (i = 0; i < length; i++) {
		if (i % 10 == 0)
			bits = mix(seed * 8 + i / 10);
		out[i] = alphabet[bits & 63];
		bits >>= 6;
	}
	out[length] = '\0';
}

/* Writes the request of one user. Returns its length. */
static size_t
make_request(enum call call, unsigned user, char text[TEXT_MAX])
{
	char	claims[161], jwt_end[SIGNATURE + 1], place[81], token_end[SIGNATURE + 1];
	int	length = 0;
	const char	*body = call == CHARGE ? "{\"amount\":10000}" : "{\"concertId\":"
			    "\"0198a000-0000-7000-8000-000000000001\",\"scheduleId\":\"0198a000-0000-7000-8000-000000000002\"}";

	random_text(claims, sizeof(claims) - 1, (uint64_t)user * 4);
	random_text(jwt_end, SIGNATURE, (uint64_t)user * 4 + 1);
	switch (call) {
	case STATUS:
		random_text(place, sizeof(place) - 1, (uint64_t)user * 4 + 2);
		random_text(token_end, SIGNATURE, (uint64_t)user * 4 + 3);
		length = snprintf(text, TEXT_MAX, "GET /queues/status HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.%s.%s\r\nX-Queue-Token: %s.%s\r\n\r\n",
		    claims, jwt_end, place, token_end);
		break;
	case POINTS:
		length = snprintf(text, TEXT_MAX, "GET /points HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.%s.%s\r\n\r\n", claims, jwt_end);
		break;
	default:
		length = snprintf(text, TEXT_MAX, "POST %s HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.%s.%s\r\nIdempotency-Key: %.36s\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    call == CHARGE ? "/points/charge" : "/queues/enter", claims, jwt_end, claims,
		    strlen(body), body);
	}
	return ((size_t)length);
}

static void
count_answer(unsigned user, const struct answer *answer)
{
	answered++;
	if ((answer->status < 200 || answer->status > 299) && errors++ < ERRORS_SHOWN)
		fprintf(stderr, "callers: user %u: status %d %.300s\n", user, answer->status, answer->body);
}

/* Sends calls for `seconds`. Returns the next user. */
static unsigned
call_for(double seconds, enum call call, unsigned users, unsigned next)
{
	char		text[TEXT_MAX];
	uint64_t	until = now_us() + (uint64_t)(seconds * 1e6);
	size_t		length = make_request(call, next, text);

	while (now_us() < until) {
		while (client_send(next, text, length)) {
			next = (next + 1) % users;
			length = make_request(call, next, text);
		}
		client_turn(1000);
	}
	return (next);
}

static void
run_calls(enum call call, unsigned users, unsigned first, double warm, double seconds)
{
	unsigned	next = call_for(warm, call, users, first % users);
	uint64_t	cpu = cpu_us(), started = now_us(), ended;

	answered = 0;
	(void)call_for(seconds, call, users, next);
	ended = now_us();
	printf("RESULT rps=%.0f requests=%u errors=%u cpu_us=%lu\n", answered / ((double)(ended - started) / 1e6), answered,
	    errors, (unsigned long)(cpu_us() - cpu));
}

static void
run_handshakes(unsigned connections, double seconds)
{
	uint64_t	cpu = cpu_us(), started = now_us(), until = started + (uint64_t)(seconds * 1e6);
	unsigned	made;

	made = client_handshakes(connections, until);
	printf("RESULT rps=%.0f requests=%u errors=0 cpu_us=%lu\n", made / ((double)(now_us() - started) / 1e6), made,
	    (unsigned long)(cpu_us() - cpu));
}

static void
run_idle(unsigned connections)
{
	char		text[TEXT_MAX];
	unsigned	i;

	/*
	 * Each connection sends one status call, like a waiting user's. One at a time, so that nginx needs memory for
	 * one request.
	 */
	for (i = 0; i < connections; i++) {
		client_only(i);
		(void)client_send(i, text, make_request(STATUS, i, text));
		while (client_busy() > 0)
			client_turn(1000);
	}
	printf("ready %u\n", connections);
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
}

static enum call
call_named(const char *name)
{
	enum call	call = STATUS;

	while (call < CALLS && strcmp(call_names[call], name) != 0)
		call++;
	if (call == CALLS)
		fail("no call is named '%s'", name);
	return (call);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "url", required_argument, NULL, 'u' }, { "call", required_argument, NULL, 'c' },
		{ "handshakes", no_argument, NULL, 'h' }, { "idle", no_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' }, { "connections", required_argument, NULL, 'k' },
		{ "addresses", required_argument, NULL, 'a' }, { "users", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' }, { "cpu", required_argument, NULL, 'p' },
		{ "warm", required_argument, NULL, 'w' }, { 0 } };
	const char			*url = NULL, *call = NULL;
	double				 seconds = 1, warm = 0;
	unsigned			 connections = 256, addresses = 1000, users = 1000000, first = 0;
	bool				 handshakes = false, idle = false;
	int				 option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u': url = optarg; break;
		case 'c': call = optarg; break;
		case 'h': handshakes = true; break;
		case 'i': idle = true; break;
		case 's': seconds = atof(optarg); break;
		case 'k': connections = number(optarg); break;
		case 'a': addresses = number(optarg); break;
		case 'n': users = number(optarg); break;
		case 'f': first = number(optarg); break;
		case 'p': cpu_pids = optarg; break;
		case 'w': warm = atof(optarg); break;
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (url == NULL || users == 0 || (call != NULL) + handshakes + idle != 1) {
		fputs(usage_text, stderr);
		return (2);
	}
	client_addresses(addresses);
	client_open(url, connections, count_answer);
	if (call != NULL)
		run_calls(call_named(call), users, first, warm, seconds);
	else if (handshakes)
		run_handshakes(connections, seconds);
	else
		run_idle(connections);
	return (errors == 0 ? 0 : 1);
}
