/* The code that the load generators share: time, numbers on the command line, members of JSON answers. See load.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

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

unsigned
number(const char *text)
{
	char		*end;
	unsigned long	 value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value > 100000000)
		fail("'%s' is not a number up to 100,000,000", text);
	return ((unsigned)value);
}

void
read_jwt(unsigned i, unsigned count, char *jwt_r, size_t size)
{
	if (fgets(jwt_r, (int)size, stdin) == NULL)
		fail("standard input has only %u JWTs of %u", i, count);
	jwt_r[strcspn(jwt_r, "\n")] = '\0';
}

const char *
member(const char *body, const char *name)
{
	char		 wanted[40];
	const char	*at;

	(void)snprintf(wanted, sizeof(wanted), "\"%s\":", name);
	at = strstr(body, wanted);
	return (at == NULL ? NULL : at + strlen(wanted));
}

int64_t
number_member(const char *body, const char *name)
{
	const char	*at = member(body, name);

	return (at == NULL || *at == 'n' ? -1 : strtoll(at, NULL, 10));
}

bool
text_member(const char *body, const char *name, char *text_r, size_t size)
{
	const char	*at = member(body, name);
	size_t		 length;

	if (at == NULL || *at++ != '"' || (length = strcspn(at, "\"")) >= size)
		return (false);
	memcpy(text_r, at, length);
	text_r[length] = '\0';
	return (true);
}
