/* What operators look at: the metrics of the queue, the dashboard that uses them, and `make queue`. */
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

/* A line of the text begins with this name, and the name ends there. */
static bool
is_exported(const char *text, const char *name, size_t length)
{
	for (const char *at = text; (at = strstr(at, name)) != NULL; at++) {
		if ((at == text || at[-1] == '\n') && (at[length] == '{' || at[length] == ' '))
			return (true);
	}
	return (false);
}

/* A queue with one ACTIVE and one waiting who has been told a wait; its schedule. */
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

static const char *const	ours[] = { "queue_", "ct_", "redis_", "pg_" };

Test(queue, the_dashboard_uses_exactly_what_is_exported)
{
	struct schedule	 schedule = live_queue();
	char		*dashboard = read_file("deploy/monitoring/grafana-queues.json"), *text;
	const cJSON	*panel, *target;
	cJSON		*json = cJSON_Parse(dashboard);
	char		*used = strdup("");
	int		 names = 0;

	cr_assert_not_null(json);
	wait_for(strstr(metrics(), format("queue_predicted_wait_seconds{schedule=\"%s\"}", schedule.id)) != NULL, 10);
	wait_for(strstr(metrics(), format("queue_seats_left{schedule=\"%s\"} 8", schedule.id)) != NULL, 10);
	text = metrics();
	cJSON_ArrayForEach(panel, cJSON_GetObjectItem(json, "panels")) {
		cJSON_ArrayForEach(target, cJSON_GetObjectItem(panel, "targets")) {
			const char	*expr = text_at(target, "expr");

			used = format("%s %s", used, expr);
			for (const char *at = expr; *at != '\0';) {
				size_t	length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");

				for (size_t i = 0; length > 0 && i < sizeof(ours) / sizeof(ours[0]); i++) {
					if (strncmp(at, ours[i], strlen(ours[i])) != 0)
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
	/* And nothing of the queue's own is left out. */
	for (const char *at = text; (at = strstr(at, "# TYPE queue_")) != NULL; at++) {
		char	*name = strndup(at + 7, strcspn(at + 7, " "));

		cr_assert_not_null(strstr(used, name), "the dashboard does not show %s", name);
	}
}

Test(queue, make_queue_shows_each_live_queue_in_a_line)
{
	struct schedule	 schedule = live_queue();
	char		 line[256], mode[8] = "", id[64];
	long		 waiting = -1, active = -1, seats = -1;
	double		 rate, wait;
	bool		 seen = false;

	wait_for(strstr(metrics(), format("queue_seats_left{schedule=\"%s\"} 8", schedule.id)) != NULL, 10);
	for (int tries = 0; tries < 20 && !seen; tries++) {
		FILE	*pipe = popen("deploy/local/queue --once", "r");

		cr_assert_not_null(pipe);
		while (fgets(line, sizeof(line), pipe) != NULL) {
			if (!seen && sscanf(line, "%63s %7s %ld %ld %lf %lf %ld", id, mode, &waiting, &active, &rate, &wait,
			    &seats) == 7 && strcmp(id, schedule.id) == 0 && waiting == 1)
				seen = true;
		}
		/* Of a try in which the service did not answer in time nothing was seen. */
		cr_assert(pclose(pipe) == 0 || !seen);
		if (!seen)
			pause_ms(200);
	}
	cr_assert(seen);
	cr_assert_str_eq(mode, "OPEN");
	cr_assert_eq(waiting, 1);
	cr_assert_eq(active, 1);
	cr_assert_eq(seats, 8);
}
