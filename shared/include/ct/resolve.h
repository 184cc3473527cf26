/*
 * Names to addresses, at start only. Looking a name up blocks, so it is done
 * in the parent before workers run; connecting later uses the address. A
 * store that moves to another address needs a restart of its services.
 */
#ifndef CT_RESOLVE_H
#define CT_RESOLVE_H

#include <stdbool.h>

#define CT_ADDRESS_TEXT	64

/*
 * Writes the numeric address of `host` (a name or an address; IPv4 preferred)
 * into address_r. False if there is none.
 */
bool	 ct_resolve(const char *host, char address_r[CT_ADDRESS_TEXT])
	     __attribute__((warn_unused_result));

#endif
