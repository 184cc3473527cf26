/* The log of a server's outage, see outage.h. */
#include <stddef.h>

#include "base/log.h"
#include "base/outage.h"

void
ct_outage_init(struct ct_outage *outage, const char *server)
{
	outage->server = server;
	outage->logged = false;
}

void
ct_outage_begin(struct ct_outage *outage, const char *why)
{
	if (outage->logged)
		return;
	outage->logged = true;
	ct_log(CT_LOG_WARNING, NULL, "%s: no connection: %s; connecting again until it works", outage->server, why);
}

void
ct_outage_end(struct ct_outage *outage)
{
	if (outage->logged)
		ct_log(CT_LOG_INFO, NULL, "%s: connected again", outage->server);
	outage->logged = false;
}
