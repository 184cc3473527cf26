/*
 * Services with a Redis Cluster of their own live through the death of a master: three masters, each with a replica
 * (tests/clients/cluster), two instances of the queue service and one of the reservation service.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define MASTERS	3
#define FIRST	4	/* users of each line whom the replica knows */
#define LATER	4	/* users whose places only the master knows when it dies */
#define USERS	(FIRST + LATER)

static FILE			*keeper;
static char			*cluster;	/* the script with its settings */
static struct extra_service	 queues[2], reservation;

/* The line of a schedule on each master. */
static struct line {
	struct schedule	 schedule;
	struct user	 users[USERS];
	char		*tokens[USERS];
	int		 n;
} lines[MASTERS];

/* Returns what redis-cli prints for a command on a node. */
static char *
node_says(int node, const char *command)
{
	return (output_of(format("%s cli %d %s 2>&1", cluster, node, command)));
}

/* The keeper ends the cluster when its standard input does, so also if this process is killed. */
static void
start_cluster(void)
{
	char	*folder = format("%s/queue-cluster", setting("RUN_DIR"));
	int	 port = atoi(setting("REDIS_PORT")) + 150;
	/* Two of the six nodes, one of them a replica, are enough. */
	char	*nodes = format("REDIS_NODES=127.0.0.1:%d 127.0.0.1:%d", port + 1, port + 3);

	cluster = format("CLIENTS_DIR=%s CLIENTS_CLUSTER_PORT=%d tests/clients/cluster", folder, port);
	(void)unlink(format("%s/up", folder));
	keeper = popen(format("mkdir -p %s; exec >%s/log 2>&1; %s down; %s up &&\n"
	    "sed -i '" USERS_WITHOUT_EVENTS "' %s/cluster/users.acl && touch %s/up\n"
	    "cat; %s down", folder, folder, cluster, cluster, folder, folder, cluster), "we");
	cr_assert_not_null(keeper);
	wait_for_program(access(format("%s/up", folder), F_OK) == 0, 0, format("%s/log", folder));
	for (int node = 0; node < 2 * MASTERS; node++) {
		cr_assert_eq(strncmp(node_says(node, "acl load"), "OK", 2), 0);
		/* Other tests run beside this one, so a node may be slow. */
		cr_assert_eq(strncmp(node_says(node, "config set cluster-node-timeout 5000"), "OK", 2), 0);
	}
	for (int i = 0; i < 2; i++)
		queues[i] = extra_service_start("queue", port + 20 + i, (const char *const[]){ nodes, "REDIS_TIMEOUT_MS=5000",
		    format("REDIS_PASSWORD_FILE=%s/cluster/redis_queue", folder), NULL });
	reservation = extra_service_start("reservation", port + 22, (const char *const[]){ nodes, "REDIS_TIMEOUT_MS=5000",
	    format("REDIS_PASSWORD_FILE=%s/cluster/redis_reservation", folder), NULL });
	/* A service is ready as soon as it has one master. */
	for (int i = 0; i < 2; i++)
		wait_for(metric(queues[i].base, "redis_up") == 1, 60);
	wait_for(metric(reservation.base, "redis_up") == 1, 60);
}

static void
stop_cluster(void)
{
	for (int i = 0; i < 2; i++)
		extra_service_stop(&queues[i]);
	extra_service_stop(&reservation);
	(void)pclose(keeper);
}

/* Makes a schedule on each master. Node n begins as the master of the n-th third of the slots. */
static void
make_schedules(void)
{
	int	missing = MASTERS;

	while (missing > 0) {
		struct schedule	 schedule = schedule_new(1, 4);
		struct line	*line = &lines[atoi(node_says(0, format("cluster keyslot '{%s}'", schedule.id))) / 5462];

		if (line->schedule.seats_count > 0)
			continue;
		line->schedule = schedule;
		missing--;
	}
}

/* The next user of the line enters, at one instance or the other. */
static void
enter_line(struct line *line)
{
	int		n = line->n++;
	struct reply	reply;

	line->users[n] = user_new();
	reply = http(enter_call(queues[n % 2].base, &line->users[n], &line->schedule));
	check_status(reply, 201);
	line->tokens[n] = strdup(text_at(reply.json, "token"));
}

