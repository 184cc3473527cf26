/* The payment service: its table of routes and its settings; each endpoint has a file. */
#include "ct/card_request.h"
#include "ct/service.h"
#include "handlers.h"

static const struct ct_route routes[] = {
	{ "POST", "/payments", CT_USER, CT_BODY | CT_KEY_REQUIRED, CT_OK, pay },
	{ "GET", "/payments", CT_USER, 0, CT_OK, payments_list },
	{ "GET", "/payments/{id}", CT_USER, 0, CT_PAYMENT_NOT_FOUND, payments_get },
	{ "POST", "/payments/webhooks/toss", CT_PUBLIC, CT_RAW_BODY, CT_OK, webhook_toss },
	{ 0 }
};

static void
configure(void)
{
	pay_configure();
	ct_card_configure();
	if (ct_card_enabled())
		resolver_configure();
}

static void
start(void)
{
	/* Without a provider there is nobody to ask. */
	if (ct_card_enabled()) {
		ct_card_request_start();
		resolver_start();
	}
}

const struct ct_service ct_service = {
	.name = "payment",
	.routes = routes,
	.uses_pg = true,
	.configure = configure,
	.start = start,
};
