/* Answers kept for a moment. See cache.h for what it promises. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "lane.h"
#include "pack.h"

#define REFRESH_MS	250	/* a copy older than this is refreshed by who asks next; an older call is joined by none */
#define COPY_MAX_MS	500	/* and given out no longer than this */
#define BUDGET_CALLS	8	/* at once; one more comes every REFRESH_MS */
#define IDLE_MS		60000	/* a copy that nobody has asked for so long is forgotten */
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

	/* The copy; body NULL: none. */
	struct ct_shared	*body;
	struct ct_shared	*packed;	/* the same, compressed; NULL: not worth it */
	char			*etag;
	int64_t			 version;
	uint64_t		 asked_ms;	/* when the call began that said it is so */

	/* The call in flight, who waits for it, and who came too late for it. */
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

static void	entry_ask(struct entry *);

bool
cache_budget_take(struct cache_budget *budget)
{
	uint64_t	now = ct_loop_now_ms();

	/* Each call spends REFRESH_MS of time; BUDGET_CALLS of them may be spent ahead. */
	if (budget->spent_until_ms < now)
		budget->spent_until_ms = now;
	if (budget->spent_until_ms - now > (BUDGET_CALLS - 1) * REFRESH_MS)
		return (false);
	budget->spent_until_ms += REFRESH_MS;
	return (true);
}

static void
copy_drop(struct entry *entry)
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
entry_free(struct entry *entry)
{
	copy_drop(entry);
	TAILQ_REMOVE(&by_use, entry, by_use);
	LIST_REMOVE(entry, bucket);
	entries--;
	free(entry->key);
	free(entry);
}

/* Until there is room for one more entry and `more` bytes. An entry somebody waits for stays. */
static void
make_room(size_t more)
{
	struct entry	*entry, *next;

	for (entry = TAILQ_FIRST(&by_use); entry != NULL && (entries >= ENTRIES_MAX || bytes + more > BYTES_MAX);
	    entry = next) {
		next = TAILQ_NEXT(entry, by_use);
		if (!entry->asking)
			entry_free(entry);
	}
}

static void
forget_idle(void *arg)
{
	struct entry	*entry, *next;
	uint64_t	 now = ct_loop_now_ms();

	(void)arg;
	for (entry = TAILQ_FIRST(&by_use); entry != NULL && now - entry->used_ms > IDLE_MS; entry = next) {
		next = TAILQ_NEXT(entry, by_use);
		if (!entry->asking)
			entry_free(entry);
	}
}

/* Writes "function\0arg\0arg\0", an absent argument as \1; 0 if it is too long. */
static size_t
write_key(char key_r[KEY_MAX], const struct ct_pg_statement *stmt, unsigned count, const char *const *args)
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
bucket_of(const char *key, size_t length)
{
	uint64_t	hash = 14695981039346656037UL;	/* FNV-1a */
	size_t		i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)key[i]) * 1099511628211UL;
	return ((unsigned)(hash % BUCKETS));
}

static struct entry *
entry_new(const struct cache_question *question, const char key[KEY_MAX])
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

/* The entry that has the answer or will have it; NULL if all are being asked. */
static struct entry *
entry_get(const struct cache_question *question)
{
	struct entry	*entry;
	char		 key[KEY_MAX] = "";
	size_t		 length = write_key(key, question->stmt, question->args_count, question->args);
	unsigned	 bucket;

	if (length == 0)
		return (NULL);
	bucket = bucket_of(key, length);
	LIST_FOREACH(entry, &buckets[bucket], bucket) {
		if (entry->stmt == question->stmt && memcmp(entry->key, key, length) == 0)
			break;
	}
	if (entry == NULL) {
		make_room(0);
		if (entries >= ENTRIES_MAX)
			return (NULL);
		entry = entry_new(question, key);
		LIST_INSERT_HEAD(&buckets[bucket], entry, bucket);
		entries++;
	} else
		TAILQ_REMOVE(&by_use, entry, by_use);
	TAILQ_INSERT_TAIL(&by_use, entry, by_use);
	entry->used_ms = ct_loop_now_ms();
	return (entry);
}

/* If-None-Match may name several tags, weak or not, or any (*). */
static bool
names(const char *if_none_match, const char *etag)
{
	return (if_none_match != NULL && etag != NULL && (strcmp(if_none_match, "*") == 0 ||
	    strstr(if_none_match, strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag) != NULL));
}

/* Gives out the copy, or the part of it that was asked for. A tag is that of the whole map, in both forms: it is a weak one. */
static void
reply_copy(struct ct_request *request, const struct entry *entry,
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
	if (names(ct_header(request, "if-none-match"), entry->etag)) {
		ct_reply_empty(request, 304);
	} else if (entry->packed != NULL && pack_accepted(ct_header(request, "accept-encoding"))) {
		ct_reply_header(request, "content-encoding", "gzip");
		ct_reply_shared(request, 200, entry->packed);
	} else
		ct_reply_shared(request, 200, entry->body);
}

