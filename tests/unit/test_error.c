/* The table of errors. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <string.h>

#include "base/error.h"

Test(error, each_code_has_a_row)
{
	const struct ct_error_info	*info;
	const char			*c;
	int				 i;

	for (i = 1; i < CT_ERROR_COUNT; i++) {
		info = ct_error_info((enum ct_error)i);
		cr_assert_not_null(info->code, "row %d", i);
		cr_assert(info->status >= 400 && info->status <= 599, "%s", info->code);
		cr_assert_gt(strlen(info->title), 0, "%s", info->code);
		for (c = info->code; *c != '\0'; c++)
			cr_assert(isupper((unsigned char)*c) || *c == '_', "%s", info->code);
	}
}

Test(error, each_code_is_found_by_its_text)
{
	int	i;

	for (i = 0; i < CT_ERROR_COUNT; i++) {
		if (i != CT_ERROR_CANCEL_EXPIRED)
			cr_assert_eq((int)ct_error_from_code(ct_error_info((enum ct_error)i)->code), i, "%s",
			    ct_error_info((enum ct_error)i)->code);
	}
}

Test(error, each_code_has_the_status_of_the_contract)
{
	static const struct { enum ct_error error; int status; }	some[] = {
		{ CT_ERROR_QUEUE_TOKEN_EXPIRED, 410 }, { CT_ERROR_QUEUE_TOKEN_MISMATCH, 403 }, { CT_ERROR_QUEUE_TOKEN_REQUIRED, 400 },
		{ CT_ERROR_QUEUE_FULL, 429 }, { CT_ERROR_INSUFFICIENT_POINTS, 402 }, { CT_ERROR_IDEMPOTENCY_KEY_REUSED, 422 },
		{ CT_ERROR_IDEMPOTENCY_KEY_IN_USE, 409 }, { CT_ERROR_OUTCOME_UNKNOWN, 503 }, { CT_ERROR_UNSUPPORTED_MEDIA_TYPE, 415 },
		{ CT_ERROR_RESERVATION_EXPIRED, 410 }, { CT_ERROR_SEAT_NOT_AVAILABLE, 409 }, { CT_ERROR_SEAT_LIMIT_EXCEEDED, 409 },
		{ CT_ERROR_UNPAID_HOLD_LIMIT, 409 } };
	size_t							i;

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		cr_assert_eq(ct_error_info(some[i].error)->status, some[i].status);
}

Test(error, expired_reservation_is_410_for_payment_and_409_for_cancel)
{
	cr_assert_eq(ct_error_from_code("RESERVATION_EXPIRED"), CT_ERROR_RESERVATION_EXPIRED);
	cr_assert_str_eq(ct_error_info(CT_ERROR_CANCEL_EXPIRED)->code, "RESERVATION_EXPIRED");
	cr_assert_eq(ct_error_info(CT_ERROR_CANCEL_EXPIRED)->status, 409);
}

Test(error, unknown_code_or_number_is_internal_error)
{
	cr_assert_eq(ct_error_from_code("SOMETHING_ELSE"), CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(ct_error_from_code(""), CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(ct_error_from_code(NULL), CT_ERROR_INTERNAL_ERROR);
	cr_assert_str_eq(ct_error_info((enum ct_error)9999)->code, "INTERNAL_ERROR");
}

Test(error, retryable_sqlstate_is_service_unavailable)
{
	cr_assert_eq(ct_error_from_sqlstate("55P03"), CT_ERROR_IDEMPOTENCY_KEY_IN_USE);
	cr_assert_eq(ct_error_from_sqlstate("57P01"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("57014"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("53300"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("08006"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("40P01"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("25006"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(ct_error_from_sqlstate("23505"), CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(ct_error_from_sqlstate("42501"), CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(ct_error_from_sqlstate(NULL), CT_ERROR_INTERNAL_ERROR);
}
