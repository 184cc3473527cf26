/* Names to addresses, without a network: addresses stand for themselves, and this machine has a name. */
#include <criterion/criterion.h>

#include "ct/resolve.h"

Test(resolve, an_address_is_itself)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert(ct_resolve("192.0.2.7", address));
	cr_assert_str_eq(address, "192.0.2.7");
	cr_assert(ct_resolve("2001:DB8::0:1", address));
	cr_assert_str_eq(address, "2001:db8::1");
}

Test(resolve, localhost_is_where_the_stores_listen)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert(ct_resolve("localhost", address));
	cr_assert_str_eq(address, "127.0.0.1");
}

Test(resolve, what_has_no_address_is_said_to_have_none)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert_not(ct_resolve("", address));
	cr_assert_not(ct_resolve("no such name", address));
	cr_assert_not(ct_resolve("192.0.2.300", address));
}
