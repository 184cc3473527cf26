/* The point service: its table of routes and its start. Each endpoint has a file. */
#include "handlers.h"
#include "service/service.h"

static const struct ct_route routes[] = {
	{ "GET", "/points", CT_ACCESS_USER, 0, CT_OK, wallet_get },
	{ "POST", "/points/charge", CT_ACCESS_USER, CT_ROUTE_BODY | CT_ROUTE_KEY_REQUIRED, CT_OK, charge },
	{ "GET", "/points/histories", CT_ACCESS_USER, 0, CT_OK, histories_list },
	{ 0 }
};

static void
service_configure(void)
{
	charge_card_configure(charge_configure());
}

const struct ct_service ct_service = {
	.name = "point",
	.routes = routes,
	.uses_pg = true,
	.configure = service_configure,
	.start = charge_card_start,
};
