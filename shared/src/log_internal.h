/* What other files of the library need of log.c and nobody else should. */
#ifndef CT_LOG_INTERNAL_H
#define CT_LOG_INTERNAL_H

/* The name given to ct_log_init, or "concert" before it. Never NULL. */
const char	*ct_log_service(void);

#endif
