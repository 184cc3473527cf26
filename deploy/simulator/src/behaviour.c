/*
 * Chooses the answer to a request: the one that a control call has ordered for its payment key, or the one in the
 * key's own text, or a random one. The random choice depends only on the seed, the key, the operation and the number
 * of earlier requests. So with one seed each payment gets the same answers, in any order of requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator.h"

#define BUCKETS		4096
#define DELAY_MAX_MS	600000
#define TEXT_PREFIX	"sim_"

/* The state of one payment key. */
struct fate {
	char		 key[KEY_TEXT];
	struct manner	 ordered[OPERATIONS];
	unsigned	 times[OPERATIONS];	/* number of further requests that it applies to */
	unsigned	 asked[OPERATIONS];
	bool		 has_notice;
	enum notice	 notice;
	struct fate	*next;
};

static const struct {
	const char	*name;
	enum behaviour	 behaviour;
} names[] = {
	{ "decline", DECLINE }, { "delay", DELAY }, { "timeout_before", TIMEOUT_BEFORE },
	{ "timeout_after", TIMEOUT_AFTER }, { "500_before", ERROR_BEFORE }, { "500_after", ERROR_AFTER },
	{ "malformed", MALFORMED }, { "cut_before", CUT_BEFORE }, { "cut_after", CUT_AFTER },
};

static const char *const	notice_names[] = { "once", "twice", "late", "early" };

static struct fate	*fates[BUCKETS];
static uint64_t		 seed;
static unsigned		 percent;
static unsigned		 happened[CUT_AFTER + 1], noticed[NOTICE_EARLY + 1];

static uint64_t
mix(uint64_t value)
{
	/* The finalizer of splitmix64. */
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (value ^ (value >> 31));
}

static uint64_t
hash(const char *text)
{
	uint64_t	value = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (value);
}

static struct fate *
fate_of(const char *key)
{
	struct fate	**bucket = &fates[hash(key) % BUCKETS], *fate;

	for (fate = *bucket; fate != NULL; fate = fate->next) {
		if (strcmp(fate->key, key) == 0)
			return (fate);
	}
	if ((fate = calloc(1, sizeof(*fate))) == NULL)
		abort();
	(void)snprintf(fate->key, sizeof(fate->key), "%s", key);
	fate->next = *bucket;
	*bucket = fate;
	return (fate);
}

/*
 * Reads a behaviour's name with what belongs to it. In a control call an
 * argument follows a colon and nothing follows it; in a key's text both are
 * divided by '_', and anything may follow.
 */
static bool
read_manner(const char *text, char divider, struct manner *manner_r)
{
	const struct provider_error	*error;
	struct manner			 manner = { .behaviour = AS_IT_IS };
	const char			*rest = NULL;
	char				*end;
	size_t				 i, length;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		length = strlen(names[i].name);
		if (strncmp(text, names[i].name, length) == 0 && (text[length] == '\0' || text[length] == divider)) {
			manner.behaviour = names[i].behaviour;
			rest = text + length + (text[length] == divider);
		}
	}
	if (rest == NULL)
		return (false);
	if (manner.behaviour == DECLINE) {
		error = error_at_start(rest);
		if (divider == ':' && *rest != '\0' && (error == NULL || strcmp(error->code, rest) != 0))
			return (false);
		manner.code = error == NULL ? "REJECT_CARD_PAYMENT" : error->code;
		rest = "";
	} else if (manner.behaviour == DELAY) {
		manner.ms = strtol(rest, &end, 10);
		if (end == rest || manner.ms < 0 || manner.ms > DELAY_MAX_MS)
			return (false);
		rest = end;
	}
	if (divider == ':' && *rest != '\0')
		return (false);
	*manner_r = manner;
	return (true);
}

/* "sim_delay_500_x", "sim_cancel_cut_after_x", "sim_find_500_before_x": for the first request of that kind. */
static struct manner
manner_of_text(const char *key, enum operation operation, unsigned asked)
{
	struct manner	 manner = { .behaviour = AS_IT_IS };
	enum operation	 meant = OP_CONFIRM;

	if (strncmp(key, TEXT_PREFIX, strlen(TEXT_PREFIX)) != 0)
		return (manner);
	key += strlen(TEXT_PREFIX);
	if (strncmp(key, "cancel_", 7) == 0) {
		meant = OP_CANCEL;
		key += 7;
	} else if (strncmp(key, "find_", 5) == 0) {
		meant = OP_FIND;
		key += 5;
	}
	if (meant == operation && read_manner(key, '_', &manner) && asked > 0 && manner.behaviour != DECLINE)
		manner.behaviour = AS_IT_IS;
	return (manner);
}

