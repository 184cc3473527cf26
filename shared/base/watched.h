/*
 * Files that may change while a service runs: secrets, public keys, the log level.
 *
 * The parent loads each one before it starts workers. A file that it refuses is then a fault of its setting (config.h).
 * Later each worker looks at the files on a tick, and loads a file again if it has changed. If it refuses the new content,
 * it keeps what it has loaded before, logs one line, and shows it as ct_file_refused{setting}.
 */
#ifndef CT_WATCHED_H
#define CT_WATCHED_H

#include <stdbool.h>

#include "base/config.h"
#include "base/loaded.h"

/* Both functions run in the parent and in workers, never during a request. */
struct ct_watched_file {
	const char	*setting;
	/*
	 * Reads `path`, a file or a folder of files, and uses the content from now on. Returns false if it refuses it:
	 * then nothing has changed, and why_r is the reason, without a secret.
	 */
	bool		(*load)(const char *path, char why_r[CT_CONFIG_WHY]);
	/* Fills in what is loaded, at most CT_LOADED_VALUES values. Returns their number. */
	unsigned	(*values)(struct ct_loaded_value *values_r);
};

/*
 * Parent: loads `path`, and watches it from now on. Keeps both pointers. A second call for the same setting replaces the
 * first.
 */
void	 ct_watched_add(const struct ct_watched_file *file, const char *path);

/* Worker, at its start: shows what it has inherited (loaded.h), and loads the files that have changed since. */
void	 ct_watched_start(void);

/* Worker, on a tick: loads the files that have changed. Without a change it makes one stat() for each file. */
void	 ct_watched_look(void);

#endif
