/* The issuer's public keys that are in force, and the folder of files that they may come from. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt_cache_internal.h"
#include "auth/jwt_keys_internal.h"

#define KEY_FILE_MAX	16384

static struct ct_jwt_keys	in_force;
static enum ct_jwt_algorithm	algorithm;
static unsigned long		last_serial, sets;

/* Allows [A-Za-z0-9_-]{1,64}: without dots and slashes a kid is never a path. */
static bool
jwt_keys_kid_valid(const char *kid, size_t length)
{
	size_t	i;

	for (i = 0; i < length; i++) {
		if (!((kid[i] >= 'A' && kid[i] <= 'Z') || (kid[i] >= 'a' && kid[i] <= 'z') ||
		    (kid[i] >= '0' && kid[i] <= '9') || kid[i] == '-' || kid[i] == '_'))
			return (false);
	}
	return (length >= 1 && length <= CT_JWT_KID_MAX);
}

void
ct_jwt_keys_configure(enum ct_jwt_algorithm wanted)
{
	algorithm = wanted;
	ct_jwt_keys_use(&(struct ct_jwt_keys){ .count = 0 });
}

enum ct_jwt_algorithm
ct_jwt_keys_algorithm(void)
{
	return (algorithm);
}

unsigned long
ct_jwt_keys_sets(void)
{
	return (sets);
}

void
ct_jwt_keys_drop(struct ct_jwt_keys *set)
{
	while (set->count > 0)
		ct_jwt_key_drop(&set->keys[--set->count]);
}

static const struct ct_jwt_key *
jwt_keys_find_in(const struct ct_jwt_keys *set, const char *kid)
{
	unsigned	i;

	for (i = 0; i < set->count; i++) {
		if (strcmp(set->keys[i].kid, kid) == 0)
			return (&set->keys[i]);
	}
	return (NULL);
}

const struct ct_jwt_key *
ct_jwt_key_find(const char *kid)
{
	return (jwt_keys_find_in(&in_force, kid));
}

bool
ct_jwt_keys_has(const struct ct_jwt_keys *set, const char *kid)
{
	return (jwt_keys_find_in(set, kid) != NULL);
}

void
ct_jwt_keys_use(struct ct_jwt_keys *set)
{
	const struct ct_jwt_key	*known;
	unsigned		 i;

	/* A key that stays keeps its serial, and so its tokens stay in the cache. */
	for (i = 0; i < set->count; i++) {
		known = ct_jwt_key_find(set->keys[i].kid);
		set->keys[i].serial = known != NULL && ct_jwt_key_same(known, &set->keys[i]) ? known->serial : ++last_serial;
	}
	for (i = 0; i < in_force.count; i++) {
		known = jwt_keys_find_in(set, in_force.keys[i].kid);
		if (known == NULL || known->serial != in_force.keys[i].serial)
			ct_jwt_cache_forget(in_force.keys[i].serial);
	}
	sets++;
	ct_jwt_keys_drop(&in_force);
	in_force = *set;
	/* The keys belong to in_force now. A pointer left here would be freed when the next key in this place is refused. */
	memset(set, 0, sizeof(*set));
}

/* Reads one <kid>.pem into the set. Returns false if it is refused. */
static bool
jwt_keys_load_one(struct ct_jwt_keys *set, const char *dir, const char *name, size_t kid_length, char why_r[CT_CONFIG_WHY])
{
	struct ct_jwt_key	*key = &set->keys[set->count];
	char			 path[1024], pem[KEY_FILE_MAX];
	FILE			*file;
	size_t			 length;

	if (set->count == CT_JWT_KEYS_MAX) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "holds more than %d keys", CT_JWT_KEYS_MAX);
		return (false);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((file = fopen(path, "re")) == NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "cannot read %.400s: %s", path, strerror(errno));
		return (false);
	}
	length = fread(pem, 1, sizeof(pem), file);
	(void)fclose(file);
	if (!ct_jwt_key_from_pem(key, algorithm, pem, length)) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.400s is not a public key for %s in PEM form", path,
		    algorithm == CT_JWT_RS256 ? "RS256" : "ES256");
		return (false);
	}
	memcpy(key->kid, name, kid_length);
	set->count++;
	return (true);
}

bool
ct_jwt_keys_load(const char *path, char why_r[CT_CONFIG_WHY])
{
	static struct ct_jwt_keys	 set;
	struct dirent			*entry;
	size_t				 length;
	bool				 good = true;
	DIR				*dir;

	if ((dir = opendir(path)) == NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "cannot read %.400s: %s", path, strerror(errno));
		return (false);
	}
	while ((entry = readdir(dir)) != NULL) {
		length = strlen(entry->d_name);
		if (length > 4 && strcmp(entry->d_name + length - 4, ".pem") == 0 &&
		    jwt_keys_kid_valid(entry->d_name, length - 4))
			good = jwt_keys_load_one(&set, path, entry->d_name, length - 4, why_r) && good;
	}
	(void)closedir(dir);
	if (good && set.count == 0) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "holds no <kid>.pem");
		good = false;
	}
	if (good)
		ct_jwt_keys_use(&set);
	ct_jwt_keys_drop(&set);
	return (good);
}

static int
jwt_keys_by_text(const void *one, const void *other)
{
	return (strcmp(((const struct ct_loaded_value *)one)->text, ((const struct ct_loaded_value *)other)->text));
}

unsigned
ct_jwt_keys_values(struct ct_loaded_value *values_r)
{
	unsigned	i;

	for (i = 0; i < in_force.count; i++) {
		memcpy(values_r[i].text, in_force.keys[i].kid, sizeof(in_force.keys[i].kid));
		values_r[i].use = "verifies";
	}
	qsort(values_r, in_force.count, sizeof(*values_r), jwt_keys_by_text);
	return (in_force.count);
}