static struct reply
ask(const struct line *line, int user)
{
	return (queue_status(queues[(user + 1) % 2].base, &line->users[user], line->tokens[user]));
}

static bool
is_in_state(const struct line *line, int user, const char *state)
{
	return (strcmp(text_at(ask(line, user).json, "status"), state) == 0);
}

static struct reply
hold_at_first(const struct line *line, int seat)
{
	return (http(hold_call(reservation.base, &line->users[0], &line->schedule, line->tokens[0], seat, 1)));
}

/* Users of the other masters are answered as if nothing had happened. */
static void
check_other_lines(void)
{
	struct reply	reply;

	for (int i = 1; i < MASTERS; i++) {
		for (int user = 1; user < FIRST; user++) {
			reply = ask(&lines[i], user);
			check_status(reply, 200);
			cr_assert_eq(number_at(reply.json, "position"), user);
		}
	}
}

/* Each line has one user who has used the token, and users who wait. The replica lacks the last ones, and the use. */
Test(queue_cluster, death_of_a_master_costs_no_place_and_disturbs_no_other_line, .init = start_cluster, .fini = stop_cluster,
    .timeout = 300)
{
	struct line	*line = &lines[0];
	struct user	 newcomer = user_new();
	struct reply	 reply;
	int		 refused = 0;
	int64_t		 deadline;
	char		*token;

	make_schedules();
	for (int i = 0; i < MASTERS; i++) {
		(void)queue_settings(queues[0].base, &lines[i].schedule, "{\"maxActive\":1}");
		enter_line(&lines[i]);
		wait_for(is_in_state(&lines[i], 0, "ACTIVE"), 60);
		(void)queue_settings(queues[0].base, &lines[i].schedule, "{\"maxActive\":0}");
		while (lines[i].n < FIRST)
			enter_line(&lines[i]);
	}
	cr_assert_eq(strncmp(node_says(0, "wait 1 20000"), "1", 1), 0);
	/* The replica has lost its connection, and cannot log in again. */
	cr_assert_eq(strncmp(node_says(3, "config set masterauth wrong"), "OK", 2), 0);
	(void)node_says(0, "client kill type replica");
	while (line->n < USERS)
		enter_line(line);
	check_status(hold_at_first(line, 0), 201);

	cr_assert_eq(system(format("%s kill 0", cluster)), 0);
	deadline = now_ms() + 120000;
	for (;;) {
		check_other_lines();
		reply = ask(line, 1);
		if (reply.status != 503)
			break;
		check_problem_body(&reply, "SERVICE_UNAVAILABLE");
		refused++;
		cr_assert(now_ms() < deadline, "the line has no master");
	}
	cr_assert_gt(refused, 0);
	fprintf(stderr, "the other lines were asked %d times while one had no master\n", refused);
	cr_assert_not_null(strstr(node_says(3, "role"), "master"));

	/* Nobody overtakes the users whose places the replica lacked. */
	wait_for((reply = http(enter_call(queues[0].base, &newcomer, &line->schedule))).status != 503, 60);
	/* 200: an earlier try was executed, but its answer was lost. */
	cr_assert(reply.status == 201 || reply.status == 200, "status %ld", reply.status);
	token = strdup(text_at(reply.json, "token"));
	/* Each instance finds the new master by itself. */
	for (int user = USERS - 1; user > 0; user--) {
		wait_for((reply = ask(line, user)).status != 503, 60);
		check_status(reply, 200);
	}
	for (int user = 1; user < USERS; user++)
		cr_assert_eq(number_at(ask(line, user).json, "position"), user);
	cr_assert_eq(number_at(queue_status(queues[0].base, &newcomer, token).json, "position"), USERS);
	/* The replica did not know that the token was used. */
	wait_for((reply = hold_at_first(line, 1)).status != 503, 60);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");
	cr_assert(is_in_state(line, 0, "USED"));
	check_other_lines();
}
