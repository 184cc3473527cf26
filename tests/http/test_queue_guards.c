/* Tokens that must not hold seats: altered, forged, waiting, used, or of another user. And the rate limit of status calls. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "harness.h"

static const char	alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Returns the token with its place moved by `us` and signed again, as only a holder of the secret could. */
static char *
moved_token(const char *token, int64_t us)
{
	char		*secret = read_file(format("%s/secrets/queue_token", setting("RUN_DIR"))), *text;
	unsigned char	 bytes[74] = { 0 }, mac[EVP_MAX_MD_SIZE];
	uint64_t	 seq = 0;
	unsigned	 length;

	for (int bit = 0; bit < 73 * 8; bit++)
		bytes[bit / 8] |= (unsigned char)(((strchr(alphabet, token[bit / 6]) - alphabet) >> (5 - bit % 6) & 1)
		    << (7 - bit % 8));
	for (int i = 33; i < 41; i++)
		seq = seq << 8 | bytes[i];
	seq += (uint64_t)us;
	for (int i = 40; i >= 33; i--, seq >>= 8)
		bytes[i] = (unsigned char)seq;
	HMAC(EVP_sha256(), secret, (int)strlen(secret), bytes, 57, mac, &length);
	memcpy(bytes + 57, mac, 16);
	text = calloc(1, 99);
	for (int i = 0; i < 98; i++) {
		unsigned	value = 0;

		for (int bit = 6 * i; bit < 6 * i + 6; bit++)
			value = value << 1 | (bit < 73 * 8 ? bytes[bit / 8] >> (7 - bit % 8) & 1u : 0);
		text[i] = alphabet[value];
	}
	return (text);
}

Test(queue, queue_token_with_any_altered_character_is_404)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), *altered;
	struct reply	 reply;

	for (size_t i = 0; token[i] != '\0'; i++) {
		altered = strdup(token);
		altered[i] = token[i] == 'A' ? 'Q' : 'A';
		reply = queue_status(direct("queue"), &user, altered);
		check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	}
	altered = strdup(token);
	altered[40] = altered[40] == 'A' ? 'Q' : 'A';
	reply = hold_seats(&user, &schedule, altered, 0, 1);
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
}

Test(queue, signed_token_of_a_place_never_given_is_410)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*token, *moved;
	struct reply	 reply;

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	token = strdup(text_at(enter(&user, &schedule).json, "token"));
	cr_assert_str_eq(moved_token(token, 0), token);
	/* A correctly signed token for a place that this store never gave is expired, whether earlier or later. */
	moved = moved_token(token, -3600000000);
	reply = queue_status(direct("queue"), &user, moved);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = hold_seats(&user, &schedule, moved, 0, 1);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = queue_status(direct("queue"), &user, moved_token(token, 3600000000));
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	check_status(queue_status(direct("queue"), &user, token), 200);
}

Test(queue, hold_with_foreign_left_or_used_token_is_refused)
{
	struct schedule	 schedule = schedule_new(1, 4), other = schedule_new(1, 1);
	struct user	 user = user_new(), thief = user_new(), late = user_new();
	char		*token = become_active(&user, &schedule), *waiting;
	struct reply	 reply;

	reply = hold_seats(&user, &schedule, NULL, 0, 1);
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	reply = hold_seats(&user, &schedule, "", 0, 1);
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	reply = hold_seats(&thief, &schedule, token, 0, 1);
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");
	reply = hold_seats(&user, &other, token, 0, 1);
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	waiting = strdup(text_at(enter(&late, &schedule).json, "token"));
	reply = hold_seats(&late, &schedule, waiting, 0, 1);
	check_problem(reply, 403, "QUEUE_TOKEN_NOT_ACTIVE");
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = late.jwt,
	    .queue_token = waiting }), 204);
	reply = hold_seats(&late, &schedule, waiting, 0, 1);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");

	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
	reply = hold_seats(&user, &schedule, token, 1, 1);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");
	cr_assert_str_eq(seat_status(&schedule, 1), "AVAILABLE");
}