static struct manner
manner_by_chance(const char *key, enum operation operation, unsigned asked)
{
	static const enum behaviour	faults[] = {
		DELAY, TIMEOUT_BEFORE, TIMEOUT_AFTER, ERROR_BEFORE, ERROR_AFTER, MALFORMED, CUT_BEFORE, CUT_AFTER
	};
	static const char *const	codes[] = {
		"REJECT_CARD_PAYMENT", "REJECT_CARD_COMPANY", "INVALID_STOPPED_CARD", "EXCEED_MAX_DAILY_PAYMENT_COUNT",
		"INVALID_CARD_EXPIRATION"
	};
	struct manner	manner = { .behaviour = AS_IT_IS };
	uint64_t	chance = mix(seed ^ mix(hash(key) + (uint64_t)operation * 1000003 + asked));

	if (chance % 100 >= percent)
		return (manner);
	chance = mix(chance);
	/* A card that has been refused once stays refused, so this is for the first time only. */
	if (operation == OP_CONFIRM && asked == 0 && chance % 4 == 0) {
		manner.behaviour = DECLINE;
		manner.code = codes[(chance >> 8) % (sizeof(codes) / sizeof(codes[0]))];
		return (manner);
	}
	manner.behaviour = faults[(chance >> 8) % (sizeof(faults) / sizeof(faults[0]))];
	/* Some delays are shorter than a caller's timeout, others are longer. */
	manner.ms = 50 + (long)((chance >> 16) % 4000);
	return (manner);
}

static struct manner
manner_chosen(const char *payment_key, enum operation operation)
{
	struct fate	*fate = fate_of(payment_key);
	struct manner	 manner;
	unsigned	 asked = fate->asked[operation]++;

	if (fate->times[operation] > 0) {
		fate->times[operation]--;
		return (fate->ordered[operation]);
	}
	manner = manner_of_text(payment_key, operation, asked);
	if (manner.behaviour == AS_IT_IS && percent > 0)
		manner = manner_by_chance(payment_key, operation, asked);
	return (manner);
}

struct manner
manner_of(const char *payment_key, enum operation operation)
{
	struct manner	manner = manner_chosen(payment_key, operation);

	happened[manner.behaviour]++;
	return (manner);
}

static enum notice
notice_chosen(const char *payment_key)
{
	static const char	 webhook[] = TEXT_PREFIX "webhook_";
	struct fate		*fate = fate_of(payment_key);
	uint64_t		 chance;
	size_t			 i, length;

	if (fate->has_notice)
		return (fate->notice);
	if (strncmp(payment_key, webhook, sizeof(webhook) - 1) == 0) {
		for (i = 1; i < sizeof(notice_names) / sizeof(notice_names[0]); i++) {
			length = strlen(notice_names[i]);
			if (strncmp(payment_key + sizeof(webhook) - 1, notice_names[i], length) == 0)
				return ((enum notice)i);
		}
	}
	chance = mix(seed ^ mix(hash(payment_key) + 7));
	return (chance % 100 < percent ? (enum notice)(1 + mix(chance) % 3) : NOTICE_ONCE);
}

enum notice
notice_of(const char *payment_key)
{
	enum notice	notice = notice_chosen(payment_key);

	noticed[notice]++;
	return (notice);
}

void
behaviour_counts(struct ct_buf *buf)
{
	size_t	i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ct_buf_printf(buf, "%s\"%s\":%u", i == 0 ? "{" : ",", names[i].name, happened[names[i].behaviour]);
	for (i = NOTICE_TWICE; i <= NOTICE_EARLY; i++)
		ct_buf_printf(buf, ",\"%s\":%u", notice_names[i], noticed[i]);
	ct_buf_puts(buf, "}");
}

bool
behaviour_order(const char *payment_key, enum operation operation, const char *text, unsigned times)
{
	struct fate	*fate;
	struct manner	 manner;

	if (!read_manner(text, ':', &manner) || (manner.behaviour == DECLINE && operation == OP_FIND))
		return (false);
	fate = fate_of(payment_key);
	fate->ordered[operation] = manner;
	fate->times[operation] = times;
	return (true);
}

bool
notice_order(const char *payment_key, const char *text)
{
	struct fate	*fate;
	size_t		 i;

	for (i = 0; i < sizeof(notice_names) / sizeof(notice_names[0]); i++) {
		if (strcmp(notice_names[i], text) == 0) {
			fate = fate_of(payment_key);
			fate->has_notice = true;
			fate->notice = (enum notice)i;
			return (true);
		}
	}
	return (false);
}

void
behaviour_seed(uint64_t new_seed, unsigned new_percent)
{
	seed = new_seed;
	percent = new_percent;
}
