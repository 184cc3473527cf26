/*
 * The results of the card provider's answers. An answer is final only if its code is on the list. It counts as ours
 * only if it names our payment key, our order and our amount.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "card/provider_answer.h"

#define ORDER	"0193d7a0-0000-7000-8000-000000000001"
#define OF(key, order, status, total, balance)	"{\"paymentKey\":\"" key "\",\"orderId\":\"" order "\",\"status\":\"" status "\"," \
	"\"totalAmount\":" total ",\"balanceAmount\":" balance ",\"cancels\":null,\"method\":\"카드\"}"

#define PAYMENT(status, total, balance)	OF("k", ORDER, status, total, balance)

static char	code[CT_CARD_CODE_TEXT];

static enum ct_card_result
says(enum ct_card_call call, long status, const char *body)
{
	static const struct ct_card_payment	payment = { "id", "k", ORDER, 5000 };

	(void)strcpy(code, "before");
	return (ct_card_read(call, &payment, status, body, strlen(body), code));
}

Test(card_answer, success_counts_only_for_our_order_and_amount)
{
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("DONE", "5000", "5000")), CT_CARD_IS_CAPTURED);
	cr_assert_str_eq(code, "");
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("DONE", "4999", "4999")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("DONE", "\"5000\"", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("DONE", "5000", "4000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, OF("k", "another", "DONE", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, OF("another", ORDER, "DONE", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, "{\"paymentKey\":\"k\",\"status\":\"DONE\",\"totalAmount\":5000,"
	    "\"balanceAmount\":5000}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CANCEL, 200, PAYMENT("CANCELED", "5000", "0")), CT_CARD_IS_CANCELLED);
	cr_assert_eq(says(CT_CARD_CANCEL, 200, PAYMENT("PARTIAL_CANCELED", "5000", "1000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CANCEL, 200, PAYMENT("CANCELED", "5000", "1000")), CT_CARD_IS_UNKNOWN);
}

Test(card_answer, answer_that_fits_another_call_is_unknown)
{
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("IN_PROGRESS", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("ABORTED", "5000", "0")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("CANCELED", "5000", "0")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CANCEL, 200, PAYMENT("DONE", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CANCEL, 403, "{\"code\":\"REJECT_CARD_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CANCEL, 400, "{\"code\":\"ALREADY_CANCELED_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_FIND, 403, "{\"code\":\"REJECT_CARD_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
}

Test(card_answer, look_up_gives_each_state)
{
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("DONE", "5000", "5000")), CT_CARD_IS_CAPTURED);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("CANCELED", "5000", "0")), CT_CARD_IS_CANCELLED);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("ABORTED", "5000", "5000")), CT_CARD_IS_DECLINED);
	cr_assert_str_eq(code, "ABORTED");
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("EXPIRED", "5000", "5000")), CT_CARD_IS_DECLINED);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("READY", "5000", "5000")), CT_CARD_IS_ABSENT);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("IN_PROGRESS", "5000", "5000")), CT_CARD_IS_ABSENT);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("WAITING_FOR_DEPOSIT", "5000", "5000")), CT_CARD_IS_UNWANTED);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("PARTIAL_CANCELED", "5000", "1000")), CT_CARD_IS_UNWANTED);
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("SOMETHING_NEW", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_FIND, 404, "{\"code\":\"NOT_FOUND_PAYMENT\",\"message\":\"m\"}"), CT_CARD_IS_ABSENT);
	cr_assert_eq(says(CT_CARD_FIND, 404, "{\"code\":\"NOT_FOUND\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_FIND, 404, ""), CT_CARD_IS_UNKNOWN);
}

/* A payment key belongs to one order and one amount for ever. An answer about another order or amount is never about
 * our payment. */
Test(card_answer, payment_key_of_another_order_is_declined)
{
	cr_assert_eq(says(CT_CARD_FIND, 200, OF("k", "another", "DONE", "5000", "5000")), CT_CARD_IS_DECLINED);
	cr_assert_str_eq(code, "ALREADY_PROCESSED_PAYMENT");
	cr_assert_eq(says(CT_CARD_FIND, 200, OF("k", "another", "CANCELED", "9000", "0")), CT_CARD_IS_DECLINED);
	cr_assert_eq(says(CT_CARD_FIND, 200, OF("k", "another", "READY", "5000", "5000")), CT_CARD_IS_DECLINED);
	cr_assert_str_eq(code, "FORBIDDEN_REQUEST");
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("IN_PROGRESS", "4999", "4999")), CT_CARD_IS_DECLINED);
	/* If our order was paid with another amount than we asked for, an operator must look at it. */
	cr_assert_eq(says(CT_CARD_FIND, 200, PAYMENT("DONE", "4999", "4999")), CT_CARD_IS_UNKNOWN);
	/* An answer about another payment key says nothing about ours. */
	cr_assert_eq(says(CT_CARD_FIND, 200, OF("another", ORDER, "ABORTED", "5000", "5000")), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_FIND, 200, OF("another", ORDER, "DONE", "5000", "5000")), CT_CARD_IS_UNKNOWN);
}

