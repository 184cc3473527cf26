/* See redis_login.h. */
#include "redis/redis_login.h"

#include <string.h>

#include "base/config.h"
#include "base/watched.h"

static struct {
	const char	*user;		/* "": the default user */
	char		*password;	/* NULL: none */
	size_t		 password_length;
} login;

/* The next login uses the new password. */
static bool
login_load_password(const char *path, char why_r[CT_CONFIG_WHY])
{
	size_t	 length;
	char	*password;

	(void)path;
	password = ct_config_read_secret("REDIS_PASSWORD_FILE", &length, why_r);
	if (password == NULL)
		return (false);
	ct_config_free_secret(login.password);
	login.password = password;
	login.password_length = length;
	return (true);
}

static unsigned
login_password_values(struct ct_loaded_value *values_r)
{
	if (login.password == NULL)
		return (0);
	ct_loaded_fingerprint(login.password, login.password_length, values_r[0].text);
	values_r[0].use = "logs in";
	return (1);
}

void
redis_login_configure(void)
{
	static const struct ct_watched_file	password = { "REDIS_PASSWORD_FILE", login_load_password, login_password_values };

	login.user = ct_config_text("REDIS_USER");
	ct_config_free_secret(login.password);
	login.password = NULL;
	if (ct_config_is_set("REDIS_PASSWORD_FILE"))
		ct_watched_add(&password, ct_config_secret_path("REDIS_PASSWORD_FILE"));
	else if (ct_production())
		ct_config_fail("REDIS_PASSWORD_FILE", "is required in production: the file with the password of REDIS_USER");
	else if (*login.user != '\0')
		ct_config_fail("REDIS_PASSWORD_FILE", "is required with REDIS_USER");
}

void
redis_login_send(redisAsyncContext *context, redisCallbackFn *cb, void *arg)
{
	const char	*argv[3] = { "AUTH", login.user, login.password };
	size_t		 lens[3] = { 4, strlen(login.user), login.password_length };

	if (login.password != NULL && *login.user != '\0') {
		(void)redisAsyncCommandArgv(context, cb, arg, 3, argv, lens);
	} else if (login.password != NULL) {
		argv[1] = login.password;
		lens[1] = login.password_length;
		(void)redisAsyncCommandArgv(context, cb, arg, 2, argv, lens);
	}
}

const char *
redis_login_user(void)
{
	return (login.user);
}
