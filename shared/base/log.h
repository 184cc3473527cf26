/*
 * The log: each line on standard error is one JSON object with time, level, service, pid, requestId and traceId (if there
 * are such) and message. Callers never pass a secret: no token, key or Authorization value.
 */
#ifndef CT_LOG_H
#define CT_LOG_H

#include <stdbool.h>

enum ct_log_level { CT_LOG_ERROR, CT_LOG_WARNING, CT_LOG_INFO, CT_LOG_DEBUG };

/* Sets the service's name and the lowest level that is printed. The log keeps the pointer `service`. */
void	 ct_log_init(const char *service, enum ct_log_level level);

/* Sets and returns the lowest level that is printed. */
void			 ct_log_set_level(enum ct_log_level level);
enum ct_log_level	 ct_log_level(void);

/* The first returns the word of the level. The second sets the level of a word; false: no level has this word. */
const char	*ct_log_level_name(enum ct_log_level level);
bool		 ct_log_level_from(const char *name, enum ct_log_level *level_r);

/*
 * Prints one line of at most 1 KiB; cuts a longer message. `request_id` may be NULL. A worker prints at most 100 lines
 * per second. It counts the lines that it leaves out, and the next line says how many (leftOut).
 */
void	 ct_log(enum ct_log_level level, const char *request_id, const char *fmt, ...)
	     __attribute__((format(printf, 3, 4)));

#endif
