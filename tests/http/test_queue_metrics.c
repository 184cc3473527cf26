/* Operators' views: the queue's metrics, the dashboard that uses them, and `make queue`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness.h"

static char *
metrics(void)
{
	struct reply	reply = http((struct call){ .path = "/metrics", .base = direct("queue") });

	check_status(reply, 200);
	return (reply.body);
}

/* True if a line of the text begins with exactly this metric name. */
static bool
is_exported(const char *text, const char *name, size_t length)
{
	for (const char *at = text; (at = strstr(at, name)) != NULL; at++) {
		if ((at == text || at[-1] == '\n') && (at[length] == '{' || at[length] == ' '))
			return (true);
	}
	return (false);
}

/* Returns the schedule of a queue with one ACTIVE user and one waiting user with an estimated wait. */
static struct schedule
live_queue(void)
{
	struct schedule	schedule = schedule_new(1, 4);
	struct user	operator = operator_new(), user = user_new(), other = user_new();

	check_status(http((struct call){ .method = "PUT", .jwt = operator.jwt, .body = "{\"maxActive\":1}",
	    .path = format("/admin/queues/%s", schedule.id) }), 200);
	(void)become_active(&user, &schedule);
	check_status(enter(&other, &schedule), 201);
	return (schedule);
}

static const char *const	our_prefixes[] = { "queue_", "ct_", "redis_", "pg_" };

Test(queue, dashboard_uses_exactly_the_exported_queue_metrics)
{
	struct schedule	 schedule = live_queue();
	char		*dashboard = read_file("deploy/monitoring/grafana-queues.json"), *text;
	const cJSON	*panel, *target;
	cJSON		*json = cJSON_Parse(dashboard);
	char		*used = strdup("");
	int		 names = 0;

	cr_assert_not_null(json);
	wait_for(strstr(metrics(), format("queue_predicted_wait_seconds{schedule=\"%s\"}", schedule.id)) != NULL, 60);
	wait_for(strstr(metrics(), format("queue_seats_left{schedule=\"%s\"} 8", schedule.id)) != NULL, 60);
	text = metrics();
	cJSON_ArrayForEach(panel, cJSON_GetObjectItem(json, "panels")) {
		cJSON_ArrayForEach(target, cJSON_GetObjectItem(panel, "targets")) {
			const char	*expr = text_at(target, "expr");

			used = format("%s %s", used, expr);
			for (const char *at = expr; *at != '\0';) {
				size_t	length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");

				for (size_t i = 0; length > 0 && i < sizeof(our_prefixes) / sizeof(our_prefixes[0]); i++) {
					if (strncmp(at, our_prefixes[i], strlen(our_prefixes[i])) != 0)
						continue;
					cr_assert(is_exported(text, strndup(at, length), length), "%.*s is not exported",
					    (int)length, at);
					names++;
				}
				at += length > 0 ? length : 1;
			}
		}
	}
	cr_assert_geq(names, 12);
	/* The dashboard shows every metric of the queue. */
	for (const char *at = text; (at = strstr(at, "# TYPE queue_")) != NULL; at++) {
		char	*name = strndup(at + 7, strcspn(at + 7, " "));

		cr_assert_not_null(strstr(used, name), "the dashboard does not show %s", name);
	}
}

/* The time for which the queue has stood still; -1: it is not shown. */
static double
still_seconds(const struct schedule *schedule)
{
	char		*name = format("\nqueue_still_seconds{schedule=\"%s\"} ", schedule->id);
	const char	*at = strstr(metrics(), name);

	return (at == NULL ? -1 : strtod(at + strlen(name), NULL));
}

/* One more user enters, and the queue gives one more turn: a user is admitted, and another one waits. */
static double
still_seconds_after_an_admission(const struct schedule *schedule, int turns)
{
	struct user	user = user_new();

	check_status(enter(&user, schedule), 201);
	(void)queue_settings(NULL, schedule, format("{\"maxActive\":%d}", turns));
	return (still_seconds(schedule));
}

Test(queue, full_queue_stands_still_until_it_is_paused_or_admits)
{
	struct schedule	schedule = live_queue();
	struct user	operator = operator_new();
	int		turns = 1;
	double		still;
	struct call	control = { .method = "PUT", .jwt = operator.jwt, .path = format("/admin/queues/%s", schedule.id) };

	wait_for(still_seconds(&schedule) >= 2, 60);
	control.body = "{\"mode\":\"PAUSED\"}";
	check_status(http(control), 200);
	wait_for(still_seconds(&schedule) == 0, 60);
	control.body = "{\"mode\":\"OPEN\"}";
	check_status(http(control), 200);
	wait_for(still_seconds(&schedule) >= 2, 60);
	/* Two seconds after an admission the queue stands still again, so each look comes just after another one. */
	wait_for((still = still_seconds_after_an_admission(&schedule, ++turns)) < 2, 60);
	cr_assert_geq(still, 0);
}

Test(queue, make_queue_prints_one_line_per_live_queue)
{
	struct schedule	 schedule = live_queue();
	char		 line[512], sale[16] = "", mode[16] = "", id[64], day[16], hour[16], title[256] = "";
	long		 waiting = -1, active = -1, limit = -1, seats = -1;
	char		 wait[16];
	bool		 seen = false;
	int64_t		 deadline = now_ms() + 60000;

	while (!seen) {
		FILE	*pipe = popen("deploy/local/queue --once", "r");

		cr_assert_not_null(pipe);
		while (fgets(line, sizeof(line), pipe) != NULL) {
			if (!seen && sscanf(line, "%63s %15s %15s %15s %15s %ld %ld %ld %15s %ld %255[^\n]", id, day, hour, sale, mode,
			    &waiting, &active, &limit, wait, &seats, title) == 11 && strcmp(id, schedule.id) == 0 && waiting == 1)
				seen = true;
		}
		/* If the service did not answer in time, the command fails and prints no line. */
		cr_assert(pclose(pipe) == 0 || !seen);
		cr_assert(seen || now_ms() < deadline, "the queue has no line");
		if (!seen)
			pause_ms(200);
	}
	cr_assert_str_eq(sale, "OPEN");
	cr_assert_str_eq(mode, "OPEN");
	cr_assert_eq(waiting, 1);
	cr_assert_eq(active, 1);
	cr_assert_eq(seats, 8);
	cr_assert_str_eq(title, "Night Songs");
}
