/* See redis_slots.h. */
#include "redis/redis_slots.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLYNOMIAL	0x1021

static uint16_t	table[256];

static void
slots_make_table(void)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		unsigned	crc = byte << 8;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000) != 0 ? crc << 1 ^ POLYNOMIAL : crc << 1;
		table[byte] = (uint16_t)crc;
	}
}

static uint16_t
slots_crc16(const char *data, size_t length)
{
	uint16_t	crc = 0;

	if (table[1] == 0)
		slots_make_table();
	for (size_t i = 0; i < length; i++)
		crc = (uint16_t)(crc << 8 ^ table[(crc >> 8 ^ (unsigned char)data[i]) & 0xff]);
	return (crc);
}

uint16_t
redis_slot(const char *key, size_t length)
{
	const char	*open = memchr(key, '{', length), *close;

	if (open != NULL) {
		open++;
		close = memchr(open, '}', length - (size_t)(open - key));
		if (close != NULL && close > open)
			return (slots_crc16(open, (size_t)(close - open)) % REDIS_SLOTS);
	}
	return (slots_crc16(key, length) % REDIS_SLOTS);
}

static bool
slots_is_address(const char *text)
{
	unsigned char	bytes[sizeof(struct in6_addr)];

	return (strlen(text) < CT_ADDRESS_TEXT && (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1));
}

static bool
slots_is_number(const redisReply *reply, long long most)
{
	return (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= most);
}

/* [first, last, [address, port, ...], replicas...]. Redis gives no address (nil or "") if it does not know its own. */
static bool
slots_range(const redisReply *reply, struct redis_slot_range *range_r)
{
	const redisReply	*master;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 || !slots_is_number(reply->element[0], REDIS_SLOTS - 1) ||
	    !slots_is_number(reply->element[1], REDIS_SLOTS - 1))
		return (false);
	master = reply->element[2];
	if (master->type != REDIS_REPLY_ARRAY || master->elements < 2 || !slots_is_number(master->element[1], 65535))
		return (false);
	memset(range_r, 0, sizeof(*range_r));
	range_r->first = (uint16_t)reply->element[0]->integer;
	range_r->last = (uint16_t)reply->element[1]->integer;
	range_r->master.port = (int)master->element[1]->integer;
	if (master->element[0]->type == REDIS_REPLY_NIL)
		return (true);
	if (master->element[0]->type != REDIS_REPLY_STRING ||
	    (*master->element[0]->str != '\0' && !slots_is_address(master->element[0]->str)))
		return (false);
	(void)snprintf(range_r->master.text, sizeof(range_r->master.text), "%s", master->element[0]->str);
	return (true);
}

bool
redis_slots_each(const redisReply *reply, redis_slots_cb each, void *arg)
{
	struct redis_slot_range	range;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
		return (false);
	for (size_t i = 0; i < reply->elements; i++) {
		if (!slots_range(reply->element[i], &range))
			return (false);
	}
	for (size_t i = 0; i < reply->elements; i++) {
		(void)slots_range(reply->element[i], &range);
		each(&range, arg);
	}
	return (true);
}

/* "3999 192.0.2.1:6381", "3999 ::1:6381" or, without an address, "3999 :6381" */
static bool
slots_target(const char *text, struct redis_target *target_r)
{
	char		*end;
	const char	*colon = strrchr(text, ':');
	long		 slot = strtol(text, &end, 10), port;

	if (colon == NULL || *end != ' ' || slot < 0 || slot >= REDIS_SLOTS || colon - end - 1 >= CT_ADDRESS_TEXT)
		return (false);
	port = strtol(colon + 1, NULL, 10);
	if (port < 1 || port > 65535)
		return (false);
	memset(target_r, 0, sizeof(*target_r));
	target_r->slot = (uint16_t)slot;
	target_r->at.port = (int)port;
	memcpy(target_r->at.text, end + 1, (size_t)(colon - end - 1));
	return (*target_r->at.text == '\0' || slots_is_address(target_r->at.text));
}

enum redis_redirect
redis_redirect(const char *error, struct redis_target *target_r)
{
	if (strncmp(error, "TRYAGAIN ", 9) == 0)
		return (REDIS_REDIRECT_AGAIN);
	if (strncmp(error, "MOVED ", 6) == 0 && slots_target(error + 6, target_r))
		return (REDIS_REDIRECT_MOVED);
	if (strncmp(error, "ASK ", 4) == 0 && slots_target(error + 4, target_r))
		return (REDIS_REDIRECT_ASK);
	return (REDIS_REDIRECT_NONE);
}
