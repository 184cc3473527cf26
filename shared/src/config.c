/* Settings from the environment. Every fault is reported by name; the service starts only if there is none. */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ct/buf.h"
#include "ct/config.h"
#include "ct/log.h"
#include "log_internal.h"

#define SECRET_MAX	4096

static unsigned	faults;

static void
report(const char *name, const char *why)
{
	fprintf(stderr, "%s: setting %s: %s\n", ct_log_service(), name, why);
	faults++;
}

void	(*ct_config_fail)(const char *, const char *) = report;

void
ct_config_finish(void)
{
	if (faults == 0)
		return;
	fprintf(stderr, "%s: not started: correct the %u setting fault%s above (docs/operations.md, \"Settings\")\n",
	    ct_log_service(), faults, faults == 1 ? "" : "s");
	exit(1);
}

static void	fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
fail(const char *name, const char *fmt, ...)
{
	char	why[512];
	va_list	args;

	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	ct_config_fail(name, why);
}

/* The environment's value; NULL if unset or empty. */
static const char *
value_of(const char *name)
{
	const char	*value = getenv(name);

	return (value == NULL || *value == '\0' ? NULL : value);
}

bool
ct_production(void)
{
	const char	*value = value_of("ENVIRONMENT");

	return (value == NULL || strcmp(value, "development") != 0);
}

void
ct_config_production(void)
{
	static const char *const	environments[] = { "production", "development", NULL };

	(void)ct_config_choice("ENVIRONMENT", environments, "production");
	if (ct_production() && geteuid() == 0)
		fail("ENVIRONMENT", "a service must not run as root in production: start it as a user of its own");
}

const char *
ct_config_text(const char *name, const char *fallback)
{
	const char	*value = value_of(name);
	char		*copy;

	if (value == NULL) {
		if (fallback == NULL)
			fail(name, "is required and not set");
		return (fallback);
	}
	if ((copy = strdup(value)) == NULL)
		abort();
	return (copy);
}

long
ct_config_number(const char *name, long min, long max, long fallback)
{
	const char	*value = value_of(name);
	char		*end;
	long		 number;

	if (value == NULL) {
		if (fallback == CT_REQUIRED)
			fail(name, "is required and not set");
		return (fallback);
	}

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno != 0 || *end != '\0' || !((*value >= '0' && *value <= '9') || *value == '-') ||
	    number < min || number > max) {
		fail(name, "'%.100s' is not a whole number from %ld to %ld", value, min, max);
		return (fallback);
	}
	return (number);
}

const char *
ct_config_choice(const char *name, const char *const *choices, const char *fallback)
{
	const char	*value = value_of(name);
	struct ct_buf	 list;
	unsigned	 i;

	if (value == NULL) {
		if (fallback == NULL)
			fail(name, "is required and not set");
		return (fallback);
	}
	for (i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], value) == 0)
			return (choices[i]);
	}

	ct_buf_init(&list, 256);
	for (i = 0; choices[i] != NULL; i++)
		ct_buf_printf(&list, "%s%s", i == 0 ? "" : ", ", choices[i]);
	fail(name, "'%.100s' is not one of %s", value, list.data);
	ct_buf_deinit(&list);
	return (fallback);
}

bool
ct_config_private(int fd, const char **why_r)
{
	struct stat	status;

	*why_r = NULL;
	if (!ct_production())
		return (true);
	if (fstat(fd, &status) == -1)
		*why_r = strerror(errno);
	else if ((status.st_mode & S_IRWXO) != 0)
		*why_r = "every user of this machine may use it: chmod o= it";
	else if ((status.st_mode & (S_IWGRP | S_IXGRP)) != 0)
		*why_r = "its group may change it: chmod g-wx it";
	else if ((status.st_mode & S_IRGRP) != 0 && status.st_uid == geteuid())
		*why_r = "its group may read it: chmod g= it";
	return (*why_r == NULL);
}

const char *
ct_config_secret_file(const char *name, size_t min_len, size_t *len_r)
{
	const char	*path = value_of(name), *why;
	char		*secret;
	size_t		 length;
	FILE		*file;

	if (len_r != NULL)
		*len_r = 0;
	if (path == NULL) {
		fail(name, "is required and not set");
		return ("");
	}
	if ((file = fopen(path, "re")) == NULL) {
		fail(name, "cannot read %.200s: %s", path, strerror(errno));
		return ("");
	}
	if (!ct_config_private(fileno(file), &why))
		fail(name, "%.200s: %s", path, why);
	if ((secret = calloc(1, SECRET_MAX + 2)) == NULL)
		abort();
	length = fread(secret, 1, SECRET_MAX + 1, file);
	(void)fclose(file);

	if (length > SECRET_MAX) {
		fail(name, "%.200s is longer than %d bytes", path, SECRET_MAX);
		length = 0;
	}
	while (length > 0 && strchr(" \t\r\n", secret[length - 1]) != NULL)
		length--;
	secret[length] = '\0';
	if (length < min_len) {
		fail(name, "%.200s holds %zu bytes; at least %zu are needed", path, length, min_len);
		free(secret);
		return ("");
	}
	if (len_r != NULL)
		*len_r = length;
	return (secret);
}
