/* Functions of log.c for other files of this room. */
#ifndef CT_LOG_INTERNAL_H
#define CT_LOG_INTERNAL_H

/* Returns the name given to ct_log_init, or "concert" before that call. Never NULL. */
const char	*ct_log_service(void);

/* Allows 100 more lines in this second, so that a worker's last line is never left out. */
void		 ct_log_renew(void);

#endif
