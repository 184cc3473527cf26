/* Copies of answers for many readers. cache.h states the contract. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/metrics.h"
#include "cache.h"
#include "gzip.h"
#include "loop/loop.h"
#include "readers_share.h"
#include "service/outcome.h"

#define REFRESH_MS	250	/* the next reader refreshes an older copy, and does not wait for an older call */
#define COPY_MAX_MS	500	/* an older copy is not given out */
#define BUDGET_CALLS	8	/* at once; one more every REFRESH_MS */
#define IDLE_MS		60000	/* an entry without readers for longer is removed */
#define ENTRIES_MAX	1024
#define BYTES_MAX	(64UL * 1024 * 1024)
#define BODY_MAX	(16UL * 1024 * 1024)
#define BUCKETS		1024
#define KEY_MAX		512

struct waiter {
	STAILQ_ENTRY(waiter)	 list;
	struct ct_request	*request;
	void			(*reply)(struct ct_request *, const char *, size_t);
};
STAILQ_HEAD(waiters, waiter);

struct entry {
	TAILQ_ENTRY(entry)	 by_use;
	LIST_ENTRY(entry)	 bucket;
	const struct ct_pg_statement *stmt;
	char			*key;
	const char		*args[CACHE_ARGS_MAX];	/* in key; NULL is SQL null */
	unsigned		 args_count;
	bool			 has_tag;
	bool			 once;
	uint64_t		 used_ms;
	struct cache_budget	 budget;

	/* The copy; without one, body is NULL. */
	struct ct_shared	*body;
	struct ct_shared	*packed;	/* the same, compressed; NULL: compression saves nothing */
	char			*etag;
	int64_t			 version;
	uint64_t		 asked_ms;	/* start of the call that confirmed the copy */

	/* The call in flight, the readers that wait for it, and those that need a later call. */
	bool			 asking;
	uint64_t		 asking_ms;
	struct waiters		 waiting;
	struct waiters		 late;

	/* The answer of that call, while it is being compressed. */
	struct ct_shared	*new_body;
	char			*new_etag;
};

static TAILQ_HEAD(, entry)	 by_use = TAILQ_HEAD_INITIALIZER(by_use);	/* least recently used first */
static LIST_HEAD(, entry)	 buckets[BUCKETS];
static unsigned			 entries;
static size_t			 bytes;
static struct ct_metric		*from_copy, *from_database, *calls, *bytes_kept;
static int64_t			(*version_of)(const struct ct_pg_statement *, const char *const *, const char *);

static void	cache_entry_ask(struct entry *);

bool
cache_budget_take(struct cache_budget *budget)
{
	uint64_t	now = ct_loop_now_ms();

	/* Each call costs REFRESH_MS of the budget. A full budget is BUDGET_CALLS calls. */
	if (budget->spent_until_ms < now)
		budget->spent_until_ms = now;
	if (budget->spent_until_ms - now > (BUDGET_CALLS - 1) * REFRESH_MS)
		return (false);
	budget->spent_until_ms += REFRESH_MS;
	return (true);
}

static void
cache_entry_drop_copy(struct entry *entry)
{
	if (entry->body != NULL)
		bytes -= entry->body->length;
	if (entry->packed != NULL)
		bytes -= entry->packed->length;
	ct_shared_drop(entry->body);
	ct_shared_drop(entry->packed);
	free(entry->etag);
	entry->body = NULL;
	entry->packed = NULL;
	entry->etag = NULL;
	ct_metric_set(bytes_kept, (int64_t)bytes);
}

static void
cache_entry_free(struct entry *entry)
{
	CT_ASSERT_MSG(!entry->asking && STAILQ_EMPTY(&entry->waiting) && STAILQ_EMPTY(&entry->late),
	    "no reader waits for an entry that is freed");
	cache_entry_drop_copy(entry);
	TAILQ_REMOVE(&by_use, entry, by_use);
	LIST_REMOVE(entry, bucket);
	entries--;
	free(entry->key);
	free(entry);
}

/* Removes entries until one more entry and `more` bytes fit. An entry with waiting readers stays. */
static void
cache_make_room(size_t more)
{
	struct entry	*entry, *next;

	for (entry = TAILQ_FIRST(&by_use); entry != NULL && (entries >= ENTRIES_MAX || bytes + more > BYTES_MAX);
	    entry = next) {
		next = TAILQ_NEXT(entry, by_use);
		if (!entry->asking)
			cache_entry_free(entry);
	}
}

static void
cache_forget_idle(void *arg)
{
	struct entry	*entry, *next;
	uint64_t	 now = ct_loop_now_ms();

	(void)arg;
	for (entry = TAILQ_FIRST(&by_use); entry != NULL && now - entry->used_ms > IDLE_MS; entry = next) {
		next = TAILQ_NEXT(entry, by_use);
		if (!entry->asking)
			cache_entry_free(entry);
	}
}

