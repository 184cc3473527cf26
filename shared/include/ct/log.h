/*
 * One JSON object a line on standard error: time, level, service, pid,
 * requestId where there is one, message. Nothing secret is ever passed in:
 * tokens, keys and Authorization values are not logged anywhere.
 */
#ifndef CT_LOG_H
#define CT_LOG_H

enum ct_log_level { CT_LOG_ERROR, CT_LOG_WARNING, CT_LOG_INFO, CT_LOG_DEBUG };

/* Sets who speaks and the least level that is printed. `service` is kept by pointer. */
void	 ct_log_init(const char *service, enum ct_log_level level);

/*
 * Prints one line of at most 1 KiB; longer messages are cut. `request_id`
 * may be NULL. At most 100 lines a second a worker are printed; what was
 * left out is counted and said in the next line.
 */
void	 ct_log(enum ct_log_level level, const char *request_id, const char *fmt, ...)
	     __attribute__((format(printf, 3, 4)));

#endif
