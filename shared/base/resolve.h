/*
 * Looks up the address of a host's name. A look-up blocks for up to half a minute. So the parent looks up names before its
 * workers run, and a worker does it in a thread (ct_lookup). Clients connect to the address.
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

/* A look-up in a thread of its own. It never delays the event loop. */
struct ct_lookup;

/* Starts a look-up of `host`, which is copied. Returns NULL if the system has no room for a thread now. */
struct ct_lookup	*ct_lookup_start(const char *host)
			     __attribute__((warn_unused_result));

/*
 * Returns true if the look-up has ended: then it is freed and *lookup is NULL. address_r holds the address, as ct_resolve
 * writes it, or "" if the name has none. Returns false, without waiting, while the look-up runs.
 */
bool			 ct_lookup_take(struct ct_lookup **lookup, char address_r[CT_ADDRESS_TEXT])
			     __attribute__((warn_unused_result));

/* Forgets a look-up that may still run; its thread frees it at its end. Sets *lookup to NULL. *lookup may be NULL. */
void			 ct_lookup_drop(struct ct_lookup **lookup);

#endif
