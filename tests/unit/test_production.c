/* Settings that each module refuses in production and accepts in development. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "auth/jwt.h"
#include "base/config.h"
#include "card/provider.h"
#include "http_client/http_client.h"
#include "pg/pg_production.h"
#include "redis/redis.h"
#include "service/key_fetch.h"
#include "trace/exporter.h"

/* Replaces Kore's HTTP client for the card module. No test sends anything. */
void
ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg)
{
	(void)request;
	(void)cb;
	(void)arg;
}

static char	faults[4096];	/* lines "NAME: why" */
static char	secret[] = "/tmp/ct-production-XXXXXX";

static void
note(const char *name, const char *why)
{
	(void)snprintf(faults + strlen(faults), sizeof(faults) - strlen(faults), "%s: %s\n", name, why);
}

static void
start(void)
{
	static const char	text[] = "a-secret-for-tests-of-more-than-32-bytes";
	int			fd = mkstemp(secret);

	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	(void)close(fd);
	ct_config_fail = note;
	faults[0] = '\0';
	(void)setenv("ENVIRONMENT", "production", 1);
}

static void
end(void)
{
	(void)unlink(secret);
}

TestSuite(production, .init = start, .fini = end);

static bool
has_fault(const char *begin)
{
	const char	*line;

	for (line = faults; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, begin, strlen(begin)) == 0)
			return (true);
	}
	return (false);
}

Test(production, hs256_without_issuer_and_audience_is_three_faults)
{
	(void)setenv("JWT_SECRET_FILE", secret, 1);
	(void)unsetenv("JWT_ALG");
	(void)unsetenv("JWT_ISSUER");
	(void)setenv("JWT_AUDIENCE", "", 1);
	ct_jwt_configure();
	cr_assert(has_fault("JWT_ALG: HS256"), "%s", faults);
	cr_assert(has_fault("JWT_ISSUER: "), "%s", faults);
	cr_assert(has_fault("JWT_AUDIENCE: "), "%s", faults);

	faults[0] = '\0';
	(void)setenv("ENVIRONMENT", "development", 1);
	ct_jwt_configure();
	cr_assert_str_eq(faults, "");
}

Test(production, card_provider_without_https_is_a_fault)
{
	static const char *const	plain[] = { "http://api.tosspayments.com", "http://127.0.0.1:9150" };
	size_t				i;

	(void)setenv("CARD_PROVIDER_SECRET_FILE", secret, 1);
	for (i = 0; i < 2; i++) {
		faults[0] = '\0';
		(void)setenv("CARD_PROVIDER_URL", plain[i], 1);
		ct_card_configure();
		cr_assert(has_fault("CARD_PROVIDER_URL: is not https"), "%s", faults);
	}
	faults[0] = '\0';
	(void)setenv("CARD_PROVIDER_URL", "https://api.tosspayments.com", 1);
	ct_card_configure();
	cr_assert_str_eq(faults, "");
}

Test(production, key_set_without_https_is_a_fault)
{
	static const char *const	wrong[] = { "ftp://login.example.com/keys", "https://", "https:///keys", "https://user@login.example.com/keys",
		"https://login.example.com/a b", "login.example.com" };
	size_t				i;

	(void)setenv("JWT_JWKS_URL", "http://login.example.com/keys", 1);
	ct_key_fetch_configure();
	cr_assert(has_fault("JWT_JWKS_URL: is not https"), "%s", faults);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		faults[0] = '\0';
		(void)setenv("JWT_JWKS_URL", wrong[i], 1);
		ct_key_fetch_configure();
		cr_assert(has_fault("JWT_JWKS_URL: is not an http"), "%s: %s", wrong[i], faults);
	}
	faults[0] = '\0';
	(void)setenv("JWT_JWKS_URL", "https://login.example.com:8443/keys?a=b", 1);
	ct_key_fetch_configure();
	cr_assert_str_eq(faults, "");
}

Test(production, redis_without_password_is_a_fault)
{
	(void)setenv("REDIS_HOST", "127.0.0.1", 1);
	(void)unsetenv("REDIS_PASSWORD_FILE");
	ct_redis_configure();
	cr_assert(has_fault("REDIS_PASSWORD_FILE: is required"), "%s", faults);

	faults[0] = '\0';
	(void)setenv("REDIS_PASSWORD_FILE", secret, 1);
	ct_redis_configure();
	cr_assert_str_eq(faults, "");

	faults[0] = '\0';
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)unsetenv("REDIS_PASSWORD_FILE");
	ct_redis_configure();
	cr_assert_str_eq(faults, "");
	(void)setenv("REDIS_USER", "queue", 1);
	ct_redis_configure();
	cr_assert(has_fault("REDIS_PASSWORD_FILE: is required with REDIS_USER"), "%s", faults);

	faults[0] = '\0';
	(void)setenv("ENVIRONMENT", "production", 1);
	(void)setenv("REDIS_PASSWORD_FILE", secret, 1);
	cr_assert_eq(chmod(secret, 0644), 0);
	ct_redis_configure();
	cr_assert(has_fault("REDIS_PASSWORD_FILE: "), "%s", faults);
}

/* --- PostgreSQL --- */

