/* Forged tokens may fill this list for the time of one request for keys; more requests are then refused at once. */
#include <string.h>

#include "base/metrics.h"
#include "http/handler.h"
#include "http/key_wait.h"

#define WAITING_MAX	128

static struct ct_exchange	*waiting[WAITING_MAX];
static unsigned			 waiting_count;
static struct ct_metric		*waiting_now;

void
ct_key_wait_configure(void)
{
	waiting_now = ct_metric_gauge("ct_requests_waiting_for_keys", "",
	    "Requests that wait until the public keys are fetched, because no key has the kid of their token.");
}

bool
ct_key_wait_add(struct ct_exchange *exchange)
{
	char	*copy;

	if (waiting_count == WAITING_MAX)
		return (false);
	if (exchange->body != NULL && exchange->body_length > 0 && !exchange->misframed) {
		copy = ct_alloc(&exchange->request, exchange->body_length);
		memcpy(copy, exchange->body, exchange->body_length);
		exchange->body = copy;
	}
	waiting[waiting_count++] = exchange;
	ct_metric_set(waiting_now, waiting_count);
	return (true);
}

void
ct_key_wait_end(void (*cb)(struct ct_exchange *exchange))
{
	struct ct_exchange	*all[WAITING_MAX];
	unsigned		 count = waiting_count, i;

	memcpy(all, waiting, sizeof(all));
	waiting_count = 0;
	ct_metric_set(waiting_now, 0);
	for (i = 0; i < count; i++)
		cb(all[i]);
}