/* Writes "function\0arg\0arg\0", a NULL argument as \1. Returns its length, or 0 if it is too long. */
static size_t
cache_write_key(char key_r[KEY_MAX], const struct ct_pg_statement *stmt, unsigned count, const char *const *args)
{
	size_t		length = strlen(stmt->function) + 1, one;
	unsigned	i;

	memcpy(key_r, stmt->function, length);
	for (i = 0; i < count; i++) {
		const char	*arg = args[i] == NULL ? "\1" : args[i];

		one = strlen(arg) + 1;
		if (length + one > KEY_MAX)
			return (0);
		memcpy(key_r + length, arg, one);
		length += one;
	}
	return (length);
}

static unsigned
cache_entry_bucket(const char *key, size_t length)
{
	uint64_t	hash = 14695981039346656037UL;	/* FNV-1a */
	size_t		i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)key[i]) * 1099511628211UL;
	return ((unsigned)(hash % BUCKETS));
}

static struct entry *
cache_entry_new(const struct cache_question *question, const char key[KEY_MAX])
{
	struct entry	*entry = calloc(1, sizeof(*entry));
	size_t		 at = strlen(question->stmt->function) + 1;
	unsigned	 i;

	if (entry == NULL || (entry->key = calloc(1, KEY_MAX)) == NULL)
		abort();
	memcpy(entry->key, key, KEY_MAX);
	entry->stmt = question->stmt;
	entry->args_count = question->args_count;
	entry->has_tag = question->has_tag;
	entry->once = question->once;
	for (i = 0; i < question->args_count; i++, at += strlen(entry->key + at) + 1)
		entry->args[i] = question->args[i] == NULL ? NULL : entry->key + at;
	STAILQ_INIT(&entry->waiting);
	STAILQ_INIT(&entry->late);
	return (entry);
}

/* Returns the entry for the question, a new one if necessary. NULL: all entries have calls in flight. */
static struct entry *
cache_entry_get(const struct cache_question *question)
{
	struct entry	*entry;
	char		 key[KEY_MAX] = "";
	size_t		 length = cache_write_key(key, question->stmt, question->args_count, question->args);
	unsigned	 bucket;

	if (length == 0)
		return (NULL);
	bucket = cache_entry_bucket(key, length);
	LIST_FOREACH(entry, &buckets[bucket], bucket) {
		if (entry->stmt == question->stmt && memcmp(entry->key, key, length) == 0)
			break;
	}
	if (entry == NULL) {
		cache_make_room(0);
		if (entries >= ENTRIES_MAX)
			return (NULL);
		entry = cache_entry_new(question, key);
		LIST_INSERT_HEAD(&buckets[bucket], entry, bucket);
		entries++;
	} else
		TAILQ_REMOVE(&by_use, entry, by_use);
	TAILQ_INSERT_TAIL(&by_use, entry, by_use);
	entry->used_ms = ct_loop_now_ms();
	return (entry);
}

/* If-None-Match may list several tags, weak or strong, or be "*". */
static bool
cache_tag_matches(const char *if_none_match, const char *etag)
{
	return (if_none_match != NULL && etag != NULL && (strcmp(if_none_match, "*") == 0 ||
	    strstr(if_none_match, strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag) != NULL));
}

/* Replies with the copy or a part of it. The tag stands for both forms, plain and compressed, so it is a weak one. */
static void
cache_reply_copy(struct ct_request *request, const struct entry *entry,
    void (*reply)(struct ct_request *, const char *, size_t))
{
	if (reply != NULL) {
		reply(request, entry->body->data, entry->body->length);
		return;
	}
	if (entry->etag != NULL)
		ct_reply_header(request, "etag", entry->etag);
	if (entry->packed != NULL)
		ct_reply_header(request, "vary", "Accept-Encoding");
	if (cache_tag_matches(ct_header(request, "if-none-match"), entry->etag)) {
		ct_reply_empty(request, 304);
	} else if (entry->packed != NULL && gzip_accepted(ct_header(request, "accept-encoding"))) {
		ct_reply_header(request, "content-encoding", "gzip");
		ct_reply_shared(request, 200, entry->packed);
	} else
		ct_reply_shared(request, 200, entry->body);
}

/* Ends the call: answers the waiting readers, with the copy if there is one. Calls again for readers that need a
 * later call. */
