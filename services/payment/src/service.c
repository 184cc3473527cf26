/* The payment service: its table of routes and its start. Each endpoint has a file. */
#include "handlers.h"
#include "service/service.h"

static const struct ct_route routes[] = {
	{ "POST", "/payments", CT_ACCESS_USER, CT_ROUTE_BODY | CT_ROUTE_KEY_REQUIRED, CT_OK, pay },
	{ "GET", "/payments", CT_ACCESS_USER, 0, CT_OK, payments_list },
	{ "GET", "/payments/{id}", CT_ACCESS_USER, 0, CT_ERROR_PAYMENT_NOT_FOUND, payments_get },
	{ "POST", "/payments/webhooks/toss", CT_ACCESS_PUBLIC, CT_ROUTE_RAW_BODY, CT_OK, webhook_toss },
	{ 0 }
};

static void
service_configure(void)
{
	pay_configure();
	payment_card_configure();
}

const struct ct_service ct_service = {
	.name = "payment",
	.routes = routes,
	.uses_pg = true,
	.configure = service_configure,
	.start = payment_card_start,
};
