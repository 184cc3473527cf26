/* The requests and answers that all users have in common. See users.h. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "users.h"

#define MS	INT64_C(1000)

void
user_pause(struct user *user, unsigned from_ms, unsigned to_ms)
{
	user->due_us = now_us() + (from_ms + dice(user, to_ms - from_ms + 1)) * MS;
}

const char *
answer_text(const struct call *call, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(call->json, name);

	return (cJSON_IsString(item) ? item->valuestring : "");
}

int64_t
answer_number(const struct call *call, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(call->json, name);

	return (cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0);
}

int64_t
answer_refund(const struct call *call)
{
	const cJSON	*refund = cJSON_GetObjectItemCaseSensitive(call->json, "refund");
	const cJSON	*amount = cJSON_GetObjectItemCaseSensitive(refund, "amount");

	return (cJSON_IsNumber(amount) ? (int64_t)amount->valuedouble : 0);
}

int64_t
answer_time_us(const struct call *call, const char *name)
{
	struct tm	 tm = { 0 };
	const char	*rest = strptime(answer_text(call, name), "%Y-%m-%dT%H:%M:%S", &tm);

	return (rest == NULL ? 0 : (int64_t)timegm(&tm) * 1000000 + (*rest == '.' ? atoi(rest + 1) * MS : 0));
}

void
user_enter(struct user *user)
{
	struct call	*call = call_new(user, ENTER, false);

	(void)strcpy(call->path, "/queues/enter");
	(void)snprintf(call->body, sizeof(call->body), "{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", settings.concert,
	    settings.schedule);
	call_send(call);
}

void
user_poll(struct user *user)
{
	struct call	*call = call_new(user, STATUS, false);

	(void)strcpy(call->path, "/queues/status");
	(void)strcpy(call->token, user->token);
	call_send(call);
}

void
user_cancel(struct user *user)
{
	struct call	*call = call_new(user, CANCEL, false);

	(void)snprintf(call->path, sizeof(call->path), "/reservations/%s/cancel", user->reservation);
	(void)strcpy(call->reservation, user->reservation);
	call_send(call);
}

void
user_take_ticket(struct user *user)
{
	const struct call	*call = &user->calls[0];
	const char		*status = answer_text(call, "status");

	user->step = OUTSIDE;
	if (call->status != 200 && call->status != 201) {
		user_pause(user, 200, 600);
		return;
	}
	if (call->kind == ENTER)
		(void)snprintf(user->token, sizeof(user->token), "%s", answer_text(call, "token"));
	if (strcmp(status, "ACTIVE") == 0) {
		user->step = ACTIVE;
		user->attempts = 0;
	} else if (strcmp(status, "USED") == 0)
		user_pause(user, 20, 300);
	else {
		user->step = WAITING;
		if (call->kind == ENTER)
			user_pause(user, 50, 150);
		else
			user_pause(user, 1000, 1100);
	}
}
