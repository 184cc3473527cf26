/* The hosts of PG_CONNINFO as one worker sees them, see pg_hosts.h. */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "pg/pg_hosts.h"

_Static_assert(PG_HOSTS_MAX < sizeof(unsigned) * 8, "each host has a bit in pg_hosts.failed");

void
pg_hosts_init(struct pg_hosts *hosts, struct pg_conninfo *info)
{
	CT_ASSERT(info->count >= 1 && info->count <= PG_HOSTS_MAX);
	memset(hosts, 0, sizeof(*hosts));
	hosts->list = info->hosts;
	hosts->count = info->count;
	hosts->primary = PG_HOST_NONE;
	hosts->last_primary = PG_HOST_NONE;
}

void
pg_hosts_deinit(struct pg_hosts *hosts)
{
	unsigned	i;

	for (i = 0; i < hosts->count; i++)
		ct_lookup_drop(&hosts->lookups[i]);
}

void
pg_hosts_heard(struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	if (host != hosts->primary)
		return;
	hosts->heard_ms = now_ms;
	hosts->silent = false;
}

bool
pg_hosts_has_primary(const struct pg_hosts *hosts)
{
	return (hosts->primary != PG_HOST_NONE && (hosts->failed & 1u << hosts->primary) == 0);
}

static bool
pg_hosts_may_try(const struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	if (hosts->count == 1)
		return (true);
	return (hosts->trying[host] == 0 && (hosts->tried_ms[host] == 0 || now_ms - hosts->tried_ms[host] >= PG_RETRY_MS));
}

unsigned
pg_hosts_take(struct pg_hosts *hosts, uint64_t now_ms)
{
	unsigned	host, i;

	if (pg_hosts_has_primary(hosts))
		host = hosts->primary;
	else {
		for (i = 0; i < hosts->count && !pg_hosts_may_try(hosts, (hosts->next + i) % hosts->count, now_ms); i++)
			continue;
		if (i == hosts->count)
			return (PG_HOST_NONE);
		host = (hosts->next + i) % hosts->count;
		hosts->next = (host + 1) % hosts->count;
	}
	hosts->trying[host]++;
	hosts->tried_ms[host] = now_ms;
	return (host);
}

void
pg_hosts_tried(struct pg_hosts *hosts, unsigned host)
{
	CT_ASSERT(host < hosts->count && hosts->trying[host] > 0);
	hosts->trying[host]--;
}

void
pg_hosts_works(struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	CT_ASSERT(host < hosts->count);
	if (hosts->last_primary != PG_HOST_NONE && hosts->last_primary != host) {
		ct_log(CT_LOG_INFO, NULL, "postgres: %s takes writes now, before it was %s", hosts->list[host].label,
		    hosts->list[hosts->last_primary].label);
	}
	hosts->next = (host + 1) % hosts->count;
	hosts->primary = host;
	hosts->works_ms = now_ms;
	hosts->last_primary = host;
	hosts->failed = 0;
	hosts->heard_ms = now_ms;
}

bool
pg_hosts_is_passed(const struct pg_hosts *hosts, unsigned host, uint64_t begun_ms)
{
	return (hosts->primary != PG_HOST_NONE && host != hosts->primary && begun_ms <= hosts->works_ms);
}

bool
pg_hosts_is_silent(const struct pg_hosts *hosts, unsigned host)
{
	return (hosts->silent && host == hosts->primary);
}

static void
pg_hosts_look_up(struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	if (hosts->list[host].name == NULL || hosts->lookups[host] != NULL)
		return;
	if (hosts->looked_up_ms[host] != 0 && now_ms - hosts->looked_up_ms[host] < PG_LOOKUP_PAUSE_MS)
		return;
	hosts->looked_up_ms[host] = now_ms;
	hosts->lookups[host] = ct_lookup_start(hosts->list[host].name);
}

void
pg_hosts_failed(struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	CT_ASSERT(host < hosts->count);
	hosts->failed |= 1u << host;
	pg_hosts_look_up(hosts, host, now_ms);
}

void
pg_hosts_late(struct pg_hosts *hosts, unsigned host, uint64_t sent_ms, uint64_t now_ms)
{
	if (host == hosts->primary && hosts->heard_ms <= sent_ms)
		hosts->silent = true;
	pg_hosts_failed(hosts, host, now_ms);
}

void
pg_hosts_no_writes(struct pg_hosts *hosts, unsigned host, uint64_t now_ms)
{
	if (hosts->primary == host)
		hosts->primary = PG_HOST_NONE;
	pg_hosts_failed(hosts, host, now_ms);
}

bool
pg_hosts_all_failed(const struct pg_hosts *hosts)
{
	return (hosts->failed == (1u << hosts->count) - 1);
}

void
pg_hosts_tick(struct pg_hosts *hosts)
{
	char		address[CT_ADDRESS_TEXT];
	unsigned	i;

	for (i = 0; i < hosts->count; i++) {
		if (hosts->lookups[i] == NULL || !ct_lookup_take(&hosts->lookups[i], address))
			continue;
		/* If the name servers do not answer, the last address is the best guess. libpq copies it for each attempt. */
		if (address[0] != '\0')
			memcpy(hosts->list[i].address, address, sizeof(address));
	}
}
