/*
 * Prints JSON Web Tokens (HS256) for a local system: one for a user, or many for new users. It signs with the secret that
 * the services verify with.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jwt.h>

#include "base/config.h"
#include "base/ids.h"
#include "base/log.h"

#define DAY		86400L

static const char	usage_text[] =
"usage: token [options]                 one token, for a new user\n"
"       token --user UUID [options]     one token, for this user\n"
"       token --count N [options]       N tokens for N new users, one a line\n"
"\n"
"  --roles ROLE[,ROLE...]   roles in the token: operator; support and gate give no rights yet\n"
"  --ttl SECONDS            how long it is valid (86400: a day; may be negative: expired)\n"
"  --secret-file FILE       the shared secret (default: what JWT_SECRET_FILE names)\n"
"  --iss TEXT               issuer (default: JWT_ISSUER, if set)\n"
"  --aud TEXT               audience (default: JWT_AUDIENCE, if set)\n"
"  --help                   this text\n";

struct claims {
	const char	*issuer;
	const char	*audience;
	char		*roles;		/* JSON array, NULL: none */
	long		 ttl;
};

static void	token_die(const char *fmt, const char *what) __attribute__((noreturn, format(printf, 1, 0)));

static void
token_die(const char *fmt, const char *what)
{
	fputs("token: ", stderr);
	fprintf(stderr, fmt, what);
	fputs(" (token --help)\n", stderr);
	exit(2);
}

static long
token_number(const char *option, const char *text, long min, long max)
{
	char	*end;
	long	 value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		token_die("%s needs a whole number within reason", option);
	return (value);
}

static bool
token_is_role(const char *name, size_t length)
{
	static const char *const	roles[] = { "operator", "support", "gate" };
	size_t				i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strlen(roles[i]) == length && memcmp(roles[i], name, length) == 0)
			return (true);
	}
	return (false);
}

/* Makes ["a","b"] from "a,b". */
static char *
token_roles_json(const char *list)
{
	const char	*all = list;
	size_t		 length;
	char		*json, *at;

	if ((json = calloc(3, strlen(list) + 2)) == NULL)
		abort();
	at = json;
	*at++ = '[';
	for (;;) {
		length = strcspn(list, ",");
		if (!token_is_role(list, length))
			token_die("--roles: '%s' is not a list of operator, support, gate", all);
		at += sprintf(at, "\"%.*s\"", (int)length, list);
		list += length;
		if (*list == '\0')
			break;
		list++;
		*at++ = ',';
	}
	*at = ']';
	return (json);
}

static void
token_print(const char *user, const struct claims *claims, const char *secret, size_t secret_length)
{
	time_t	 now = time(NULL);
	jwt_t	*jwt;
	char	*text, *grants;

	if (jwt_new(&jwt) != 0 ||
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)secret_length) != 0 ||
	    jwt_add_grant(jwt, "sub", user) != 0 || jwt_add_grant_int(jwt, "iat", (long)now) != 0 ||
	    jwt_add_grant_int(jwt, "exp", (long)now + claims->ttl) != 0)
		token_die("cannot make a token: %s", strerror(errno));
	if (*claims->issuer != '\0')
		(void)jwt_add_grant(jwt, "iss", claims->issuer);
	if (*claims->audience != '\0')
		(void)jwt_add_grant(jwt, "aud", claims->audience);
	if (claims->roles != NULL) {
		if (asprintf(&grants, "{\"roles\":%s}", claims->roles) < 0 || jwt_add_grants_json(jwt, grants) != 0)
			token_die("cannot add roles: %s", strerror(errno));
		free(grants);
	}
	if ((text = jwt_encode_str(jwt)) == NULL)
		token_die("cannot sign: %s", strerror(errno));
	puts(text);
	free(text);
	jwt_free(jwt);
}

int
main(int argc, char **argv)
{
	static const struct option	options[] = {
		{ "user", required_argument, NULL, 'u' }, { "count", required_argument, NULL, 'c' },
		{ "roles", required_argument, NULL, 'r' }, { "ttl", required_argument, NULL, 't' },
		{ "secret-file", required_argument, NULL, 's' }, { "iss", required_argument, NULL, 'i' },
		{ "aud", required_argument, NULL, 'a' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	struct claims			claims = { NULL, NULL, NULL, DAY };
	struct ct_uuid			uuid;
	const char			*user = NULL, *secret;
	char				text[CT_UUID_TEXT];
	size_t				length;
	long				count = 0;
	int				option;

	ct_log_init("token", CT_LOG_INFO);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u':
			user = optarg;
			break;
		case 'c':
			count = token_number("--count", optarg, 1, 10000000);
			break;
		case 'r':
			claims.roles = token_roles_json(optarg);
			break;
		case 't':
			claims.ttl = token_number("--ttl", optarg, -10 * 365 * DAY, 10 * 365 * DAY);
			break;
		case 's':
			if (setenv("JWT_SECRET_FILE", optarg, 1) != 0)
				abort();
			break;
		case 'i':
			claims.issuer = optarg;
			break;
		case 'a':
			claims.audience = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return (0);
		default:
			fputs(usage_text, stderr);
			return (2);
		}
	}
	if (optind < argc)
		token_die("'%s' is not an option", argv[optind]);
	if (user != NULL && count > 0)
		token_die("%s and --count don't go together", "--user");
	if (user != NULL && !ct_uuid_parse(user, &uuid))
		token_die("--user: '%s' is not a UUID", user);
	if (claims.issuer == NULL)
		claims.issuer = ct_config_text("JWT_ISSUER");
	if (claims.audience == NULL)
		claims.audience = ct_config_text("JWT_AUDIENCE");
	secret = ct_config_secret_file("JWT_SECRET_FILE", &length);
	ct_config_finish();
	/* The first line signs (auth/hmac_keys.h). */
	length = strcspn(secret, "\r\n");

	for (count = count == 0 ? 1 : count; count > 0; count--) {
		if (user == NULL)
			ct_uuid_v7(&uuid);
		ct_uuid_format(&uuid, text);
		token_print(text, &claims, secret, length);
	}
	return (0);
}
