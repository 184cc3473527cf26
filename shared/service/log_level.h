/* The log level: LOG_LEVEL, until the file LOG_LEVEL_FILE says otherwise. */
#ifndef CT_LOG_LEVEL_H
#define CT_LOG_LEVEL_H

/*
 * Parent, first of all: begins the log of the service `name`, reads both settings, and watches the file (base/watched.h). The
 * file holds one of the level's words. Without a file, or with an empty one, LOG_LEVEL counts.
 */
void	 ct_log_level_configure(const char *name);

#endif
