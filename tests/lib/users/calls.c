/* Sends calls, repeats them until the answer is definite, and records them. See users.h. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define TRY_SECONDS	8L	/* longer than the timeouts of the gateway and the services */
#define GIVE_UP_PERCENT	20

static const char *const	names[KINDS] = { "enter", "status", "hold", "charge", "pay", "cancel" };

static CURLM		*multi;
static FILE		*history;
static struct call	*waiting;
static unsigned long	 calls_made, tries_made, unknowns_seen, refused_seen, given_up, never_settled;

/* Numbers of answers by kind and status, for the totals. */
static struct tally {
	enum kind	kind;
	char		what[64];
	unsigned long	n;
}			 tallies[128];

void
calls_init(const char *file)
{
	if (curl_global_init(CURL_GLOBAL_ALL) != 0 || (multi = curl_multi_init()) == NULL)
		fail("cannot start libcurl");
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	if ((history = fopen(file, "w")) == NULL)
		fail("cannot write %s", file);
	/* Each line is in the file at once, so a process that is killed has recorded all answers. */
	(void)setvbuf(history, NULL, _IOLBF, 65536);
}

struct call *
call_new(struct user *user, enum kind kind, bool with_key)
{
	struct call	*call = &user->calls[user->made++];

	memset(call, 0, sizeof(*call));
	call->user = user;
	call->kind = kind;
	if (with_key)
		uuid_new(call->key);
	return (call);
}

struct call *
call_copy(struct user *user, const struct call *first)
{
	struct call	*call = call_new(user, first->kind, false);

	(void)strcpy(call->key, first->key);
	(void)strcpy(call->path, first->path);
	(void)strcpy(call->body, first->body);
	(void)strcpy(call->reservation, first->reservation);
	(void)strcpy(call->token, first->token);
	return (call);
}

static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
	struct call	*call = arg;
	char		*text = realloc(call->text, call->length + size * count + 1);

	if (text == NULL)
		return (0);
	memcpy(text + call->length, data, size * count);
	call->text = text;
	call->length += size * count;
	text[call->length] = '\0';
	return (size * count);
}

static void
header(struct call *call, const char *name, const char *value)
{
	char	line[640];

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	call->headers = curl_slist_append(call->headers, line);
}

