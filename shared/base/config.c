/* Reads settings from the environment and reports faults. */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/log.h"
#include "base/log_internal.h"

#define SECRET_MAX	4096

enum setting_type { SETTING_NUMBER, SETTING_CHOICE, SETTING_TEXT, SETTING_SECRET };

/* A line of deploy/settings/table. */
struct setting {
	const char		*name;
	enum setting_type	 type;
	long			 min;		/* of a secret: its least bytes */
	long			 max;
	long			 number;	/* the default of a number */
	const char		*text;		/* the default of the others */
	const char *const	*choices;	/* NULL-terminated */
	bool			 required;
};

#include "base/settings_table.h"

static unsigned	faults;

static void
config_report(const char *name, const char *why)
{
	fprintf(stderr, "%s: setting %s: %s\n", ct_log_service(), name, why);
	faults++;
}

void	(*ct_config_fail)(const char *, const char *) = config_report;

void
ct_config_finish(void)
{
	if (faults == 0)
		return;
	fprintf(stderr, "%s: not started: correct the %u setting fault%s above (docs/operations.md, \"Settings\")\n",
	    ct_log_service(), faults, faults == 1 ? "" : "s");
	exit(1);
}

static void	config_fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
config_fail(const char *name, const char *fmt, ...)
{
	char	why[512];
	va_list	args;

	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	ct_config_fail(name, why);
}

/* Returns the environment's value, or NULL if it is unset or empty. */
static const char *
config_value_of(const char *name)
{
	const char	*value = getenv(name);

	return (value == NULL || *value == '\0' ? NULL : value);
}

static const struct setting *
config_find(const char *name)
{
	size_t	i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(settings[i].name, name) == 0)
			return (&settings[i]);
	}
	CT_ASSERT_MSG(false, "the setting is not in deploy/settings/table");
	return (NULL);
}

/* Returns the setting of this type. Sets *value_r to its value, or to NULL; reports a required setting without a value. */
static const struct setting *
config_find_value(const char *name, enum setting_type type, const char **value_r)
{
	const struct setting	*setting = config_find(name);

	CT_ASSERT_MSG(setting->type == type, "the setting has another type in deploy/settings/table");
	if ((*value_r = config_value_of(name)) == NULL && setting->required)
		config_fail(name, "is required and not set");
	return (setting);
}

bool
ct_production(void)
{
	const char	*value = config_value_of("ENVIRONMENT");

	return (value == NULL || strcmp(value, "development") != 0);
}

void
ct_config_production(void)
{
	(void)ct_config_choice("ENVIRONMENT");
	if (ct_production() && geteuid() == 0)
		config_fail("ENVIRONMENT", "a service must not run as root in production: start it as a user of its own");
}

bool
ct_config_is_set(const char *name)
{
	(void)config_find(name);
	return (config_value_of(name) != NULL);
}

const char *
ct_config_text(const char *name)
{
	const struct setting	*setting;
	const char		*value;
	char			*copy;

	setting = config_find_value(name, SETTING_TEXT, &value);
	if (value == NULL)
		return (setting->text);
	if ((copy = strdup(value)) == NULL)
		abort();
	return (copy);
}

long
ct_config_number(const char *name)
{
	const struct setting	*setting;
	const char		*value;
	char			*end;
	long			 number;

	setting = config_find_value(name, SETTING_NUMBER, &value);
	if (value == NULL)
		return (setting->number);

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno != 0 || *end != '\0' || !((*value >= '0' && *value <= '9') || *value == '-') ||
	    number < setting->min || number > setting->max) {
		config_fail(name, "'%.100s' is not a whole number from %ld to %ld", value, setting->min, setting->max);
		return (setting->number);
	}
	return (number);
}

const char *
ct_config_choice(const char *name)
{
	const struct setting	*setting;
	const char		*value;
	struct ct_buf		 list;
	unsigned		 i;

	setting = config_find_value(name, SETTING_CHOICE, &value);
	if (value == NULL)
		return (setting->text);
	for (i = 0; setting->choices[i] != NULL; i++) {
		if (strcmp(setting->choices[i], value) == 0)
			return (setting->choices[i]);
	}

	ct_buf_init(&list, 256);
	for (i = 0; setting->choices[i] != NULL; i++)
		ct_buf_printf(&list, "%s%s", i == 0 ? "" : ", ", setting->choices[i]);
	config_fail(name, "'%.100s' is not one of %s", value, list.data);
	ct_buf_deinit(&list);
	return (setting->text);
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

/* Opens the file and reads at most SECRET_MAX + 1 bytes. Returns a text of SECRET_MAX + 2 bytes, or NULL. */
static char *
config_read_file(const char *path, size_t *length_r, char why_r[CT_CONFIG_WHY])
{
	const char	*why;
	char		*secret;
	FILE		*file;

	if ((file = fopen(path, "re")) == NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "cannot read %.200s: %s", path, strerror(errno));
		return (NULL);
	}
	if (!ct_config_private(fileno(file), &why)) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.200s: %s", path, why);
		(void)fclose(file);
		return (NULL);
	}
	if ((secret = calloc(1, SECRET_MAX + 2)) == NULL)
		abort();
	*length_r = fread(secret, 1, SECRET_MAX + 1, file);
	(void)fclose(file);
	return (secret);
}

char *
ct_config_read_secret(const char *name, size_t *length_r, char why_r[CT_CONFIG_WHY])
{
	const struct setting	*setting = config_find(name);
	const char		*path = config_value_of(name);
	char			*secret;
	size_t			 length;

	CT_ASSERT_MSG(path != NULL, "the setting has a value");
	if ((secret = config_read_file(path, &length, why_r)) == NULL)
		return (NULL);
	if (length > SECRET_MAX) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.200s is longer than %d bytes", path, SECRET_MAX);
		ct_config_free_secret(secret);
		return (NULL);
	}
	while (length > 0 && strchr(" \t\r\n", secret[length - 1]) != NULL)
		length--;
	secret[length] = '\0';
	if (length < (size_t)setting->min) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.200s holds %zu bytes; at least %ld are needed", path, length, setting->min);
		ct_config_free_secret(secret);
		return (NULL);
	}
	*length_r = length;
	return (secret);
}

void
ct_config_free_secret(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, SECRET_MAX + 2);
	free(secret);
}

const char *
ct_config_secret_path(const char *name)
{
	const struct setting	*setting;
	const char		*path;

	setting = config_find_value(name, SETTING_SECRET, &path);
	/* A secret that is not always required has been asked for here. */
	if (path == NULL && !setting->required)
		config_fail(name, "is required and not set");
	return (path);
}

const char *
ct_config_secret_file(const char *name, size_t *length_r)
{
	char	 why[CT_CONFIG_WHY], *secret;
	size_t	 length = 0;

	if (length_r != NULL)
		*length_r = 0;
	if (ct_config_secret_path(name) == NULL)
		return ("");
	if ((secret = ct_config_read_secret(name, &length, why)) == NULL) {
		ct_config_fail(name, why);
		return ("");
	}
	if (length_r != NULL)
		*length_r = length;
	return (secret);
}
