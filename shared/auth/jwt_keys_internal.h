/* The issuer's public keys that are in force. For the other files of the tokens. */
#ifndef CT_JWT_KEYS_INTERNAL_H
#define CT_JWT_KEYS_INTERNAL_H

#include <stdbool.h>

#include "auth/jwt_key_internal.h"
#include "base/config.h"

#define CT_JWT_KEYS_MAX		64

_Static_assert(CT_JWT_KEYS_MAX == CT_LOADED_VALUES, "all keys are shown");

struct ct_jwt_keys {
	struct ct_jwt_key	keys[CT_JWT_KEYS_MAX];
	unsigned		count;
};

/* `algorithm` is RS256 or ES256. No key is in force afterwards. */
void	 ct_jwt_keys_configure(enum ct_jwt_algorithm algorithm);
enum ct_jwt_algorithm	 ct_jwt_keys_algorithm(void);

/*
 * Puts the set in force and empties *set. Tokens of keys that are not in it, or that have another value, are no longer
 * accepted, cached ones neither.
 */
void	 ct_jwt_keys_use(struct ct_jwt_keys *set);

/* Frees a set that is not in force. */
void	 ct_jwt_keys_drop(struct ct_jwt_keys *set);

/* Returns true if the set has a key with this id. */
bool	 ct_jwt_keys_has(const struct ct_jwt_keys *set, const char *kid);

/* Returns how many sets have been in force in this process. */
unsigned long		 ct_jwt_keys_sets(void);

/* Returns the key in force with this id, or NULL. Valid until the next ct_jwt_keys_use. */
const struct ct_jwt_key	*ct_jwt_key_find(const char *kid);

/*
 * The functions of ct_watched_file (base/watched.h) for a folder with <kid>.pem. A file that is not a public key for the
 * algorithm refuses the whole folder, and so does a folder without keys.
 */
bool	 ct_jwt_keys_load(const char *path, char why_r[CT_CONFIG_WHY]);
unsigned ct_jwt_keys_values(struct ct_loaded_value *values_r);

#endif
