/*
 * Settings come from the environment (deploy/local/env documents each one).
 * Reading happens once, in the parent process before any worker starts; a
 * missing or wrong setting stops the start with one line that names it.
 */
#ifndef CT_CONFIG_H
#define CT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each returns the setting's value. If it is unset or empty, `fallback` is
 * returned; a NULL fallback (text) or CT_REQUIRED (numbers) makes it required.
 * A value outside [min, max] or that is not a number at all, not one of
 * `choices` (NULL-terminated), or a file that cannot be read is fatal:
 * "queue: setting PG_POOL_SIZE: 'ten' is not a whole number from 1 to 64".
 * Text lives as long as the process.
 */
#define CT_REQUIRED	(-1L)
const char	*ct_config_text(const char *name, const char *fallback);
long		 ct_config_number(const char *name, long min, long max, long fallback);
const char	*ct_config_choice(const char *name, const char *const *choices, const char *fallback);

/*
 * The contents of the file that the setting names, without trailing white
 * space: how secrets arrive, so that they are in no environment, command line
 * or log. At least min_len bytes, or the start stops. *len_r may be NULL.
 */
const char	*ct_config_secret_file(const char *name, size_t min_len, size_t *len_r);

/* How a failure is reported: prints "<service>: setting <name>: <why>" and exits 1. Tests replace it. */
extern void	(*ct_config_fail)(const char *name, const char *why);

#endif
