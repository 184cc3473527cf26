/* HMAC-SHA-256 on OpenSSL's plain SHA-256 calls. */
#include "auth/hmac.h"

#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>

#define BLOCK_BYTES	64

void
ct_hmac_init(struct ct_hmac *hmac, const void *key, size_t length)
{
	uint8_t	block[BLOCK_BYTES] = { 0 }, pad[BLOCK_BYTES];
	size_t	i;

	if (length > BLOCK_BYTES)
		SHA256(key, length, block);
	else
		memcpy(block, key, length);

	for (i = 0; i < BLOCK_BYTES; i++)
		pad[i] = block[i] ^ 0x36;
	SHA256_Init(&hmac->inner);
	SHA256_Update(&hmac->inner, pad, BLOCK_BYTES);
	for (i = 0; i < BLOCK_BYTES; i++)
		pad[i] = block[i] ^ 0x5c;
	SHA256_Init(&hmac->outer);
	SHA256_Update(&hmac->outer, pad, BLOCK_BYTES);
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(pad, sizeof(pad));
}

void
ct_hmac(const struct ct_hmac *hmac, const void *data, size_t length, unsigned char tag_r[SHA256_DIGEST_LENGTH])
{
	SHA256_CTX	ctx = hmac->inner;

	SHA256_Update(&ctx, data, length);
	SHA256_Final(tag_r, &ctx);
	ctx = hmac->outer;
	SHA256_Update(&ctx, tag_r, SHA256_DIGEST_LENGTH);
	SHA256_Final(tag_r, &ctx);
}
