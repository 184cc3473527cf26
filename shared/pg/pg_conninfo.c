/* The parameters of connections, see pg_conninfo.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/config.h"
#include "pg/pg_conninfo.h"
#include "pg/pg_production.h"

#define PG_KEYWORDS_MAX		64
#define PG_OPTIONS_CEILING	65536	/* bytes of the keyword `options` */

static const char *const	defaults[][2] = {
	{ "keepalives_idle", "30" },
	{ "keepalives_interval", "10" },
	{ "keepalives_count", "3" },
	{ "tcp_user_timeout", "10000" },	/* ms: a machine that is gone acknowledges nothing */
	{ "gssencmode", "disable" },	/* otherwise libpq looks for tickets in files, at each connect */
	{ "client_encoding", "UTF8" },
};

_Static_assert(sizeof(defaults) / sizeof(defaults[0]) < PG_KEYWORDS_MAX, "defaults leave room for PG_CONNINFO");

/* The entries of one list of PG_CONNINFO. */
struct pg_list {
	const char	*entries[PG_HOSTS_MAX];
	unsigned	 count;		/* 0: the keyword is not given */
};

/* The lists of PG_CONNINFO, and the keywords that all hosts share. */
struct pg_given {
	struct pg_list	 hosts;
	struct pg_list	 addresses;
	struct pg_list	 ports;
	const char	*keywords[PG_KEYWORDS_MAX];
	const char	*values[PG_KEYWORDS_MAX];
	unsigned	 count;
};

