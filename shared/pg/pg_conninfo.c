/* The parameters of connections, see pg_conninfo.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/resolve.h"
#include "pg/pg_conninfo.h"
#include "pg/pg_production.h"

#define PG_KEYWORDS_MAX		64
#define PG_OPTIONS_CEILING	65536	/* bytes of the keyword `options` */

static const char *const	defaults[][2] = {
	{ "keepalives_idle", "30" },
	{ "keepalives_interval", "10" },
	{ "keepalives_count", "3" },
	{ "gssencmode", "disable" },	/* otherwise libpq looks for tickets in files, at each connect */
	{ "client_encoding", "UTF8" },
};

_Static_assert(sizeof(defaults) / sizeof(defaults[0]) < PG_KEYWORDS_MAX, "defaults leave room for PG_CONNINFO");

/* A keyword that is left out may be one of TLS, so there must be room for all. */
static void
pg_conninfo_add(struct pg_conninfo *info, unsigned *count, const char *keyword, const char *value)
{
	CT_ASSERT(*count + 1 < PG_KEYWORDS_MAX);
	CT_ASSERT(value != NULL);
	info->keywords[*count] = keyword;
	info->values[*count] = value;
	(*count)++;
}

/*
 * force_generic_plan: the plan of a batch never depends on its values, and planning costs more than running. enable_memoize:
 * a function with side effects must run for each row, also for rows with equal arguments. The options of PG_CONNINFO come
 * last, so they win.
 */
static const char *
pg_conninfo_options(const char *given, unsigned statement_timeout_ms)
{
	struct ct_buf	text;

	ct_buf_init(&text, PG_OPTIONS_CEILING);
	ct_buf_printf(&text, "-c statement_timeout=%u -c plan_cache_mode=force_generic_plan "
	    "-c enable_memoize=off %s", statement_timeout_ms, given);
	CT_ASSERT(!text.failed);
	return (text.data);
}

static const char *
pg_conninfo_copy(const char *text)
{
	char	*copy = strdup(text);

	if (copy == NULL)
		abort();
	return (copy);
}

/* Returns true if libpq would look up the address of `host`. It handles lists of hosts and sockets itself. */
static bool
pg_conninfo_is_name(const char *host)
{
	return (host[0] != '/' && host[0] != '@' && strchr(host, ',') == NULL);
}

/* Adds the address of `host`. The name stays among the keywords, for TLS and the password file. */
static void
pg_conninfo_resolve(struct pg_conninfo *info, unsigned *count, const char *host)
{
	char	address[CT_ADDRESS_TEXT];

	if (ct_resolve(host, address))
		pg_conninfo_add(info, count, "hostaddr", pg_conninfo_copy(address));
	else
		ct_config_fail("PG_CONNINFO", "its host has no address");
}

static void
pg_conninfo_fill(struct pg_conninfo *info, const PQconninfoOption *option, unsigned statement_timeout_ms)
{
	const char	*host = NULL, *options = "", *value;
	bool		 has_address = false;
	unsigned	 count = 0, i;

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		pg_conninfo_add(info, &count, defaults[i][0], defaults[i][1]);
	for (; option->keyword != NULL; option++) {
		if (option->val == NULL)
			continue;
		if (strcmp(option->keyword, "options") == 0) {
			options = option->val;
			continue;
		}
		value = pg_conninfo_copy(option->val);
		if (strcmp(option->keyword, "host") == 0)
			host = value;
		else if (strcmp(option->keyword, "hostaddr") == 0)
			has_address = true;
		/* The keyword is a constant of libpq. */
		pg_conninfo_add(info, &count, option->keyword, value);
	}
	pg_conninfo_add(info, &count, "options", pg_conninfo_options(options, statement_timeout_ms));
	if (host != NULL && !has_address && pg_conninfo_is_name(host))
		pg_conninfo_resolve(info, &count, host);
}

void
pg_conninfo_parse(struct pg_conninfo *info, const char *text, unsigned statement_timeout_ms)
{
	PQconninfoOption	*parsed;
	char			*why = NULL;

	info->text = text;
	parsed = PQconninfoParse(text, &why);
	if (parsed == NULL) {
		ct_config_fail("PG_CONNINFO", why != NULL ? why : "out of memory");
		PQfreemem(why);
		return;
	}
	if (ct_production())
		pg_check_production(parsed);
	info->keywords = calloc(PG_KEYWORDS_MAX, sizeof(char *));
	info->values = calloc(PG_KEYWORDS_MAX, sizeof(char *));
	if (info->keywords == NULL || info->values == NULL)
		abort();
	pg_conninfo_fill(info, parsed, statement_timeout_ms);
	PQconninfoFree(parsed);
}