Test(card_answer, only_listed_refusals_are_final)
{
	cr_assert_eq(says(CT_CARD_CONFIRM, 403, "{\"code\":\"REJECT_CARD_PAYMENT\",\"message\":\"m\"}"), CT_CARD_IS_DECLINED);
	cr_assert_str_eq(code, "REJECT_CARD_PAYMENT");
	cr_assert_eq(says(CT_CARD_CONFIRM, 404, "{\"code\":\"NOT_FOUND_PAYMENT_SESSION\"}"), CT_CARD_IS_DECLINED);
	cr_assert_eq(says(CT_CARD_CONFIRM, 500, "{\"code\":\"REJECT_CARD_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 302, "{\"code\":\"REJECT_CARD_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 400, "{\"code\":\"ALREADY_PROCESSED_PAYMENT\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 400, "{\"code\":\"PROVIDER_ERROR\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 401, "{\"code\":\"UNAUTHORIZED_KEY\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 409, "{\"code\":\"IDEMPOTENT_REQUEST_PROCESSING\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 400, "{\"code\":\"SOMETHING_NEW\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_str_eq(code, "SOMETHING_NEW");
	cr_assert_eq(says(CT_CARD_CONFIRM, 400, "{\"message\":\"no code\"}"), CT_CARD_IS_UNKNOWN);
	cr_assert_str_eq(code, "");
}

Test(card_answer, broken_answer_is_unknown)
{
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, ""), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, "{\"paymentKey\":"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, PAYMENT("DONE", "5000", "5000") "x"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, "[]"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 200, "<html>"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 403, "<html>REJECT_CARD_PAYMENT</html>"), CT_CARD_IS_UNKNOWN);
	cr_assert_eq(says(CT_CARD_CONFIRM, 204, PAYMENT("DONE", "5000", "5000")), CT_CARD_IS_UNKNOWN);
}

/* Users and logs see the code, so it may hold only the characters of a code. */
Test(card_answer, code_with_other_characters_is_dropped)
{
	char	body[256];

	(void)says(CT_CARD_CONFIRM, 400, "{\"code\":\"A B\"}");
	cr_assert_str_eq(code, "");
	(void)says(CT_CARD_CONFIRM, 400, "{\"code\":\"A\\nB\"}");
	cr_assert_str_eq(code, "");
	(void)says(CT_CARD_CONFIRM, 400, "{\"code\":7}");
	cr_assert_str_eq(code, "");
	(void)snprintf(body, sizeof(body), "{\"code\":\"%065d\"}", 0);
	(void)says(CT_CARD_CONFIRM, 400, body);
	cr_assert_str_eq(code, "");
	(void)snprintf(body, sizeof(body), "{\"code\":\"%064d\"}", 0);
	(void)says(CT_CARD_CONFIRM, 400, body);
	cr_assert_eq(strlen(code), 64);
}

Test(card_answer, payment_key_that_needs_escaping_is_refused)
{
	char	key[202] = { 0 };

	cr_assert(ct_card_key_valid("tviva20250101_AZaz09-x"));
	cr_assert_not(ct_card_key_valid(""));
	cr_assert_not(ct_card_key_valid("../confirm"));
	cr_assert_not(ct_card_key_valid("a\"b"));
	cr_assert_not(ct_card_key_valid("a%2fb"));
	memset(key, 'k', 200);
	cr_assert(ct_card_key_valid(key));
	key[200] = 'k';
	cr_assert_not(ct_card_key_valid(key));
}

Test(card_answer, results_have_the_databases_names)
{
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_UNKNOWN), "UNKNOWN");
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_CAPTURED), "CAPTURED");
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_CANCELLED), "CANCELLED");
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_DECLINED), "DECLINED");
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_ABSENT), "ABSENT");
	cr_assert_str_eq(ct_card_result_name(CT_CARD_IS_UNWANTED), "UNWANTED");
}
