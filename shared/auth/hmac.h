/* HMAC-SHA-256 (RFC 2104) with a fixed key. ct_hmac_init hashes the key's two blocks once; each use copies their states. */
#ifndef CT_HMAC_H
#define CT_HMAC_H

/* OpenSSL 3 deprecates its plain SHA-256 calls, but the replacement allocates memory on each use. */
#define OPENSSL_API_COMPAT	0x10100000L

#include <stddef.h>

#include <openssl/sha.h>

struct ct_hmac {
	SHA256_CTX	inner;
	SHA256_CTX	outer;
};

void	 ct_hmac_init(struct ct_hmac *hmac, const void *key, size_t length);

void	 ct_hmac(const struct ct_hmac *hmac, const void *data, size_t length,
	     unsigned char tag_r[SHA256_DIGEST_LENGTH]);

#endif
