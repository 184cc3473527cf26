/*
 * Settings come from the environment (deploy/local/env documents each one).
 * Reading happens once, in the parent process before any worker starts. Each
 * missing or wrong setting is reported in one line that names it; then the
 * start stops.
 */
#ifndef CT_CONFIG_H
#define CT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each returns the setting's value. If it is unset or empty, `fallback` is
 * returned; a NULL fallback (text) or CT_REQUIRED (numbers) makes it required.
 * A value outside [min, max] or that is not a number at all, not one of
 * `choices` (NULL-terminated), or a file that cannot be read is a fault:
 * "queue: setting PG_POOL_SIZE: 'ten' is not a whole number from 1 to 64".
 * After a fault the fallback is returned, so that the caller goes on to the
 * next setting. Text lives as long as the process.
 */
#define CT_REQUIRED	(-1L)
const char	*ct_config_text(const char *name, const char *fallback);
long		 ct_config_number(const char *name, long min, long max, long fallback);
const char	*ct_config_choice(const char *name, const char *const *choices, const char *fallback);

/*
 * The contents of the file that the setting names, without trailing white
 * space: how secrets arrive, so that they are in no environment, command line
 * or log. A file of less than min_len bytes is a fault, and in production one
 * that is not private (below). "" after a fault. *len_r may be NULL.
 */
const char	*ct_config_secret_file(const char *name, size_t min_len, size_t *len_r);

/*
 * ENVIRONMENT=development|production; production where it is not set. A service
 * in production refuses every setting that is safe only on a developer's
 * machine: each module checks its own with ct_production() and ct_config_fail().
 * ct_config_production() checks ENVIRONMENT itself, and that the process is not
 * root's.
 */
bool		 ct_production(void);
void		 ct_config_production(void);

/*
 * Returns true if only this process may read the open file of a secret; always
 * true in development. Others must have no right at all. The group may read only
 * a file of another user: this process then reads it through its group
 * (Kubernetes' fsGroup) or an access list (systemd's credentials, whose mask
 * stat() shows as the group's rights). After false, *why_r says what to change.
 */
bool		 ct_config_private(int fd, const char **why_r);

/*
 * Reports a fault: prints "<service>: setting <name>: <why>" and counts it.
 * Tests replace it. `why` says what to do and never holds a secret.
 */
extern void	(*ct_config_fail)(const char *name, const char *why);

/* After the last setting: exits 1 if there was a fault. */
void		 ct_config_finish(void);

#endif
