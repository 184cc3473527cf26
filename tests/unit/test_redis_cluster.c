/*
 * The client of a Redis Cluster against servers in the same process, on the same event loop. The test says which slots they
 * name, and what they answer to each command.
 */
#include <criterion/criterion.h>

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop_poll.h"
#include "redis/redis_cluster.h"
#include "redis/redis_slots.h"
#include "service/service.h"
#include "service/stores.h"

#define SERVERS		3
#define COMMANDS_MAX	64

/* A key of the first half of the slots, and one of the second. */
#define LOW	"b"	/* slot 3300 */
#define HIGH	"a"	/* slot 15495 */

struct server {
	int		 listener, client;
	struct ct_watch	*listener_watch, *client_watch;
	int		 port;
	redisReader	*reader;
	const char	*role;
	char		 slots[512];		/* its answer to CLUSTER SLOTS */
	unsigned	 connected;
	char		 commands[COMMANDS_MAX][64];	/* after the greeting, their words joined by spaces */
	unsigned	 commands_n;
	const char	*answers[COMMANDS_MAX];	/* to each of them; NULL: none. `always` for further ones */
	const char	*always;
};

static struct server		 servers[SERVERS];
static struct ct_redis_cluster	*cluster;
static unsigned			 loaded;	/* connections that on_connect has seen */

static void
server_hang_up(struct server *server)
{
	ct_loop_unwatch(&server->client_watch);
	if (server->client != -1)
		close(server->client);
	server->client = -1;
}

/* The client may have closed the connection already, after the answer before. */
static void
server_say(struct server *server, const char *text)
{
	ssize_t	len;

	if (text == NULL)
		return;
	len = send(server->client, text, strlen(text), MSG_NOSIGNAL);
	cr_assert(len == (ssize_t)strlen(text) || (len == -1 && (errno == EPIPE || errno == ECONNRESET)));
}

static void
server_answer(struct server *server, const char *command)
{
	unsigned	n = server->commands_n;

	if (strcmp(command, "CLUSTER SLOTS") == 0) {
		server_say(server, server->slots);
	} else if (strcmp(command, "ROLE") == 0) {
		server_say(server, server->role);
	} else if (strcmp(command, "PING") == 0) {
		server_say(server, "+PONG\r\n");
	} else {
		cr_assert_lt(n, COMMANDS_MAX);
		(void)snprintf(server->commands[n], sizeof(server->commands[n]), "%s", command);
		server->commands_n++;
		server_say(server, server->answers[n] != NULL ? server->answers[n] : server->always);
	}
}

static void
on_client(void *arg, int events)
{
	struct server	*server = arg;
	char		 data[4096], text[256];
	ssize_t		 len = read(server->client, data, sizeof(data));
	redisReply	*command;

	(void)events;
	if (len <= 0) {
		server_hang_up(server);
		return;
	}
	cr_assert_eq(redisReaderFeed(server->reader, data, (size_t)len), REDIS_OK);
	while (redisReaderGetReply(server->reader, (void **)&command) == REDIS_OK && command != NULL) {
		text[0] = '\0';
		for (size_t i = 0; i < command->elements; i++)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ",
			    command->element[i]->str);
		freeReplyObject(command);
		server_answer(server, text);
	}
}

static void
on_listener(void *arg, int events)
{
	struct server	*server = arg;

	(void)events;
	server_hang_up(server);
	server->client = accept(server->listener, NULL, NULL);
	server->connected++;
	redisReaderFree(server->reader);
	server->reader = redisReaderCreate();
	server->client_watch = ct_loop_watch(server->client, CT_READ, on_client, server);
}

