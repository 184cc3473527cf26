/*
 * Settings come from the environment. The table deploy/settings/table has each with its range, default and help. The parent
 * reads them once, before it starts workers. It reports each missing or wrong setting in one line, and then stops the start.
 */
#ifndef CT_CONFIG_H
#define CT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each function returns a setting's value, or the table's default if the setting is unset or empty. These are faults: a
 * required setting without a value, a number out of range, a text that is not a number, and a word that is no choice:
 *
 *	queue: setting PG_POOL_SIZE: 'ten' is not a whole number from 1 to 64
 *
 * After a fault the function returns the default, so that the caller reads the next setting. Texts live as long as the
 * process. A name that is not in the table, or that has another type there, ends the process (CT_ASSERT).
 */
const char	*ct_config_text(const char *name);
long		 ct_config_number(const char *name);
const char	*ct_config_choice(const char *name);

/* Returns true if the setting has a value. An empty setting has none. */
bool		 ct_config_is_set(const char *name);

/*
 * Returns the contents of the file that the setting names, without white space at its end. Secrets come in files, so that
 * they are in no environment, command line or log. Fewer bytes than the table asks for are a fault, and so is a setting
 * without a value. In production, a file that is not private (see ct_config_private) is one too. Returns "" after a fault.
 * length_r may be NULL.
 */
const char	*ct_config_secret_file(const char *name, size_t *length_r);

/* Returns the path of a secret's file, or NULL after a fault: the setting has no value. */
const char	*ct_config_secret_path(const char *name);

/*
 * Reads the secret's file by the same rules, also while the service runs. Returns NULL if the file is refused; why_r is then
 * the reason, without the secret. The caller frees the result with ct_config_free_secret, which also erases it. The setting
 * has a value.
 */
#define CT_CONFIG_WHY	512
char		*ct_config_read_secret(const char *name, size_t *length_r, char why_r[CT_CONFIG_WHY])
		     __attribute__((warn_unused_result));
void		 ct_config_free_secret(char *secret);

/*
 * ENVIRONMENT is development or production; unset means production. In production a service refuses each setting that is
 * safe only on a developer's machine. Each module checks its own settings with ct_production() and ct_config_fail().
 * ct_config_production() checks ENVIRONMENT itself, and that the process does not run as root.
 */
bool		 ct_production(void);
void		 ct_config_production(void);

/*
 * Returns true if the open file of a secret is private; always true in development. Other users must have no right to it.
 * The group may read it only if another user owns the file. This process then reads it through its group (Kubernetes'
 * fsGroup) or an access list (systemd's credentials: stat() shows the list's mask as the group's rights). If it returns
 * false, *why_r says what to change.
 */
bool		 ct_config_private(int fd, const char **why_r);

/*
 * Reports a fault: prints "<service>: setting <name>: <why>" and counts it. `why` says what to do, and never holds a
 * secret. Tests replace this function.
 */
extern void	(*ct_config_fail)(const char *name, const char *why);

/* After the last setting: exits 1 if there was a fault. */
void		 ct_config_finish(void);

#endif