/* The gateway refuses by itself: Redis, watched by MONITOR, sees only the answered calls. */
Test(queue, rate_limited_status_does_not_reach_redis)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[30];
	struct reply	 replies[30];
	char		*token, *seen, line[4096];
	int		 answered = 0, asked = 0;
	int64_t		 began, took;
	FILE		*monitor;

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	token = strdup(text_at(enter(&user, &schedule).json, "token"));
	monitor = popen("timeout 60 deploy/local/redis-cli monitor", "r");
	cr_assert_not_null(monitor);
	cr_assert_not_null(fgets(line, sizeof(line), monitor));
	for (int i = 0; i < 30; i++)
		calls[i] = (struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = token };
	began = now_ms();
	http_all(calls, replies, 30);
	took = (now_ms() - began) / 1000 + 1;
	/* MONITOR shows this ECHO after all commands of the calls above. */
	cr_assert_eq(system(format("deploy/local/redis-cli ECHO seen-by-%s >/dev/null", user.id)), 0);
	for (int i = 0; i < 30; i++) {
		if (replies[i].status == 429)
			check_problem_body(&replies[i], "TOO_MANY_REQUESTS");
		else
			check_status(replies[i], 200);
		answered += replies[i].status == 200;
	}
	while (fgets(line, sizeof(line), monitor) != NULL && strstr(line, format("seen-by-%s", user.id)) == NULL) {
		/*
		 * Counts calls of the status function and the ZRANK of quick looks, without the commands that functions
		 * send ("lua]").
		 */
		seen = strstr(line, "queue3_status");
		if (seen == NULL && strstr(line, " lua]") == NULL)
			seen = strstr(line, "\"ZRANK\"");
		asked += seen != NULL && strstr(seen, schedule.id) != NULL;
	}
	(void)pclose(monitor);
	/* The gateway allows one, a burst of six, and three per second. */
	cr_assert(answered >= 1 && answered <= 7 + 3 * took, "%d of 30 calls were answered in %d s", answered, (int)took);
	/* The service may combine several status calls in one command. */
	cr_assert(asked >= 1 && asked <= answered, "%d calls answered, %d commands at Redis", answered, asked);
}

static struct schedule
drawn_schedule(long opens_in)
{
	struct schedule	 schedule = { .seats_count = 0 };
	struct user	 operator = operator_new();
	struct reply	 reply;
	char		*concert = concert_new();

	reply = http((struct call){ .path = format("/admin/concerts/%s/schedules", concert), .jwt = operator.jwt,
	    .body = format("{\"startAt\":\"%s\",\"endAt\":\"%s\",\"saleOpensAt\":\"%s\",\"status\":\"ON_SALE\","
	    "\"preQueue\":\"DRAW\",\"sections\":[{\"section\":\"Floor\",\"grade\":\"VIP\",\"price\":150000,\"rows\":1,"
	    "\"seatsPerRow\":2}]}", time_in(864000), time_in(867600), time_in(opens_in)) });
	check_status(reply, 201);
	(void)strcpy(schedule.concert, concert);
	(void)strcpy(schedule.id, text_at(reply.json, "scheduleId"));
	cr_assert_str_eq(text_at(reply.json, "preQueue"), "DRAW");
	cr_assert_eq(strlen(text_at(reply.json, "drawCommitment")), 64);
	cr_assert(null_at(reply.json, "drawSeed"));
	return (schedule);
}

/* services/queue/draw-place computes every user's lot from the published seed; positions follow the lots. */
Test(queue, published_draw_seed_reproduces_every_position, .timeout = 300)
{
	enum { EARLY = 12 };
	struct schedule	 schedule;
	struct user	 users[EARLY];
	char		*tokens[EARLY], *seed, *opens, *commitment;
	struct reply	 reply;
	int64_t		 lots[EARLY], opens_ms;
	long		 lead = 4;

	/* Repeat with more time until all users entered before the opening. */
	do {
		opens_ms = now_ms() + (lead - 1) * 1000;	/* the earliest possible opening */
		schedule = drawn_schedule(lead);
		(void)queue_settings(NULL, &schedule, "{\"maxActive\":0}");
		for (int i = 0; i < EARLY; i++) {
			users[i] = user_new();
			reply = enter(&users[i], &schedule);
			check_status(reply, 201);
			tokens[i] = strdup(text_at(reply.json, "token"));
			cr_assert_eq(number_at(reply.json, "position"), i + 1);
			cr_assert(null_at(reply.json, "estimatedWaitSeconds"));
		}
		lead *= 2;
	} while (now_ms() >= opens_ms);
	reply = http((struct call){ .path = format("/schedules/%s", schedule.id) });
	commitment = strdup(text_at(reply.json, "drawCommitment"));
	wait_for(!null_at(http((struct call){ .path = format("/schedules/%s", schedule.id) }).json, "drawSeed"), 120);
	reply = http((struct call){ .path = format("/schedules/%s", schedule.id) });
	seed = strdup(text_at(reply.json, "drawSeed"));
	opens = strdup(text_at(reply.json, "saleOpensAt"));
	for (int i = 0; i < EARLY; i++) {
		char	 line[64] = "";
		FILE	*pipe = popen(format("services/queue/draw-place %s %s %s %s", seed, commitment, opens,
			    users[i].id), "r");

		cr_assert_not_null(pipe);
		cr_assert_not_null(fgets(line, sizeof(line), pipe));
		cr_assert_eq(pclose(pipe), 0);
		lots[i] = atoll(line);
	}
	for (int i = 0; i < EARLY; i++) {
		int	rank = 1;

		for (int other = 0; other < EARLY; other++)
			rank += lots[other] < lots[i];
		reply = queue_status(direct("queue"), &users[i], tokens[i]);
		check_status(reply, 200);
		cr_assert_eq(number_at(reply.json, "position"), rank, "lot %lld: %s", (long long)lots[i], reply.body);
	}
}