static void
server_start(struct server *server)
{
	struct sockaddr_in	address = { .sin_family = AF_INET };
	socklen_t		len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->client = -1;
	server->role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
	server->reader = redisReaderCreate();
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(server->listener, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(server->listener, 8), 0);
	cr_assert_eq(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	server->listener_watch = ct_loop_watch(server->listener, CT_READ, on_listener, server);
}

/* All servers say from now on that `low` has the first half of the slots and `high` the second. */
static void
slots_are(const struct server *low, const struct server *high)
{
	for (int i = 0; i < SERVERS; i++)
		(void)snprintf(servers[i].slots, sizeof(servers[i].slots), "*2\r\n"
		    "*3\r\n:0\r\n:8191\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\nx\r\n"
		    "*3\r\n:8192\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\nx\r\n", low->port, high->port);
}

static void
on_connect(struct ct_redis *server, void *arg)
{
	(void)server;
	(void)arg;
	loaded++;
}

static bool
is_whole(void *arg)
{
	(void)arg;
	return (ct_redis_cluster_whole(cluster));
}

/* Two masters with half of the slots each, and a third server that the test may use. `seeds`: how many are in REDIS_NODES. */
static void
start(int seeds)
{
	char	nodes[128] = "";

	for (int i = 0; i < SERVERS; i++) {
		server_start(&servers[i]);
		if (i < seeds)
			(void)snprintf(nodes + strlen(nodes), sizeof(nodes) - strlen(nodes), " localhost:%d", servers[i].port);
	}
	slots_are(&servers[0], &servers[1]);
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("REDIS_NODES", nodes, 1);
	(void)setenv("REDIS_TIMEOUT_MS", "300", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_cluster_configure();
	cluster = ct_redis_cluster_init(on_connect, NULL);
}

static void
start_whole(void)
{
	start(1);
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
}

static struct {
	unsigned	times;
	int		type;		/* 0: no answer */
	char		text[64];
} answers[8];
static unsigned		answered;
static unsigned		numbers[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static void
on_answer(const redisReply *reply, void *arg)
{
	unsigned	number = *(unsigned *)arg;

	answered++;
	answers[number].times++;
	answers[number].type = reply == NULL ? 0 : reply->type;
	if (reply != NULL && reply->str != NULL)
		(void)snprintf(answers[number].text, sizeof(answers[number].text), "%s", reply->str);
}

static void
call(unsigned number, const char *key)
{
	ct_redis_cluster_call(cluster, key, 2, (const char *const[]){ "DO", key }, on_answer, &numbers[number]);
}

static bool
have_answers(void *count)
{
	return (answered >= *(unsigned *)count);
}

/* Waits until this many calls are answered, each once. */
static void
wait_answers(unsigned count)
{
	cr_assert(loop_poll_until(have_answers, &count, 3000), "%u of %u", answered, count);
	cr_assert_eq(answered, count);
	for (int i = 0; i < 8; i++)
		cr_assert_leq(answers[i].times, 1);
	cr_assert_eq(ct_redis_cluster_pending(cluster), 0);
}

static void
check_answer(unsigned number, const char *text)
{
	cr_assert_neq(answers[number].type, 0, "no answer instead of '%s'", text);
	cr_assert_str_eq(answers[number].text, text);
}

static const char *
redirection(const char *word, unsigned slot, const struct server *server)
{
	static char	texts[8][64];
	static unsigned	next;
	char		*text = texts[next++ % 8];

	(void)snprintf(text, sizeof(texts[0]), "-%s %u 127.0.0.1:%d\r\n", word, slot, server->port);
	return (text);
}

Test(redis_slots, keys_have_the_slots_of_the_specification)
{
	cr_assert_eq(redis_slot("123456789", 9), 0x31c3);
	cr_assert_eq(redis_slot("foo", 3), 12182);
	cr_assert_eq(redis_slot("{user1000}.following", 20), redis_slot("{user1000}.followers", 20));
	cr_assert_eq(redis_slot("user1000", 8), redis_slot("{user1000}.followers", 20), "the tag alone");
	cr_assert_eq(redis_slot("foo{{bar}}zap", 13), redis_slot("{bar", 4));
	cr_assert_eq(redis_slot("foo{bar}{zap}", 13), redis_slot("bar", 3));
	/* Without a text between the braces, or without the second brace, the whole key counts. */
	cr_assert_neq(redis_slot("foo{}{bar}", 10), redis_slot("bar", 3));
	cr_assert_neq(redis_slot("foo{bar", 7), redis_slot("bar", 3));
	cr_assert_eq(redis_slot(LOW, 1), 3300);
	cr_assert_eq(redis_slot(HIGH, 1), 15495);
}

Test(redis_slots, malformed_redirections_are_none)
{
	static const char *const	wrong[] = { "MOVED", "MOVED ", "MOVED 1", "MOVED x 127.0.0.1:1", "MOVED 16384 127.0.0.1:1",
	    "MOVED -1 127.0.0.1:1", "MOVED 1 127.0.0.1", "MOVED 1 127.0.0.1:0", "MOVED 1 127.0.0.1:65536", "MOVED 1 a.example:1",
	    "ASK 1 127.0.0.1:x", "MOVED 1127.0.0.1:1", "ERR MOVED 1 127.0.0.1:1", "MOVED :1",
	    "MOVED 1 000000000000000000000000000000000000000000000000000000000000000000000000000000:1" };
	struct redis_target		target;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(redis_redirect(wrong[i], &target), REDIS_REDIRECT_NONE, "%s", wrong[i]);
	cr_assert_eq(redis_redirect("MOVED 16383 2001:db8::1:6379", &target), REDIS_REDIRECT_MOVED);
	cr_assert_eq(target.slot, 16383);
	cr_assert_str_eq(target.at.text, "2001:db8::1");
	cr_assert_eq(target.at.port, 6379);
	cr_assert_eq(redis_redirect("ASK 0 :6379", &target), REDIS_REDIRECT_ASK);
	cr_assert_str_eq(target.at.text, "", "the node that answered, at another port");
}

Test(redis_cluster, call_goes_to_the_master_of_its_slot)
{
	start_whole();
	servers[0].always = "+low\r\n";
	servers[1].always = "+high\r\n";
	call(0, LOW);
	call(1, HIGH);
	call(2, "q:{" HIGH "}:x");
	wait_answers(3);
	check_answer(0, "low");
	check_answer(1, "high");
	check_answer(2, "high");
	cr_assert_eq(servers[2].connected, 0, "a node without slots is not connected");
	cr_assert_eq(loaded, 2);
	ct_redis_cluster_deinit(&cluster);
	cr_assert_null(cluster);
}

Test(redis_cluster, moved_call_is_sent_to_the_new_master)
{
	start_whole();
	slots_are(&servers[0], &servers[2]);
	servers[1].always = redirection("MOVED", 15495, &servers[2]);
	servers[2].always = "+new\r\n";
	call(0, HIGH);
	call(1, HIGH);
	wait_answers(2);
	check_answer(0, "new");
	check_answer(1, "new");
	cr_assert_eq(loaded, 3, "on_connect has run on the new master");
	/* The next calls go there at once. */
	call(2, HIGH);
	wait_answers(3);
	cr_assert_eq(servers[1].commands_n, 2);
	cr_assert_eq(servers[2].commands_n, 3);
	/* The client has asked for the slots, so it leaves the old master. */
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
	loop_poll_for(400);
	cr_assert_eq(servers[1].client, -1);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, asked_call_is_sent_after_asking_and_the_slot_stays)
{
	start_whole();
	servers[1].answers[0] = redirection("ASK", 15495, &servers[2]);
	servers[1].always = "+old\r\n";
	servers[2].always = "+new\r\n";
	call(0, HIGH);
	wait_answers(1);
	check_answer(0, "new");
	cr_assert_eq(servers[2].commands_n, 2);
	cr_assert_str_eq(servers[2].commands[0], "ASKING");
	cr_assert_str_eq(servers[2].commands[1], "DO " HIGH);
	call(1, HIGH);
	wait_answers(2);
	check_answer(1, "old");
	/* CLUSTER SLOTS does not name a node without slots. The client stays connected to it. */
	loop_poll_for(400);
	cr_assert_neq(servers[2].client, -1);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, call_whose_keys_are_moving_is_repeated)
{
	start_whole();
	servers[1].answers[0] = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
	servers[1].answers[1] = redirection("ASK", 15495, &servers[2]);
	servers[2].answers[1] = servers[1].answers[0];	/* after ASKING */
	servers[1].answers[2] = redirection("MOVED", 15495, &servers[2]);
	servers[2].always = "+OK\r\n";
	call(0, HIGH);
	wait_answers(1);
	check_answer(0, "OK");
	cr_assert_eq(servers[1].commands_n, 3, "after TRYAGAIN the slot's owner is asked again");
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, call_that_is_sent_elsewhere_until_its_deadline_is_refused)
{
	uint64_t	begun;

	start_whole();
	servers[0].always = redirection("MOVED", 3300, &servers[1]);
	servers[1].always = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
	begun = ct_loop_now_ms();
	call(0, LOW);
	wait_answers(1);
	cr_assert_eq(answers[0].type, REDIS_REPLY_ERROR, "it was not executed, and the caller knows");
	cr_assert_eq(strncmp(answers[0].text, "TRYAGAIN ", 9), 0);
	cr_assert_geq(ct_loop_now_ms() - begun, 250);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, masters_that_name_each_other_get_few_commands)
{
	start_whole();
	servers[0].always = redirection("MOVED", 3300, &servers[1]);
	servers[1].always = redirection("MOVED", 3300, &servers[0]);
	call(0, LOW);
	wait_answers(1);
	cr_assert_eq(answers[0].type, REDIS_REPLY_ERROR);
	cr_assert_lt(servers[0].commands_n + servers[1].commands_n, 20);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, call_without_an_answer_is_unknown_and_not_repeated)
{
	start_whole();
	call(0, HIGH);
	loop_poll_for(50);
	cr_assert_eq(servers[1].commands_n, 1);
	slots_are(&servers[0], &servers[2]);
	servers[2].always = "+OK\r\n";
	server_hang_up(&servers[1]);
	wait_answers(1);
	cr_assert_eq(answers[0].type, 0);
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
	loop_poll_for(100);
	cr_assert_eq(servers[2].commands_n, 0);
	call(1, HIGH);
	call(2, LOW);
	wait_answers(3);
	check_answer(1, "OK");
	cr_assert_eq(answers[2].type, 0, "a server that is silent, and no redirection");
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, redirected_call_ends_with_its_own_deadline)
{
	uint64_t	begun;

	start_whole();
	servers[1].answers[0] = redirection("MOVED", 15495, &servers[0]);
	begun = ct_loop_now_ms();
	/* The other master is silent, and has had a command since shortly before. */
	call(0, HIGH);
	wait_answers(1);
	cr_assert_eq(answers[0].type, 0);
	cr_assert_lt(ct_loop_now_ms() - begun, 550);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, refusals_are_answered_at_once)
{
	static const char *const	errors[] = { "CLUSTERDOWN The cluster is down", "NOREPLICAS Not enough good replicas to write.",
	    "OOM command not allowed" };

	start_whole();
	for (unsigned i = 0; i < 3; i++) {
		char	text[128];

		(void)snprintf(text, sizeof(text), "-%s\r\n", errors[i]);
		servers[0].always = text;
		call(i, LOW);
		wait_answers(i + 1);
		check_answer(i, errors[i]);
		cr_assert_eq(servers[0].commands_n, i + 1);
	}
	ct_redis_cluster_deinit(&cluster);
}

/* The old master and the client's list of nodes are as before the failover. */
Test(redis_cluster, replica_is_not_used_as_a_master)
{
	start(2);
	servers[1].role = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
	loop_poll_for(500);
	cr_assert(ct_redis_cluster_ready(cluster));
	cr_assert_not(ct_redis_cluster_whole(cluster));
	cr_assert(ct_redis_cluster_serves(cluster, LOW));
	cr_assert_not(ct_redis_cluster_serves(cluster, HIGH));
	cr_assert_eq(loaded, 1);
	call(0, HIGH);
	wait_answers(1);
	cr_assert_eq(answers[0].type, 0);
	cr_assert_eq(servers[1].commands_n, 0);
	servers[2].always = "+OK\r\n";
	slots_are(&servers[0], &servers[2]);
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
	call(1, HIGH);
	wait_answers(2);
	check_answer(1, "OK");
	ct_redis_cluster_deinit(&cluster);
}

/* The one node of REDIS_NODES is a replica now. It names the masters. */
Test(redis_cluster, replica_tells_the_masters)
{
	start(1);
	servers[0].role = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
	slots_are(&servers[1], &servers[2]);
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
	cr_assert_eq(loaded, 2);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, replaced_master_is_left_and_its_calls_are_unknown)
{
	start_whole();
	call(0, HIGH);
	loop_poll_for(20);
	cr_assert_eq(servers[1].commands_n, 1);
	servers[0].answers[0] = redirection("MOVED", 3300, &servers[2]);
	servers[2].always = "+OK\r\n";
	slots_are(&servers[2], &servers[2]);
	call(1, LOW);
	wait_answers(2);
	check_answer(1, "OK");
	cr_assert_eq(answers[0].type, 0);
	ct_redis_cluster_deinit(&cluster);
}

Test(redis_cluster, calls_are_answered_when_the_client_ends)
{
	start_whole();
	servers[0].always = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
	call(0, LOW);
	call(1, HIGH);
	loop_poll_for(20);
	ct_redis_cluster_deinit(&cluster);
	cr_assert_eq(answered, 2);
	cr_assert_eq(answers[0].type, REDIS_REPLY_ERROR);
	cr_assert_eq(answers[1].type, 0);
}

Test(redis_cluster, one_server_gets_no_command_of_a_cluster)
{
	char	port[8];

	server_start(&servers[0]);
	servers[0].always = "+OK\r\n";
	servers[0].role = servers[0].always;
	(void)snprintf(servers[0].slots, sizeof(servers[0].slots), "-ERR This instance has cluster support disabled\r\n");
	(void)snprintf(port, sizeof(port), "%d", servers[0].port);
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("REDIS_PORT", port, 1);
	(void)setenv("REDIS_NODES", "", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_cluster_configure();
	cluster = ct_redis_cluster_init(on_connect, NULL);
	cr_assert(loop_poll_until(is_whole, NULL, 3000));
	cr_assert(ct_redis_cluster_serves(cluster, LOW));
	call(0, LOW);
	wait_answers(1);
	check_answer(0, "OK");
	cr_assert_eq(loaded, 1);
	ct_redis_cluster_deinit(&cluster);
}

/* What a service says about these servers (service/stores.h). */
static bool
is_known(void *arg)
{
	(void)arg;
	return (ct_stores_know_redis());
}

static bool
is_not_whole(void *arg)
{
	(void)arg;
	return (!ct_redis_cluster_whole(cluster));
}

/* The servers are connected. `first` and `second` are their answers to the service's question; NULL: frozen. */
static void
start_stores(const char *first, const char *second)
{
	start_whole();
	servers[0].always = first;
	servers[1].always = second;
	ct_service_redis = cluster;
	ct_stores_start();
}

static void
stop_stores(void)
{
	ct_service_redis = NULL;
	ct_redis_cluster_deinit(&cluster);
}

Test(stores, frozen_master_does_not_delay_the_readiness_of_another)
{
	start_stores(":1\r\n", NULL);
	cr_assert(loop_poll_until(is_known, NULL, 30000));
	cr_assert(ct_redis_cluster_whole(cluster), "known before the time limit of the frozen one is over");
	cr_assert_eq(ct_stores_redis(), CT_STORE_UP);
	cr_assert(loop_poll_until(is_not_whole, NULL, 30000));
	cr_assert_eq(ct_stores_redis(), CT_STORE_UP, "one master can be used");
	stop_stores();
}

Test(stores, refusal_beside_a_frozen_master_is_known_when_the_frozen_one_is_late)
{
	start_stores("-OOM command not allowed when used memory > 'maxmemory'.\r\n", NULL);
	cr_assert(loop_poll_until(is_not_whole, NULL, 30000));
	cr_assert_eq(servers[0].commands_n, 1);
	cr_assert(loop_poll_until(is_known, NULL, 30000));
	cr_assert_eq(ct_stores_redis(), CT_STORE_OUT_OF_MEMORY);
	stop_stores();
}

Test(stores, redis_that_has_answered_nothing_is_down)
{
	start_stores(NULL, NULL);
	cr_assert(loop_poll_until(is_not_whole, NULL, 30000));
	cr_assert_not(ct_stores_know_redis());
	cr_assert_eq(ct_stores_redis(), CT_STORE_DOWN);
	stop_stores();
}

static char	fault[256];

static void
note_fault(const char *name, const char *why)
{
	(void)snprintf(fault, sizeof(fault), "%s: %s", name, why);
}

Test(redis_cluster, wrong_nodes_are_a_fault)
{
	static const char *const	wrong[] = { "a", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":6379",
	    "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:1x", "no-such-host.invalid:6379",
	    "::1:1 ::1:2 ::1:3 ::1:4 ::1:5 ::1:6 ::1:7 ::1:8 ::1:9 ::1:10 ::1:11 ::1:12 ::1:13 ::1:14 ::1:15 ::1:16 ::1:17" };

	(void)setenv("ENVIRONMENT", "development", 1);
	ct_config_fail = note_fault;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)setenv("REDIS_NODES", wrong[i], 1);
		fault[0] = '\0';
		ct_redis_cluster_configure();
		cr_assert_eq(strncmp(fault, "REDIS_NODES: ", 13), 0, "%s: '%s'", wrong[i], fault);
	}
	(void)setenv("REDIS_NODES", " 127.0.0.1:7001  [::1]:7002 localhost:7003 ", 1);
	fault[0] = '\0';
	ct_redis_cluster_configure();
	cr_assert_str_eq(fault, "");
}

/* A machine is gone, and its name with it. The service starts with the others. */
Test(redis_cluster, node_without_an_address_does_not_stop_the_start)
{
	(void)setenv("ENVIRONMENT", "development", 1);
	ct_config_fail = note_fault;
	(void)setenv("REDIS_NODES", "no-such-host.invalid:6379 127.0.0.1:7001", 1);
	ct_redis_cluster_configure();
	cr_assert_str_eq(fault, "");
	(void)setenv("REDIS_NODES", "no-such-host.invalid:6379 no-other-host.invalid:6379", 1);
	ct_redis_cluster_configure();
	cr_assert_str_eq(fault, "REDIS_NODES: none of its hosts has an address");
}
