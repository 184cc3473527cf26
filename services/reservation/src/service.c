/*
 * The reservation service: catalogue, seats, holds and cancellations. This file has
 * its table of routes and its start; each endpoint has a file.
 */
#include "cache.h"
#include "handlers.h"
#include "service/service.h"

static const struct ct_route routes[] = {
	/* The catalogue: public. */
	{ "GET", "/concerts", CT_ACCESS_PUBLIC, 0, CT_OK, concerts_list },
	{ "GET", "/concerts/{id}", CT_ACCESS_PUBLIC, 0, CT_ERROR_CONCERT_NOT_FOUND, concerts_get },
	{ "GET", "/schedules", CT_ACCESS_PUBLIC, 0, CT_OK, schedules_list },
	{ "GET", "/schedules/{id}", CT_ACCESS_PUBLIC, 0, CT_ERROR_SCHEDULE_NOT_FOUND, schedules_get },
	{ "GET", "/schedules/{id}/seats", CT_ACCESS_PUBLIC, 0, CT_ERROR_SCHEDULE_NOT_FOUND, seats_get },

	/* A user's own reservations. */
	{ "POST", "/reservations/hold", CT_ACCESS_USER, CT_ROUTE_BODY | CT_ROUTE_KEY_OPTIONAL, CT_OK, hold },
	{ "GET", "/reservations", CT_ACCESS_USER, 0, CT_OK, reservations_list },
	{ "GET", "/reservations/{id}", CT_ACCESS_USER, 0, CT_ERROR_RESERVATION_NOT_FOUND, reservations_get },
	{ "POST", "/reservations/{id}/cancel", CT_ACCESS_USER, CT_ROUTE_BODY_OPTIONAL | CT_ROUTE_KEY_OPTIONAL,
	    CT_ERROR_RESERVATION_NOT_FOUND, cancel },

	/* Catalogue administration: operators. */
	{ "POST", "/admin/concerts", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_OK, admin_create_concert },
	{ "PATCH", "/admin/concerts/{id}", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_CONCERT_NOT_FOUND, admin_patch_concert },
	{ "POST", "/admin/concerts/{id}/schedules", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_CONCERT_NOT_FOUND,
	    admin_create_schedule },
	{ "PATCH", "/admin/schedules/{id}", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_SCHEDULE_NOT_FOUND,
	    admin_patch_schedule },
	{ 0 }
};

static void
service_configure(void)
{
	cache_configure();
	seats_configure();
	hold_configure();
	sweeper_configure();
}

static void
service_start(void)
{
	cache_start();
	sweeper_start();
}

const struct ct_service ct_service = {
	.name = "reservation",
	.routes = routes,
	.uses_pg = true,
	.uses_redis = true,
	.configure = service_configure,
	.start = service_start,
};