static void
cache_entry_settle(struct entry *entry, bool good, const struct ct_outcome *outcome)
{
	struct waiters	 waiting = STAILQ_HEAD_INITIALIZER(waiting);
	struct waiter	*waiter;
	struct ct_trace	 before;

	CT_ASSERT_MSG(entry->asking, "a call ends once");
	STAILQ_CONCAT(&waiting, &entry->waiting);
	if (good)
		entry->asked_ms = entry->asking_ms;

	/* A reply may bring the next request of its connection in, so `asking` stays true until all replies are sent. */
	while ((waiter = STAILQ_FIRST(&waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiting, list);
		ct_metric_add(from_database, 1);
		if (good)
			cache_reply_copy(waiter->request, entry, waiter->reply);
		else
			ct_reply_outcome(waiter->request, outcome);
	}
	entry->asking = false;
	STAILQ_CONCAT(&entry->waiting, &entry->late);
	if ((waiter = STAILQ_FIRST(&entry->waiting)) != NULL) {
		before = ct_trace_enter(&waiter->request->trace);
		cache_entry_ask(entry);
		ct_trace_leave(before);
	} else if (entry->body == NULL || entry->once)
		cache_entry_free(entry);
}

/* The new copy is complete. */
static void
cache_entry_packed(struct ct_shared *packed, void *arg)
{
	struct entry	*entry = arg;

	cache_entry_drop_copy(entry);
	cache_make_room(entry->new_body->length + (packed == NULL ? 0 : packed->length));
	entry->body = entry->new_body;
	entry->etag = entry->new_etag;
	entry->packed = packed;
	entry->new_body = NULL;
	entry->new_etag = NULL;
	bytes += entry->body->length + (packed == NULL ? 0 : packed->length);
	ct_metric_set(bytes_kept, (int64_t)bytes);
	entry->version = version_of != NULL ? version_of(entry->stmt, entry->args, entry->body->data) : 0;
	cache_entry_settle(entry, true, NULL);
}

/* Returns true if the answer equals the copy, so that it needs no compression. */
static bool
cache_entry_is_same(const struct entry *entry, const struct ct_outcome *outcome)
{
	return (entry->body != NULL && entry->etag == NULL && outcome->etag == NULL &&
	    entry->body->length == outcome->body_length &&
	    memcmp(entry->body->data, outcome->body, outcome->body_length) == 0);
}

static void
cache_entry_answered(const struct ct_outcome *outcome, void *arg)
{
	struct entry	*entry = arg;
	bool		 good = outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0;

	if (good && outcome->body != NULL && outcome->body_length <= BODY_MAX && !cache_entry_is_same(entry, outcome)) {
		entry->new_body = ct_shared_new(outcome->body, outcome->body_length);
		if (outcome->etag != NULL && (entry->new_etag = strdup(outcome->etag)) == NULL)
			abort();
		gzip_answer(entry->new_body, cache_entry_packed, entry);
		return;
	}
	if (good)
		good = outcome->body != NULL && outcome->body_length <= BODY_MAX;
	else if (outcome->error == CT_OK && strcmp(outcome->outcome, "NOT_MODIFIED") == 0)
		good = entry->body != NULL;
	if (!good && outcome->error == CT_OK)
		cache_entry_drop_copy(entry);
	cache_entry_settle(entry, good, outcome);
}

static void
cache_entry_ask(struct entry *entry)
{
	const char	*args[CACHE_ARGS_MAX];

	CT_ASSERT_MSG(!entry->asking, "one call at a time refreshes a copy");
	memcpy(args, entry->args, sizeof(args));
	if (entry->has_tag)
		args[entry->args_count - 1] = entry->etag;
	entry->asking = true;
	entry->asking_ms = ct_loop_now_ms();
	ct_metric_add(calls, 1);
	readers_share_call(entry->stmt, entry->args_count, args, entry->body != NULL, cache_entry_answered, entry);
}

void
cache_reply(struct ct_request *request, const struct cache_question *question)
{
	struct entry	*entry = cache_entry_get(question);
	struct waiter	*waiter;
	uint64_t	 now = ct_loop_now_ms(), age;
	bool		 fresh;

	if (entry == NULL) {
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, "Too many different questions are being answered.", NULL);
		return;
	}
	age = entry->body == NULL ? UINT64_MAX : now - entry->asked_ms;
	fresh = cache_budget_take(&entry->budget) || (entry->body != NULL && entry->version < question->seen);
	if (!fresh && (age <= REFRESH_MS || (age <= COPY_MAX_MS && entry->asking))) {
		ct_metric_add(from_copy, 1);
		cache_reply_copy(request, entry, question->reply);
		return;
	}

	/*
	 * The call in flight may have read the data before this request came. So the reader joins it only under load, and only
	 * while it is young. It must also have begun after the copy was made: then it sees the version that the reader has seen.
	 */
	waiter = ct_alloc(request, sizeof(*waiter));
	waiter->request = request;
	waiter->reply = question->reply;
	if (entry->asking && (fresh || now - entry->asking_ms > REFRESH_MS || (question->seen > 0 && entry->body == NULL)))
		STAILQ_INSERT_TAIL(&entry->late, waiter, list);
	else
		STAILQ_INSERT_TAIL(&entry->waiting, waiter, list);
	if (!entry->asking)
		cache_entry_ask(entry);
}

void
cache_watch(int64_t (*version)(const struct ct_pg_statement *, const char *const *, const char *))
{
	version_of = version;
}

void
cache_configure(void)
{
	readers_share_configure();
	gzip_configure();
	from_copy = ct_metric_counter("cache_replies_total", "from=\"copy\"",
	    "Replies to readers, by where the answer comes from");
	from_database = ct_metric_counter("cache_replies_total", "from=\"database\"",
	    "Replies to readers, by where the answer comes from");
	calls = ct_metric_counter("cache_calls_total", "", "Calls of SQL functions for readers");
	bytes_kept = ct_metric_gauge("cache_bytes", "", "Bytes of the copies");
}

void
cache_start(void)
{
	readers_share_start();
	ct_loop_every(1000, cache_forget_idle, NULL);
}
