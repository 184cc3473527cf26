/*
 * Looks up the address of a host's name. The look-up blocks, so the parent does it once, before its workers run. Clients
 * connect to the address. If a server moves to another address, restart the services that use it.
 */
#ifndef CT_RESOLVE_H
#define CT_RESOLVE_H

#include <stdbool.h>

#define CT_ADDRESS_TEXT	64	/* bytes, with the final zero */

/*
 * Writes the numeric address of `host` (a name or an address) as text into address_r. If the name has several, the first
 * IPv4 address is taken. Returns false if it has none; address_r is undefined then.
 */
bool	 ct_resolve(const char *host, char address_r[CT_ADDRESS_TEXT])
	     __attribute__((warn_unused_result));

#endif
