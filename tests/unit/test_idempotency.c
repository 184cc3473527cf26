/* Idempotency keys and request hashes. */
#include <criterion/criterion.h>

#include <string.h>

#include "http/idempotency.h"

static const char *const	fields[] = { "id", "amount", "card", "best.grade", "list", NULL };

static bool
same(const char *one, const char *two)
{
	cJSON	*a = cJSON_Parse(one), *b = cJSON_Parse(two);
	char	 hash_a[CT_REQUEST_HASH_TEXT], hash_b[CT_REQUEST_HASH_TEXT];

	cr_assert_not_null(a, "%s", one);
	cr_assert_not_null(b, "%s", two);
	ct_request_hash("operation", a, fields, hash_a);
	ct_request_hash("operation", b, fields, hash_b);
	cr_assert_eq(strlen(hash_a), 64);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return (strcmp(hash_a, hash_b) == 0);
}

Test(idempotency, order_space_and_case_of_uuid_do_not_change_the_hash)
{
	cr_assert(same("{\"id\":\"a\",\"amount\":1000}", " { \"amount\" : 1000.0 , \"id\" : \"\\u0061\" } "));
	cr_assert(same("{\"amount\":1000}", "{\"amount\":1e3}"));
	cr_assert(same("{\"amount\":0}", "{\"amount\":-0}"));
	cr_assert(same("{\"card\":{\"a\":1,\"b\":[1,2]}}", "{\"card\":{\"b\":[1,2],\"a\":1}}"));
	cr_assert(same("{\"id\":\"0190A0B0-C0D0-7000-8000-00000000ABCD\"}", "{\"id\":\"0190a0b0-c0d0-7000-8000-00000000abcd\"}"));
}

Test(idempotency, unread_fields_do_not_change_the_hash)
{
	cr_assert(same("{\"amount\":1,\"note\":\"x\"}", "{\"amount\":1,\"note\":\"y\",\"other\":[]}"));
	cr_assert(same("{\"best\":{\"grade\":\"R\",\"note\":1}}", "{\"best\":{\"note\":2,\"grade\":\"R\"}}"));
	cr_assert(same("{\"best\":{}}", "{\"best\":7}"));
	cr_assert(same("{\"best\":{}}", "{\"best.grade\":\"R\"}"));
}

Test(idempotency, null_and_absent_member_have_the_same_hash)
{
	cr_assert(same("{\"id\":\"a\",\"card\":null}", "{\"id\":\"a\"}"));
	cr_assert(same("{\"best\":null}", "{}"));
	cr_assert(same("{\"best\":{\"grade\":null}}", "{}"));
	cr_assert_not(same("{\"list\":[null]}", "{\"list\":[]}"), "what is in a list is there");
}

Test(idempotency, changed_field_changes_the_hash)
{
	cr_assert_not(same("{\"amount\":1000}", "{\"amount\":1001}"));
	cr_assert_not(same("{\"amount\":1000}", "{\"amount\":\"1000\"}"));
	cr_assert_not(same("{\"amount\":1000}", "{}"));
	cr_assert_not(same("{\"list\":[1,2]}", "{\"list\":[2,1]}"));
	cr_assert_not(same("{\"list\":[\"a,b\"]}", "{\"list\":[\"a\",\"b\"]}"));
	cr_assert_not(same("{\"id\":\"x\"}", "{\"card\":\"x\"}"));
	cr_assert_not(same("{\"best\":{\"grade\":\"R\"}}", "{\"best\":{\"grade\":\"S\"}}"));
	cr_assert_not(same("{\"best\":{\"grade\":\"R\"}}", "{\"best\":{}}"));
	cr_assert_not(same("{\"id\":true}", "{\"id\":false}"));
}

Test(idempotency, other_operation_changes_the_hash)
{
	cJSON	*body = cJSON_Parse("{\"amount\":1}");
	char	 one[CT_REQUEST_HASH_TEXT], two[CT_REQUEST_HASH_TEXT];

	ct_request_hash("points.charge", body, fields, one);
	ct_request_hash("payments.pay", body, fields, two);
	cr_assert_str_neq(one, two);
	cJSON_Delete(body);
}

Test(idempotency, known_request_has_its_stored_hash)
{
	cJSON	*body = cJSON_Parse("{\"amount\":1000}");
	char	 hash[CT_REQUEST_HASH_TEXT];

	/* The database keeps hashes for weeks, so they must not change: sha256 of "points.charge","amount":1000 */
	ct_request_hash("points.charge", body, fields, hash);
	cr_assert_str_eq(hash, "86f0a8abb614083cb1789070a8347e1dec58bb0594ca550956d9141b1be91d6e");
	cJSON_Delete(body);
}

Test(idempotency, key_other_than_1_to_255_printable_ascii_is_refused)
{
	char	key[258];

	cr_assert(ct_idempotency_key_valid("x"));
	cr_assert(ct_idempotency_key_valid("a key ~!"));
	cr_assert_not(ct_idempotency_key_valid(""));
	cr_assert_not(ct_idempotency_key_valid("tab\t"));
	cr_assert_not(ct_idempotency_key_valid("\x7f"));
	cr_assert_not(ct_idempotency_key_valid("\xed\x95\x9c"));
	memset(key, 'k', sizeof(key));
	key[255] = '\0';
	cr_assert(ct_idempotency_key_valid(key));
	key[255] = 'k';
	key[256] = '\0';
	cr_assert_not(ct_idempotency_key_valid(key));
}
