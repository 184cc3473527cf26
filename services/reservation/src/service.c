/*
 * The reservation service: catalogue, seats, holds and cancellations. This
 * file is its table of routes and its settings; each endpoint has a file.
 */
#include "cache.h"
#include "ct/service.h"
#include "handlers.h"

static const struct ct_route routes[] = {
	/* The catalogue: public. */
	{ "GET", "/concerts", CT_PUBLIC, 0, CT_OK, concerts_list },
	{ "GET", "/concerts/{id}", CT_PUBLIC, 0, CT_CONCERT_NOT_FOUND, concerts_get },
	{ "GET", "/schedules", CT_PUBLIC, 0, CT_OK, schedules_list },
	{ "GET", "/schedules/{id}", CT_PUBLIC, 0, CT_SCHEDULE_NOT_FOUND, schedules_get },
	{ "GET", "/schedules/{id}/seats", CT_PUBLIC, 0, CT_SCHEDULE_NOT_FOUND, seats_get },

	/* A user's own reservations. */
	{ "POST", "/reservations/hold", CT_USER, CT_BODY | CT_KEY_OPTIONAL, CT_OK, hold },
	{ "GET", "/reservations", CT_USER, 0, CT_OK, reservations_list },
	{ "GET", "/reservations/{id}", CT_USER, 0, CT_RESERVATION_NOT_FOUND, reservations_get },
	{ "POST", "/reservations/{id}/cancel", CT_USER, CT_BODY_OPTIONAL, CT_RESERVATION_NOT_FOUND, cancel },

	/* Catalogue administration: operators. */
	{ "POST", "/admin/concerts", CT_OPERATOR, CT_BODY, CT_OK, admin_create_concert },
	{ "PATCH", "/admin/concerts/{id}", CT_OPERATOR, CT_BODY, CT_CONCERT_NOT_FOUND, admin_patch_concert },
	{ "POST", "/admin/concerts/{id}/schedules", CT_OPERATOR, CT_BODY, CT_CONCERT_NOT_FOUND,
	    admin_create_schedule },
	{ "PATCH", "/admin/schedules/{id}", CT_OPERATOR, CT_BODY, CT_SCHEDULE_NOT_FOUND,
	    admin_patch_schedule },
	{ 0 }
};

static void
configure(void)
{
	cache_configure();
	seats_configure();
	hold_configure();
	sweeper_configure();
	relay_configure();
}

static void
start(void)
{
	cache_start();
	sweeper_start();
	relay_start();
	clean_start();
}

const struct ct_service ct_service = {
	.name = "reservation",
	.routes = routes,
	.uses_pg = true,
	.uses_redis = true,
	.configure = configure,
	.start = start,
};
