/* Looking up addresses of names. Needs no network: only addresses, localhost and names that cannot exist. */
#include <criterion/criterion.h>

#include "base/resolve.h"

Test(resolve, address_resolves_to_itself)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert(ct_resolve("192.0.2.7", address));
	cr_assert_str_eq(address, "192.0.2.7");
	cr_assert(ct_resolve("2001:DB8::0:1", address));
	cr_assert_str_eq(address, "2001:db8::1");
}

Test(resolve, localhost_resolves_to_the_ipv4_loopback)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert(ct_resolve("localhost", address));
	cr_assert_str_eq(address, "127.0.0.1");
}

Test(resolve, unknown_name_is_refused)
{
	char	address[CT_ADDRESS_TEXT];

	cr_assert_not(ct_resolve("", address));
	cr_assert_not(ct_resolve("no such name", address));
	cr_assert_not(ct_resolve("192.0.2.300", address));
}
