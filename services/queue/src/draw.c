/* See draw.h. */
#include "draw.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "schedule_facts.h"

#define DAY_US	(INT64_C(86400) * 1000000)

static int
draw_digit(char c)
{
	static const char	digits[] = "0123456789abcdef";
	const char		*at = c == '\0' ? NULL : strchr(digits, c);

	return (at == NULL ? -1 : (int)(at - digits));
}

bool
draw_read_seed(const char *hex, uint8_t seed_r[32])
{
	uint8_t	seed[32];

	if (hex == NULL || strlen(hex) != 64)
		return (false);
	for (int i = 0; i < 32; i++) {
		int	high = draw_digit(hex[2 * i]), low = draw_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return (false);
		seed[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(seed_r, seed, sizeof(seed));
	return (true);
}

int64_t
draw_place(const struct schedule_facts *facts, const struct ct_uuid *user)
{
	uint8_t		digest[EVP_MAX_MD_SIZE];
	unsigned	length;
	uint64_t	number = 0;

	if (!facts->has_draw || facts->sale.opens_ms == 0 || HMAC(EVP_sha256(), facts->draw_seed,
	    sizeof(facts->draw_seed), user->bytes, sizeof(user->bytes), digest, &length) == NULL)
		return (0);
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest[i];
	return (facts->sale.opens_ms * 1000 - DAY_US + (int64_t)(number % (uint64_t)DAY_US));
}

int64_t
draw_issued_ms(const struct schedule_facts *facts, uint64_t seq)
{
	int64_t	ms = (int64_t)(seq / 1000);

	return (facts->has_draw && ms < facts->sale.opens_ms ? facts->sale.opens_ms : ms);
}
