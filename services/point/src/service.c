/* The point service: its table of routes and its settings; each endpoint has a file. */
#include "ct/card_request.h"
#include "ct/config.h"
#include "ct/service.h"
#include "handlers.h"

static const struct ct_route routes[] = {
	{ "GET", "/points", CT_USER, 0, CT_OK, wallet_get },
	{ "POST", "/points/charge", CT_USER, CT_BODY | CT_KEY_REQUIRED, CT_OK, charge },
	{ "GET", "/points/histories", CT_USER, 0, CT_OK, histories_list },
	{ 0 }
};

static void
configure(void)
{
	bool	by_card = charge_configure();

	/* Charges begun by card are seen to their end also after a change back to `trusted`. */
	ct_card_configure();
	if (ct_card_enabled())
		resolver_configure();
	else if (by_card)
		ct_config_fail("CARD_PROVIDER_URL", "is required with CHARGE_FUNDING=card");
}

static void
start(void)
{
	if (ct_card_enabled()) {
		ct_card_request_start();
		resolver_start();
	}
}

const struct ct_service ct_service = {
	.name = "point",
	.routes = routes,
	.uses_pg = true,
	.configure = configure,
	.start = start,
};
