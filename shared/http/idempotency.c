/* Writes a request's canonical form (RFC 8785) into a buffer and hashes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/buf.h"
#include "base/ids.h"
#include "http/idempotency.h"

#define CANONICAL_MAX	(1024 * 1024)

_Static_assert(2 * SHA256_DIGEST_LENGTH < CT_REQUEST_HASH_TEXT, "a hash in hexadecimal and its NUL fit");

bool
ct_idempotency_key_valid(const char *key)
{
	size_t	length;

	for (length = 0; key[length] != '\0'; length++) {
		if (key[length] < 0x20 || key[length] > 0x7e || length == 255)
			return (false);
	}
	return (length > 0);
}

static void	idempotency_canonical(struct ct_buf *buf, const cJSON *item);

static int
idempotency_compare_members(const void *a, const void *b)
{
	return (strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string));
}

static void
idempotency_canonical_object(struct ct_buf *buf, const cJSON *object)
{
	const cJSON	**members, *child;
	size_t		  count = (size_t)cJSON_GetArraySize(object), i = 0;

	if ((members = calloc(count + 1, sizeof(*members))) == NULL)
		abort();
	cJSON_ArrayForEach(child, object)
		members[i++] = child;
	qsort(members, count, sizeof(*members), idempotency_compare_members);

	ct_buf_puts(buf, "{");
	for (i = 0; i < count; i++) {
		if (i > 0)
			ct_buf_puts(buf, ",");
		ct_buf_json_string(buf, members[i]->string);
		ct_buf_puts(buf, ":");
		idempotency_canonical(buf, members[i]);
	}
	ct_buf_puts(buf, "}");
	free(members);
}

static void
idempotency_canonical(struct ct_buf *buf, const cJSON *item)
{
	const cJSON	*child;
	struct ct_uuid	 uuid;
	char		 text[CT_UUID_TEXT];

	if (cJSON_IsObject(item)) {
		idempotency_canonical_object(buf, item);
	} else if (cJSON_IsArray(item)) {
		ct_buf_puts(buf, "[");
		cJSON_ArrayForEach(child, item) {
			if (child != item->child)
				ct_buf_puts(buf, ",");
			idempotency_canonical(buf, child);
		}
		ct_buf_puts(buf, "]");
	} else if (cJSON_IsString(item)) {
		if (ct_uuid_parse(item->valuestring, &uuid)) {
			ct_uuid_format(&uuid, text);
			ct_buf_json_string(buf, text);
		} else {
			ct_buf_json_string(buf, item->valuestring);
		}
	} else if (cJSON_IsNumber(item)) {
		/* No call accepts a number with a fraction, but two different ones must have different hashes. */
		if (fabs(item->valuedouble) < 9007199254740992.0 && floor(item->valuedouble) == item->valuedouble)
			ct_buf_printf(buf, "%.0f", item->valuedouble == 0 ? 0 : item->valuedouble);
		else
			ct_buf_printf(buf, "%.17g", item->valuedouble);
	} else {
		ct_buf_puts(buf, cJSON_IsTrue(item) ? "true" : cJSON_IsFalse(item) ? "false" : "null");
	}
}

/* Returns the member at a path like "card.paymentKey", or NULL. */
static const cJSON *
idempotency_member_at(const cJSON *item, const char *path)
{
	char	name[64];
	size_t	length;

	for (;; path += length + 1) {
		length = strcspn(path, ".");
		if (length >= sizeof(name))
			abort();
		memcpy(name, path, length);
		name[length] = '\0';
		item = cJSON_GetObjectItemCaseSensitive(item, name);
		if (item == NULL || path[length] == '\0')
			return (item);
	}
}

void
ct_request_hash(const char *operation, const cJSON *body, const char *const *fields,
    char hash_r[CT_REQUEST_HASH_TEXT])
{
	static const char	 digits[] = "0123456789abcdef";
	unsigned char		 digest[SHA256_DIGEST_LENGTH];
	struct ct_buf		 buf;
	const cJSON		*member;
	unsigned		 i;

	ct_buf_init(&buf, CANONICAL_MAX);
	ct_buf_json_string(&buf, operation);
	for (i = 0; fields[i] != NULL; i++) {
		if ((member = idempotency_member_at(body, fields[i])) == NULL || cJSON_IsNull(member))
			continue;
		ct_buf_puts(&buf, ",");
		ct_buf_json_string(&buf, fields[i]);
		ct_buf_puts(&buf, ":");
		idempotency_canonical(&buf, member);
	}
	/* The longest body needs far less than the ceiling. A part of the form must never be hashed. */
	if (buf.failed)
		abort();

	SHA256((const unsigned char *)buf.data, buf.length, digest);
	for (i = 0; i < sizeof(digest); i++) {
		hash_r[2 * i] = digits[digest[i] >> 4];
		hash_r[2 * i + 1] = digits[digest[i] & 0x0f];
	}
	hash_r[2 * sizeof(digest)] = '\0';
	ct_buf_deinit(&buf);
}