/* The call is over: answers the waiting readers, from the copy where it is good, and asks again for those that came late. */
static void
entry_settle(struct entry *entry, bool good, const struct ct_outcome *outcome)
{
	struct waiters	 waiting = STAILQ_HEAD_INITIALIZER(waiting);
	struct waiter	*waiter;

	STAILQ_CONCAT(&waiting, &entry->waiting);
	if (good)
		entry->asked_ms = entry->asking_ms;

	/* A reply may bring the next request in: until all are out, the entry counts as being asked. */
	while ((waiter = STAILQ_FIRST(&waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiting, list);
		ct_metric_add(from_database, 1);
		if (good)
			reply_copy(waiter->request, entry, waiter->reply);
		else
			ct_reply_outcome(waiter->request, outcome);
	}
	entry->asking = false;
	STAILQ_CONCAT(&entry->waiting, &entry->late);
	if (!STAILQ_EMPTY(&entry->waiting))
		entry_ask(entry);
	else if (entry->body == NULL || entry->once)
		entry_free(entry);
}

/* The new copy is complete. */
static void
entry_packed(struct ct_shared *packed, void *arg)
{
	struct entry	*entry = arg;

	copy_drop(entry);
	make_room(entry->new_body->length + (packed == NULL ? 0 : packed->length));
	entry->body = entry->new_body;
	entry->etag = entry->new_etag;
	entry->packed = packed;
	entry->new_body = NULL;
	entry->new_etag = NULL;
	bytes += entry->body->length + (packed == NULL ? 0 : packed->length);
	ct_metric_set(bytes_kept, (int64_t)bytes);
	entry->version = version_of != NULL ? version_of(entry->stmt, entry->args, entry->body->data) : 0;
	entry_settle(entry, true, NULL);
}

/* An answer that is the copy's, to the byte, needs no compression. */
static bool
same_as_copy(const struct entry *entry, const struct ct_outcome *outcome)
{
	return (entry->body != NULL && entry->etag == NULL && outcome->etag == NULL &&
	    entry->body->length == outcome->body_length &&
	    memcmp(entry->body->data, outcome->body, outcome->body_length) == 0);
}

static void
entry_answered(const struct ct_outcome *outcome, void *arg)
{
	struct entry	*entry = arg;
	bool		 good = outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0;

	if (good && outcome->body != NULL && outcome->body_length <= BODY_MAX && !same_as_copy(entry, outcome)) {
		entry->new_body = ct_shared_new(outcome->body, outcome->body_length);
		if (outcome->etag != NULL && (entry->new_etag = strdup(outcome->etag)) == NULL)
			abort();
		pack(entry->new_body, entry_packed, entry);
		return;
	}
	if (good)
		good = outcome->body != NULL && outcome->body_length <= BODY_MAX;
	else if (outcome->error == CT_OK && strcmp(outcome->outcome, "NOT_MODIFIED") == 0)
		good = entry->body != NULL;
	if (!good && outcome->error == CT_OK)
		copy_drop(entry);
	entry_settle(entry, good, outcome);
}

static void
entry_ask(struct entry *entry)
{
	const char	*args[CACHE_ARGS_MAX];

	memcpy(args, entry->args, sizeof(args));
	if (entry->has_tag)
		args[entry->args_count - 1] = entry->etag;
	entry->asking = true;
	entry->asking_ms = ct_loop_now_ms();
	ct_metric_add(calls, 1);
	lane_call(entry->stmt, entry->args_count, args, entry->body != NULL, entry_answered, entry);
}

void
cache_reply(struct ct_request *request, const struct cache_question *question)
{
	struct entry	*entry = entry_get(question);
	struct waiter	*waiter;
	uint64_t	 now = ct_loop_now_ms(), age;
	bool		 fresh;

	if (entry == NULL) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "Too many different questions are being answered.", NULL);
		return;
	}
	age = entry->body == NULL ? UINT64_MAX : now - entry->asked_ms;
	fresh = cache_budget_take(&entry->budget) || (entry->body != NULL && entry->version < question->seen);
	if (!fresh && (age <= REFRESH_MS || (age <= COPY_MAX_MS && entry->asking))) {
		ct_metric_add(from_copy, 1);
		reply_copy(request, entry, question->reply);
		return;
	}

	/*
	 * What is in flight may have looked before this request came: it is good enough under load only, while it is young,
	 * and where it is sure to know what the reader knows: it began after the copy was made.
	 */
	waiter = ct_alloc(request, sizeof(*waiter));
	waiter->request = request;
	waiter->reply = question->reply;
	if (entry->asking && (fresh || now - entry->asking_ms > REFRESH_MS || (question->seen > 0 && entry->body == NULL)))
		STAILQ_INSERT_TAIL(&entry->late, waiter, list);
	else
		STAILQ_INSERT_TAIL(&entry->waiting, waiter, list);
	if (!entry->asking)
		entry_ask(entry);
}

void
cache_watch(int64_t (*version)(const struct ct_pg_statement *, const char *const *, const char *))
{
	version_of = version;
}

void
cache_configure(void)
{
	lane_configure();
	pack_configure();
	from_copy = ct_metric_counter("cache_replies_total", "from=\"copy\"",
	    "Replies of the reading calls that are kept for a moment");
	from_database = ct_metric_counter("cache_replies_total", "from=\"database\"",
	    "Replies of the reading calls that are kept for a moment");
	calls = ct_metric_counter("cache_calls_total", "", "Calls of SQL functions made for them");
	bytes_kept = ct_metric_gauge("cache_bytes", "", "Bytes of the answers kept");
}

void
cache_start(void)
{
	lane_start();
	ct_loop_every(1000, forget_idle, NULL);
}