static const char *
check_postgres(const char *conninfo)
{
	PQconninfoOption	*options = PQconninfoParse(conninfo, NULL);

	cr_assert_not_null(options, "%s", conninfo);
	faults[0] = '\0';
	pg_check_production(options);
	PQconninfoFree(options);
	return (faults);
}

Test(production, remote_postgres_without_verified_tls_is_a_fault)
{
	static const char *const	remote[] = {
		"host=db.example.com", "host=10.0.0.1", "hostaddr=10.0.0.1 host=localhost", "host=127.evil.example",
		"host=localhost.evil.example", "host=localhost,db.example.com", "host=localhost,", "host=::2", "dbname=concert",
		"service=concert", "host=128.0.0.1", "host=127.1",
		/* Each host of a list counts. */
		"host=127.0.0.1,127.0.0.2,10.0.0.1 port=1,2,3", "host=127.0.0.1,,127.0.0.2",
		"hostaddr=127.0.0.1,10.0.0.1 host=localhost,localhost", "hostaddr=127.0.0.1, host=localhost,localhost",
	};
	static const char *const	modes[] = { "", "sslmode=verify-ca", "sslmode=require", "sslmode=disable" };
	char				text[256];
	size_t				i, k;

	(void)setenv("PGSSLMODE", "verify-full", 1);
	(void)setenv("PGHOST", "127.0.0.1", 1);
	for (i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		for (k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
			(void)snprintf(text, sizeof(text), "%s %s", remote[i], modes[k]);
			(void)check_postgres(text);
			cr_assert(has_fault("PG_CONNINFO: sslmode=verify-full is required"), "%s: %s", text, faults);
			cr_assert(has_fault("PG_CONNINFO: sslrootcert= is required"), "%s: %s", text, faults);
		}
	}
	(void)snprintf(text, sizeof(text), "host=db.example.com sslmode=verify-full sslrootcert=%s", secret);
	cr_assert_str_eq(check_postgres(text), "", "%s", faults);
	(void)check_postgres("host=db.example.com sslmode=verify-full sslrootcert=/nonexistent/ca.pem");
	cr_assert(has_fault("PG_CONNINFO: sslrootcert /nonexistent/ca.pem: No such file"), "%s", faults);
}

Test(production, local_postgres_needs_no_tls)
{
	static const char *const	local[] = {
		"host=/run/postgresql", "host=@concert", "host=localhost", "host=127.0.0.1", "host=127.8.9.10", "host=::1",
		"hostaddr=127.0.0.1 host=db.example.com", "host=localhost,127.0.0.1,/run/postgresql",
		"hostaddr=127.0.0.1,127.0.0.2 host=a.example.com,b.example.com port=1,2",
	};
	size_t				i;

	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		cr_assert_str_eq(check_postgres(local[i]), "", "%s: %s", local[i], faults);
}

Test(production, postgres_password_readable_by_others_is_a_fault)
{
	char	text[256];

	(void)check_postgres("host=localhost password=hidden");
	cr_assert(has_fault("PG_CONNINFO: password="), "%s", faults);
	cr_assert_null(strstr(faults, "hidden"), "%s", faults);

	(void)snprintf(text, sizeof(text), "host=localhost passfile=%s", secret);
	cr_assert_str_eq(check_postgres(text), "", "%s", faults);
	cr_assert_eq(chmod(secret, 0640), 0);
	(void)check_postgres(text);
	cr_assert(has_fault("PG_CONNINFO: passfile "), "%s", faults);
	(void)check_postgres("host=localhost passfile=/nonexistent/pgpass");
	cr_assert(has_fault("PG_CONNINFO: passfile /nonexistent/pgpass: No such file"), "%s", faults);
}

/* Returns true if the exporter refuses this TRACE_COLLECTOR_URL. */
static bool
refuses_collector(const char *url)
{
	faults[0] = '\0';
	(void)setenv("TRACE_COLLECTOR_URL", url, 1);
	ct_exporter_configure("tests");
	return (has_fault("TRACE_COLLECTOR_URL: "));
}

Test(production, collector_is_https_or_on_this_machine)
{
	static const char *const	good[] = { "", "https://collector.example.com", "https://collector.example.com/v1/traces",
	    "http://127.0.0.1:4318", "http://127.9.9.9", "http://localhost:4318/", "http://[::1]:4318/otlp" };
	static const char *const	bad[] = { "http://collector.example.com:4318", "http://127.0.0.1.example.com",
	    "http://128.0.0.1:4318", "http://localhost.example.com", "http://[::1].example.com", "http://10.0.0.1:4318" };
	static const char *const	ill_formed[] = { "collector:4318", "ftp://localhost", "http://", "http:///v1/traces",
	    "http://user:secret@localhost", "http://localhost?a=b", "http://localhost/#a" };
	size_t				i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_not(refuses_collector(good[i]), "%s: %s", good[i], faults);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(refuses_collector(bad[i]), "%s", bad[i]);
	for (i = 0; i < sizeof(ill_formed) / sizeof(ill_formed[0]); i++)
		cr_assert(refuses_collector(ill_formed[i]), "%s", ill_formed[i]);
	(void)setenv("ENVIRONMENT", "development", 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(refuses_collector(bad[i]), "%s: %s", bad[i], faults);
	for (i = 0; i < sizeof(ill_formed) / sizeof(ill_formed[0]); i++)
		cr_assert(refuses_collector(ill_formed[i]), "%s", ill_formed[i]);
}
