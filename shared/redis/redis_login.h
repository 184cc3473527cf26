/* The user and the password of all connections to Redis. */
#ifndef CT_REDIS_LOGIN_H
#define CT_REDIS_LOGIN_H

#include <hiredis/async.h>

/* Parent: REDIS_USER, REDIS_PASSWORD_FILE. A changed file is read again; connections that are logged in stay. */
void		 redis_login_configure(void);

/* Sends AUTH, if there is a password. hiredis calls cb(context, reply, arg) with the reply. */
void		 redis_login_send(redisAsyncContext *context, redisCallbackFn *cb, void *arg);

/* "": Redis' default user. */
const char	*redis_login_user(void);

#endif
