/* The rules for PG_CONNINFO in production, see pg_production.h. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "pg/pg_production.h"

/* Returns the value of a keyword in PG_CONNINFO itself, or NULL. libpq's environment and defaults do not count. */
static const char *
pg_production_given(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++) {
		if (strcmp(options->keyword, keyword) == 0)
			return (options->val == NULL || *options->val == '\0' ? NULL : options->val);
	}
	return (NULL);
}

/* Returns true if this one host is on this machine: a socket, or an address of the loopback interface. */
static bool
pg_production_is_local(const char *host)
{
	struct in_addr	v4;
	struct in6_addr	v6;

	if (*host == '/' || *host == '@' || strcmp(host, "localhost") == 0)
		return (true);
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET);
	return (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* Returns true if all hosts of this list (separated by commas) are local. An empty entry, libpq's default, is not. */
static bool
pg_production_are_local(const char *hosts)
{
	char	*list = strdup(hosts), *rest = list, *host;
	bool	 local = true;

	if (list == NULL)
		abort();
	while (local && (host = strsep(&rest, ",")) != NULL)
		local = pg_production_is_local(host);
	free(list);
	return (local);
}

static void
pg_production_check_password_file(const char *path)
{
	struct stat	status;
	char		why[512];

	if (stat(path, &status) == -1)
		(void)snprintf(why, sizeof(why), "passfile %.200s: %s", path, strerror(errno));
	else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		(void)snprintf(why, sizeof(why), "passfile %.200s: others than its owner may read it, and libpq would not "
		    "use it: chmod 600 it", path);
	else
		return;
	ct_config_fail("PG_CONNINFO", why);
}

/*
 * In production the server proves its identity by a certificate, unless it is on this machine. libpq connects to
 * `hostaddr` if it is given. Without hostaddr= and host= libpq takes the host from its environment, which counts as remote.
 */
void
pg_check_production(const PQconninfoOption *options)
{
	const char	*host = pg_production_given(options, "hostaddr"), *mode = pg_production_given(options, "sslmode");
	const char	*root = pg_production_given(options, "sslrootcert"), *passfile = pg_production_given(options, "passfile");
	char		 why[512];

	if (pg_production_given(options, "password") != NULL)
		ct_config_fail("PG_CONNINFO", "password= is readable in the environment: use passfile= in production");
	if (passfile != NULL)
		pg_production_check_password_file(passfile);
	if (host == NULL)
		host = pg_production_given(options, "host");
	if (host != NULL && pg_production_are_local(host))
		return;
	if (mode == NULL || strcmp(mode, "verify-full") != 0)
		ct_config_fail("PG_CONNINFO", "sslmode=verify-full is required in production, unless host= is a socket or loopback");
	if (root == NULL) {
		ct_config_fail("PG_CONNINFO", "sslrootcert= is required in production, unless host= is a socket or loopback: "
		    "the certificate authority of the server");
	} else if (access(root, R_OK) == -1) {
		(void)snprintf(why, sizeof(why), "sslrootcert %.200s: %s", root, strerror(errno));
		ct_config_fail("PG_CONNINFO", why);
	}
}