static void
attempt(struct call *call)
{
	enum kind	kind = call->waits_again ? STATUS : call->kind;
	char		url[256];

	(void)snprintf(url, sizeof(url), "%s%s", call->user->direct == -1 ? settings.gateways[call->user->gateway] :
	    settings.services[kind][call->user->direct], call->waits_again ? "/queues/status" : call->path);
	call->due_us = 0;
	call->tries++;
	tries_made++;
	if (call->sent_us == 0)
		call->sent_us = now_us();
	if ((call->curl = curl_easy_init()) == NULL)
		fail("cannot start libcurl");
	header(call, "Authorization", call->user->authorization);
	if (call->token[0] != '\0')
		header(call, "X-Queue-Token", call->token);
	if (call->key[0] != '\0')
		header(call, "Idempotency-Key", call->key);
	if (kind != STATUS) {
		if (call->body[0] != '\0')
			header(call, "Content-Type", "application/json");
		header(call, "Expect", "");
		curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, call->body);
	}
	curl_easy_setopt(call->curl, CURLOPT_URL, url);
	curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(call->curl, CURLOPT_CAINFO, settings.certificate);
	/* If a kept connection breaks, libcurl repeats the request by itself, and the history would lack the first one. */
	if (call->user->direct != -1)
		curl_easy_setopt(call->curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(call->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(call->curl, CURLOPT_TIMEOUT, TRY_SECONDS);
	curl_easy_setopt(call->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(call->curl, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(call->curl, CURLOPT_PRIVATE, call);
	curl_multi_add_handle(multi, call->curl);
}

void
call_send(struct call *call)
{
	call->user->open++;
	calls_made++;
	attempt(call);
}

/*
 * True if the answer settles the request. An answer "not done yet" or "outcome unknown" does not. Neither does
 * QUEUE_TOKEN_NOT_ACTIVE: after a store loss the token waits again, which says nothing about an earlier try.
 */
static bool
definite(const struct call *call)
{
	if (call->status < 200 || call->status == 429 || call->status >= 500)
		return (false);
	return (strcmp(call->code, "IDEMPOTENCY_KEY_IN_USE") != 0 && strcmp(call->code, "PAYMENT_IN_PROGRESS") != 0 &&
	    strcmp(call->code, "QUEUE_TOKEN_NOT_ACTIVE") != 0);
}

static void
tally(const struct call *call, enum kind kind)
{
	char		what[64];
	unsigned	i;

	(void)snprintf(what, sizeof(what), "%d %s", call->status, call->code);
	for (i = 0; i + 1 < sizeof(tallies) / sizeof(tallies[0]) && tallies[i].n > 0; i++) {
		if (tallies[i].kind == kind && strcmp(tallies[i].what, what) == 0)
			break;
	}
	tallies[i].kind = kind;
	(void)strcpy(tallies[i].what, what);
	tallies[i].n++;
}

static void
write_quoted(const char *text)
{
	fputc('"', history);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', history);
		fputc(*text, history);
	}
	fputc('"', history);
}

/* Writes a line of CSV. The last columns are the request's and the answer's body. */
static void
record(const struct call *call)
{
	if (call->kind == ENTER || call->kind == STATUS)
		return;
	fprintf(history, "%s,%s,%s,%s,%s,%" PRId64 ",%" PRId64 ",%u,%u,%d,%s,", call->user->id, names[call->kind],
	    call->key, call->token, call->reservation, call->sent_us, call->answered_us, call->tries, call->unknowns,
	    call->status, call->code);
	write_quoted(call->body);
	fputc(',', history);
	if (call->text != NULL && call->status != 0)
		write_quoted(call->text);
	fputc('\n', history);
}

static void
schedule_retry(struct call *call, bool unknown)
{
	/* Wait a second if told to slow down. Otherwise repeat soon, which is where errors are likely. */
	unsigned	wait_ms = call->status == 429 || call->waits_again ? 1000 : 100 + dice(call->user, 400);

	if (unknown) {
		call->unknowns++;
		unknowns_seen++;
	} else
		refused_seen++;
	call->due_us = now_us() + wait_ms * 1000;
	call->next = waiting;
	waiting = call;
}

static void
answered(struct call *call, CURLcode result)
{
	const cJSON	*code;
	long		 status = 0;

	if (result == CURLE_OK)
		curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
	else if (settings.gateways[1] != NULL)
		call->user->gateway ^= 1;
	curl_multi_remove_handle(multi, call->curl);
	curl_easy_cleanup(call->curl);
	curl_slist_free_all(call->headers);
	call->curl = NULL;
	call->headers = NULL;

	call->status = (int)status;
	call->answered_us = now_us();
	call->code[0] = '\0';
	call->json = call->text != NULL ? cJSON_ParseWithLength(call->text, call->length) : NULL;
	if (status >= 400 && cJSON_IsString(code = cJSON_GetObjectItemCaseSensitive(call->json, "code")))
		(void)snprintf(call->code, sizeof(call->code), "%s", code->valuestring);
	tally(call, call->waits_again ? STATUS : call->kind);

	/* Some users give up after "not done"; they must own nothing afterwards. */
	if (call->kind >= HOLD && !call->waits_again && call->unknowns == 0 && strcmp(call->code, "SERVICE_UNAVAILABLE") == 0 &&
	    dice(call->user, 100) < GIVE_UP_PERCENT) {
		given_up++;
		record(call);
		call->user->open--;
		return;
	}
	/* Only an answer to the hold itself settles it, not an answer about the token's status. */
	if (!call->waits_again && definite(call)) {
		record(call);
		call->user->open--;
		return;
	}
	call->waits_again = !call->waits_again && strcmp(call->code, "QUEUE_TOKEN_NOT_ACTIVE") == 0;
	schedule_retry(call, status == 0 || (status >= 500 && strcmp(call->code, "SERVICE_UNAVAILABLE") != 0));
	cJSON_Delete(call->json);
	free(call->text);
	call->json = NULL;
	call->text = NULL;
	call->length = 0;
}

void
calls_turn(int timeout_ms)
{
	struct call	*call, **at;
	CURLMsg		*message;
	int		 running, left;
	int64_t		 now = now_us();
	char		*private;

	for (at = &waiting; (call = *at) != NULL;) {
		if (call->due_us <= now) {
			*at = call->next;
			attempt(call);
		} else
			at = &call->next;
	}
	if (curl_multi_perform(multi, &running) != CURLM_OK)
		fail("libcurl failed");
	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		answered((struct call *)(void *)private, message->data.result);
	}
	curl_multi_poll(multi, NULL, 0, timeout_ms, NULL);
}

void
calls_done(struct user *user)
{
	unsigned	i;

	for (i = 0; i < user->made; i++) {
		cJSON_Delete(user->calls[i].json);
		free(user->calls[i].text);
	}
	user->made = 0;
}

void
calls_end(struct user *users, unsigned count)
{
	unsigned	i, n;
	int		k;

	for (i = 0; i < count; i++) {
		for (n = 0; users[i].open > 0 && n < users[i].made; n++) {
			struct call	*call = &users[i].calls[n];

			if (call->curl == NULL && call->due_us == 0)
				continue;
			call->status = 0;
			record(call);
			never_settled += call->kind != ENTER && call->kind != STATUS;
		}
	}
	if (fclose(history) != 0)
		fail("cannot write the history");
	for (k = 0; k < KINDS; k++) {
		printf("  %-7s", names[k]);
		for (i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++) {
			if (tallies[i].n > 0 && (int)tallies[i].kind == k)
				printf(" %lux %s;", tallies[i].n, tallies[i].what[0] == '0' ? "no answer" : tallies[i].what);
		}
		printf("\n");
	}
	printf("operations %lu, requests %lu, not done and repeated %lu, unknown and repeated %lu, never settled %lu, given up %lu\n",
	    calls_made, tries_made, refused_seen, unknowns_seen, never_settled, given_up);
}