/* A keyword that is left out may be one of TLS, so there must be room for all. Three more are added for each host. */
static void
pg_conninfo_add(struct pg_given *given, const char *keyword, const char *value)
{
	CT_ASSERT(given->count + 4 < PG_KEYWORDS_MAX);
	CT_ASSERT(value != NULL);
	given->keywords[given->count] = keyword;
	given->values[given->count] = value;
	given->count++;
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

static char *
pg_conninfo_copy(const char *text)
{
	char	*copy = strdup(text);

	if (copy == NULL)
		abort();
	return (copy);
}

/* Splits a list at its commas. Returns false if it is too long. */
static bool
pg_conninfo_split(struct pg_list *list, const char *text)
{
	char	*rest = pg_conninfo_copy(text), *entry;

	list->count = 0;
	while ((entry = strsep(&rest, ",")) != NULL) {
		if (list->count == PG_HOSTS_MAX) {
			ct_config_fail("PG_CONNINFO", "names more than 8 hosts");
			return (false);
		}
		list->entries[list->count++] = entry;
	}
	return (true);
}

/* Returns the list of this keyword, NULL if it has none. */
static struct pg_list *
pg_conninfo_list(struct pg_given *given, const char *keyword)
{
	if (strcmp(keyword, "host") == 0)
		return (&given->hosts);
	if (strcmp(keyword, "hostaddr") == 0)
		return (&given->addresses);
	return (strcmp(keyword, "port") == 0 ? &given->ports : NULL);
}

/* Sorts the parsed text into lists and shared keywords. Returns false after a fault. */
static bool
pg_conninfo_sort(struct pg_given *given, const PQconninfoOption *option, unsigned statement_timeout_ms)
{
	const char	*options = "";
	struct pg_list	*list;
	unsigned	 i;

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		pg_conninfo_add(given, defaults[i][0], defaults[i][1]);
	for (; option->keyword != NULL; option++) {
		if (option->val == NULL)
			continue;
		list = pg_conninfo_list(given, option->keyword);
		if (strcmp(option->keyword, "options") == 0)
			options = option->val;
		else if (list == NULL)
			/* The keyword is a constant of libpq. */
			pg_conninfo_add(given, option->keyword, pg_conninfo_copy(option->val));
		else if (!pg_conninfo_split(list, option->val))
			return (false);
	}
	pg_conninfo_add(given, "options", pg_conninfo_options(options, statement_timeout_ms));
	return (true);
}

static bool
pg_conninfo_is_port(const char *text)
{
	char		*end;
	unsigned long	 port = strtoul(text, &end, 10);

	return (*text >= '0' && *text <= '9' && *end == '\0' && port >= 1 && port <= 65535);
}

/* Returns what is wrong with the lists, or NULL. *count_r is the number of hosts. */
static const char *
pg_conninfo_lists_fault(const struct pg_given *given, unsigned *count_r)
{
	unsigned	i;

	*count_r = given->addresses.count > 0 ? given->addresses.count : given->hosts.count > 0 ? given->hosts.count : 1;
	if (given->hosts.count > 0 && given->hosts.count != *count_r)
		return ("host= and hostaddr= name different numbers of hosts");
	if (given->ports.count > 1 && given->ports.count != *count_r)
		return ("port= needs one port for all hosts, or one for each host");
	for (i = 0; i < given->ports.count; i++) {
		if (!pg_conninfo_is_port(given->ports.entries[i]))
			return ("an entry of port= is not a whole number from 1 to 65535");
	}
	return (NULL);
}

/* Returns entry `i` of the list, NULL if it is empty or not given. A list of one entry has it for all. */
static const char *
pg_conninfo_entry(const struct pg_list *list, unsigned i)
{
	const char	*entry;

	if (list->count == 0)
		return (NULL);
	entry = list->entries[list->count == 1 ? 0 : i];
	return (*entry == '\0' ? NULL : entry);
}

static const char *
pg_conninfo_label(const char *host, const char *port)
{
	struct ct_buf	text;

	ct_buf_init(&text, PG_OPTIONS_CEILING);
	ct_buf_printf(&text, "%s%s%s", host != NULL ? host : "the default host", port != NULL ? ":" : "", port != NULL ? port : "");
	CT_ASSERT(!text.failed);
	return (text.data);
}

/* Fills one host. The name stays among the keywords, for TLS and the password file. */
static void
pg_conninfo_fill_host(struct pg_host *host, const struct pg_given *given, unsigned i)
{
	const char	*name = pg_conninfo_entry(&given->hosts, i), *address = pg_conninfo_entry(&given->addresses, i);
	const char	*port = pg_conninfo_entry(&given->ports, i);
	unsigned	 count = given->count;

	host->keywords = calloc(PG_KEYWORDS_MAX, sizeof(char *));
	host->values = calloc(PG_KEYWORDS_MAX, sizeof(char *));
	if (host->keywords == NULL || host->values == NULL)
		abort();
	memcpy(host->keywords, given->keywords, sizeof(given->keywords));
	memcpy(host->values, given->values, sizeof(given->values));
	host->label = pg_conninfo_label(name != NULL ? name : address, port);
	/* libpq handles sockets by itself. */
	host->name = address == NULL && name != NULL && *name != '/' && *name != '@' ? name : NULL;
	if (host->name != NULL) {
		if (!ct_resolve(host->name, host->address))
			host->address[0] = '\0';
		address = host->address;
	}
	if (name != NULL) {
		host->keywords[count] = "host";
		host->values[count++] = name;
	}
	if (address != NULL) {
		host->keywords[count] = "hostaddr";
		host->values[count++] = address;
	}
	if (port != NULL) {
		host->keywords[count] = "port";
		host->values[count++] = port;
	}
	CT_ASSERT(count < PG_KEYWORDS_MAX);
}

static void
pg_conninfo_fill(struct pg_conninfo *info, const struct pg_given *given)
{
	unsigned	i, without = 0;
	bool		has_lists = given->hosts.count > 0 || given->addresses.count > 0;

	for (i = 0; i < info->count; i++) {
		if (has_lists && pg_conninfo_entry(&given->hosts, i) == NULL && pg_conninfo_entry(&given->addresses, i) == NULL) {
			ct_config_fail("PG_CONNINFO", "an entry of host= is empty");
			return;
		}
		pg_conninfo_fill_host(&info->hosts[i], given, i);
		if (info->hosts[i].name != NULL && info->hosts[i].address[0] == '\0')
			without++;
	}
	/* A host without an address must not keep a service from its start while another host works. */
	if (without == info->count)
		ct_config_fail("PG_CONNINFO", info->count == 1 ? "its host has no address" : "none of its hosts has an address");
}

void
pg_conninfo_parse(struct pg_conninfo *info, const char *text, unsigned statement_timeout_ms)
{
	struct pg_given		 given = { .count = 0 };
	PQconninfoOption	*parsed;
	const char		*fault;
	char			*why = NULL;

	memset(info, 0, sizeof(*info));
	info->text = text;
	info->count = 1;
	parsed = PQconninfoParse(text, &why);
	if (parsed == NULL) {
		ct_config_fail("PG_CONNINFO", why != NULL ? why : "out of memory");
		PQfreemem(why);
		return;
	}
	if (ct_production())
		pg_check_production(parsed);
	if (pg_conninfo_sort(&given, parsed, statement_timeout_ms)) {
		fault = pg_conninfo_lists_fault(&given, &info->count);
		if (fault != NULL)
			ct_config_fail("PG_CONNINFO", fault);
		else
			pg_conninfo_fill(info, &given);
	}
	PQconninfoFree(parsed);
}
