/* The version of Kore that this library is tested with. */
#ifndef CT_KORE_VERSION_H
#define CT_KORE_VERSION_H

#define CT_KORE_VERSION	"4.1.0"

/*
 * Stops the start if the Kore that loads this module has another version. This folder relies on parts of Kore that are
 * no interface: the turn of its event loop, its lists of connections and listeners, the fields of its requests.
 */
void	 ct_kore_check_version(void);

#endif
