/*
 * What each worker has loaded from the files that change while it runs (watched.h), for /metrics:
 *
 *	ct_loaded{setting="QUEUE_TOKEN_SECRET_FILE",value="1a2b3c4d",use="signs"} 2
 *
 * The number counts the workers that have loaded this value. So an operator who replaces a key can wait until all workers
 * have the new one. A value is never a secret: for a secret it is a fingerprint.
 */
#ifndef CT_LOADED_H
#define CT_LOADED_H

#include <stddef.h>

#include "base/buf.h"

#define CT_LOADED_SETTINGS	8	/* settings that this can show */
#define CT_LOADED_VALUES	64	/* values of a setting in a worker */
#define CT_LOADED_TEXT		65	/* bytes for a value with its NUL */

struct ct_loaded_value {
	char		 text[CT_LOADED_TEXT];
	const char	*use;		/* a static text: "signs", "verifies", or "" */
};

/*
 * Parent: returns the number of a setting for ct_loaded_show, the same one for the same setting. Keeps the pointer. More than
 * CT_LOADED_SETTINGS settings are an error in the program and stop the start.
 */
unsigned ct_loaded_setting(const char *setting);

/* Parent, before it starts workers: makes the memory that all workers share. */
void	 ct_loaded_init(unsigned workers);

/* Worker: selects its row; counts from 0. What a dead worker has left there is removed. */
void	 ct_loaded_worker(unsigned worker);

/*
 * Worker: replaces what it shows for the setting with this number. Shows at most CT_LOADED_VALUES values. Texts hold no `"`
 * and no `\`.
 */
void	 ct_loaded_show(unsigned number, const struct ct_loaded_value *values, unsigned count);

/*
 * Fills in the fingerprint of a secret: the first 8 hex digits of its SHA-256, and a NUL. `head -n 1 FILE | tr -d '\n' |
 * sha256sum | cut -c1-8` prints that of a file's first line.
 */
#define CT_LOADED_FINGERPRINT	9
void	 ct_loaded_fingerprint(const void *secret, size_t length, char text_r[CT_LOADED_FINGERPRINT]);

/* Appends the samples of all workers in the exposition format. */
void	 ct_loaded_print(struct ct_buf *buf);

#endif
