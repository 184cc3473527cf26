/* The card provider's simulator: its settings, its start, and the calls that are not the provider's. */
#include "base/config.h"
#include "service/service.h"
#include "simulator.h"

static const struct ct_route routes[] = {
	{ "POST", "/simulator/behaviours", CT_ACCESS_PUBLIC, CT_ROUTE_BODY, CT_OK, control_behaviours },
	{ "POST", "/simulator/payments", CT_ACCESS_PUBLIC, CT_ROUTE_BODY, CT_OK, control_payments },
	{ "POST", "/simulator/seed", CT_ACCESS_PUBLIC, CT_ROUTE_BODY, CT_OK, control_seed },
	{ "GET", "/simulator/books", CT_ACCESS_PUBLIC, 0, CT_OK, control_books },
	{ 0 }
};

static void
configure(void)
{
	if (ct_production())
		ct_config_fail("ENVIRONMENT", "the card simulator takes no money: it runs in development only");
	api_configure();
	books_configure();
	webhook_configure();
}

static void
start(void)
{
	books_start();
	webhook_start();
	api_start();
}

const struct ct_service ct_service = {
	.name = "toss",
	.routes = routes,
	.configure = configure,
	.start = start,
};
