/* The hosts of PG_CONNINFO: the parameters of each, the order of attempts, the primary, and look-ups of names. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "pg/pg_hosts.h"

static char			faults[4096];	/* lines "NAME: why" */
static struct pg_conninfo	info;
static struct pg_hosts		hosts;
static FILE			*lines;

static void
note(const char *name, const char *why)
{
	(void)snprintf(faults + strlen(faults), sizeof(faults) - strlen(faults), "%s: %s\n", name, why);
}

static void
start(void)
{
	ct_config_fail = note;
	(void)setenv("ENVIRONMENT", "development", 1);
	lines = tmpfile();
	cr_assert_not_null(lines);
	cr_assert_neq(dup2(fileno(lines), STDERR_FILENO), -1);
	ct_log_init("test", CT_LOG_INFO);
}

TestSuite(pg_hosts, .init = start);

/* Returns the faults of this PG_CONNINFO. */
static const char *
parse(const char *text)
{
	faults[0] = '\0';
	pg_conninfo_parse(&info, text, 4000);
	return (faults);
}

/* Returns the value that libpq would use: the last one of the keyword. "": there is none. */
static const char *
value(unsigned host, const char *keyword)
{
	const char	*last = "";
	unsigned	 i;

	for (i = 0; info.hosts[host].keywords[i] != NULL; i++) {
		if (strcmp(info.hosts[host].keywords[i], keyword) == 0)
			last = info.hosts[host].values[i];
	}
	return (last);
}

static void
use(const char *text)
{
	cr_assert_str_eq(parse(text), "");
	pg_hosts_init(&hosts, &info);
}

static unsigned
logged(const char *text)
{
	static char	 all[65536];
	const char	*at = all;
	unsigned	 times = 0;

	rewind(lines);
	all[fread(all, 1, sizeof(all) - 1, lines)] = '\0';
	while ((at = strstr(at, text)) != NULL) {
		times++;
		at++;
	}
	return (times);
}

/* PG_CONNINFO. */

Test(pg_hosts, each_host_of_a_list_has_its_own_parameters)
{
	cr_assert_str_eq(parse("host=localhost,192.0.2.7,/run/postgresql port=1,2,3 user=u"), "");
	cr_assert_eq(info.count, 3);
	cr_assert_str_eq(value(0, "host"), "localhost");
	cr_assert_str_eq(value(0, "hostaddr"), "127.0.0.1");
	cr_assert_str_eq(value(0, "port"), "1");
	cr_assert_str_eq(value(1, "host"), "192.0.2.7");
	cr_assert_str_eq(value(1, "hostaddr"), "192.0.2.7");
	cr_assert_str_eq(value(1, "port"), "2");
	cr_assert_str_eq(value(2, "host"), "/run/postgresql");
	cr_assert_str_eq(value(2, "hostaddr"), "");
	cr_assert_str_eq(value(2, "port"), "3");
	cr_assert_str_eq(value(2, "user"), "u");
	cr_assert_str_eq(info.hosts[1].label, "192.0.2.7:2");
}

Test(pg_hosts, one_port_is_for_all_hosts)
{
	cr_assert_str_eq(parse("host=127.0.0.1,127.0.0.2 port=7"), "");
	cr_assert_str_eq(value(0, "port"), "7");
	cr_assert_str_eq(value(1, "port"), "7");
}

Test(pg_hosts, address_of_hostaddr_wins_and_its_name_stays)
{
	cr_assert_str_eq(parse("host=db1.invalid,localhost hostaddr=192.0.2.1, port=5"), "");
	cr_assert_str_eq(value(0, "host"), "db1.invalid");
	cr_assert_str_eq(value(0, "hostaddr"), "192.0.2.1");
	cr_assert_null(info.hosts[0].name, "there is nothing to look up");
	cr_assert_str_eq(value(1, "hostaddr"), "127.0.0.1");
	cr_assert_str_eq(info.hosts[0].label, "db1.invalid:5");
}

Test(pg_hosts, uri_with_several_hosts_is_a_list)
{
	cr_assert_str_eq(parse("postgresql://u@127.0.0.1:1,127.0.0.2:2/concert"), "");
	cr_assert_eq(info.count, 2);
	cr_assert_str_eq(value(1, "host"), "127.0.0.2");
	cr_assert_str_eq(value(1, "port"), "2");
	cr_assert_str_eq(value(1, "dbname"), "concert");
}

Test(pg_hosts, connection_without_host_is_one_host)
{
	cr_assert_str_eq(parse("dbname=concert"), "");
	cr_assert_eq(info.count, 1);
	cr_assert_str_eq(value(0, "host"), "");
	cr_assert_null(info.hosts[0].name);
}

Test(pg_hosts, lost_machine_is_noticed_by_tcp_user_timeout_unless_given)
{
	(void)parse("host=127.0.0.1,127.0.0.2");
	cr_assert_str_eq(value(1, "tcp_user_timeout"), "10000");
	(void)parse("host=127.0.0.1 tcp_user_timeout=5000");
	cr_assert_str_eq(value(0, "tcp_user_timeout"), "5000");
}

Test(pg_hosts, wrong_list_is_a_fault)
{
	static const char *const	wrong[][2] = {
		{ "host=127.0.0.1,127.0.0.2 port=1,2,3", "PG_CONNINFO: port= needs one port for all hosts, or one for each host" },
		{ "host=127.0.0.1 port=1,2", "PG_CONNINFO: port= needs one port" },
		{ "dbname=concert port=1,2", "PG_CONNINFO: port= needs one port" },
		{ "host=a,b hostaddr=127.0.0.1", "PG_CONNINFO: host= and hostaddr= name different numbers of hosts" },
		{ "host=127.0.0.1,", "PG_CONNINFO: an entry of host= is empty" },
		{ "host=127.0.0.1,,127.0.0.2", "PG_CONNINFO: an entry of host= is empty" },
		{ "hostaddr=127.0.0.1,", "PG_CONNINFO: an entry of host= is empty" },
		{ "host=127.0.0.1,127.0.0.2 port=5432,", "PG_CONNINFO: an entry of port= is not a whole number from 1 to 65535" },
		{ "host=127.0.0.1 port=65536", "PG_CONNINFO: an entry of port= is not a whole number from 1 to 65535" },
		{ "host=127.0.0.1 port=pg", "PG_CONNINFO: an entry of port= is not a whole number from 1 to 65535" },
		{ "host=a,b,c,d,e,f,g,h,i", "PG_CONNINFO: names more than 8 hosts" },
		{ "host='no such name'", "PG_CONNINFO: its host has no address" },
		{ "host='no such one,no such two'", "PG_CONNINFO: none of its hosts has an address" },
	};
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(strncmp(parse(wrong[i][0]), wrong[i][1], strlen(wrong[i][1])) == 0, "%s: %s", wrong[i][0], faults);
}

Test(pg_hosts, one_host_without_address_does_not_stop_the_start)
{
	cr_assert_str_eq(parse("host='gone host,127.0.0.1'"), "");
	cr_assert_str_eq(value(0, "hostaddr"), "");
	cr_assert_str_eq(info.hosts[0].address, "");
	cr_assert_str_eq(value(1, "hostaddr"), "127.0.0.1");
}

/* The order of attempts. */

/* An attempt that begins now fails at once. Returns its host. */
static unsigned
fail_at(uint64_t now)
{
	unsigned	host = pg_hosts_take(&hosts, now);

	cr_assert_neq(host, PG_HOST_NONE);
	pg_hosts_failed(&hosts, host, now);
	pg_hosts_tried(&hosts, host);
	return (host);
}

Test(pg_hosts, each_attempt_takes_the_next_host_and_each_host_has_a_pause)
{
	use("host=127.0.0.1,127.0.0.2,127.0.0.3");
	cr_assert_eq(fail_at(1000), 0);
	cr_assert_eq(fail_at(1000), 1);
	cr_assert_eq(fail_at(1100), 2);
	cr_assert_eq(pg_hosts_take(&hosts, 1000 + PG_RETRY_MS - 1), PG_HOST_NONE);
	cr_assert_eq(fail_at(1000 + PG_RETRY_MS), 0, "the list begins again");
	cr_assert_eq(fail_at(1000 + PG_RETRY_MS), 1);
	cr_assert_eq(pg_hosts_take(&hosts, 1000 + PG_RETRY_MS), PG_HOST_NONE);
	cr_assert_eq(fail_at(1100 + PG_RETRY_MS), 2);
}

Test(pg_hosts, host_that_answers_nothing_has_one_attempt_and_the_others_go_on)
{
	use("host=127.0.0.1,127.0.0.2,127.0.0.3");
	cr_assert_eq(pg_hosts_take(&hosts, 1000), 0);
	cr_assert_eq(fail_at(1000), 1);
	cr_assert_eq(fail_at(1000), 2);
	cr_assert_eq(fail_at(2000), 1);
	cr_assert_eq(fail_at(2000), 2);
	cr_assert_eq(pg_hosts_take(&hosts, 2000), PG_HOST_NONE);
	pg_hosts_failed(&hosts, 0, 4000);
	pg_hosts_tried(&hosts, 0);
	cr_assert_eq(fail_at(4000), 0);
}

Test(pg_hosts, known_primary_takes_all_attempts_at_once)
{
	use("host=127.0.0.1,127.0.0.2,127.0.0.3");
	pg_hosts_works(&hosts, 2, 1);
	cr_assert_eq(pg_hosts_take(&hosts, 1), 2);
	cr_assert_eq(pg_hosts_take(&hosts, 1), 2);
	/* An older attempt at another host fails late. */
	pg_hosts_failed(&hosts, 0, 1);
	cr_assert_eq(pg_hosts_take(&hosts, 1), 2);
	cr_assert(pg_hosts_has_primary(&hosts));
	pg_hosts_failed(&hosts, 2, 1);
	cr_assert_not(pg_hosts_has_primary(&hosts));
	cr_assert_eq(fail_at(1), 0, "the search begins behind the old primary");
}

Test(pg_hosts, only_host_takes_each_attempt)
{
	use("host=127.0.0.1");
	cr_assert_eq(fail_at(1), 0);
	cr_assert_eq(fail_at(1), 0);
}

Test(pg_hosts, host_without_writes_is_not_the_primary)
{
	use("host=127.0.0.1,127.0.0.2");
	cr_assert_eq(hosts.primary, PG_HOST_NONE);
	pg_hosts_works(&hosts, 0, 1);
	pg_hosts_no_writes(&hosts, 1, 1);
	cr_assert_eq(hosts.primary, 0, "a standby says nothing about the primary");
	pg_hosts_no_writes(&hosts, 0, 1);
	cr_assert_eq(hosts.primary, PG_HOST_NONE);
	cr_assert_eq(pg_hosts_take(&hosts, 1), 1);
}

Test(pg_hosts, attempt_older_than_the_primary_at_another_host_is_passed)
{
	use("host=127.0.0.1,127.0.0.2");
	cr_assert_not(pg_hosts_is_passed(&hosts, 0, 0), "no host has taken a connection");
	pg_hosts_works(&hosts, 1, 100);
	cr_assert(pg_hosts_is_passed(&hosts, 0, 99));
	cr_assert_not(pg_hosts_is_passed(&hosts, 1, 99), "the primary takes all of the pool");
	cr_assert_not(pg_hosts_is_passed(&hosts, 0, 101), "the primary may be lost since");
	pg_hosts_no_writes(&hosts, 1, 200);
	cr_assert_not(pg_hosts_is_passed(&hosts, 0, 99), "no primary is known");
}

Test(pg_hosts, outage_of_a_list_begins_when_every_host_has_failed)
{
	use("host=127.0.0.1,127.0.0.2");
	pg_hosts_failed(&hosts, 0, 1);
	pg_hosts_failed(&hosts, 0, 1);
	cr_assert_not(pg_hosts_all_failed(&hosts));
	pg_hosts_failed(&hosts, 1, 1);
	cr_assert(pg_hosts_all_failed(&hosts));
	pg_hosts_works(&hosts, 1, 1);
	cr_assert_not(pg_hosts_all_failed(&hosts));
}

Test(pg_hosts, another_primary_is_logged_once)
{
	use("host=127.0.0.1,127.0.0.2 port=6");
	pg_hosts_works(&hosts, 0, 1);
	pg_hosts_works(&hosts, 0, 1);
	cr_assert_eq(logged("takes writes"), 0);
	pg_hosts_no_writes(&hosts, 0, 1);
	pg_hosts_works(&hosts, 1, 1);
	pg_hosts_works(&hosts, 1, 1);
	cr_assert_eq(logged("postgres: 127.0.0.2:6 takes writes now, before it was 127.0.0.1:6"), 1);
	cr_assert_eq(logged("takes writes"), 1);
}

/* A server that answers nothing. */

Test(pg_hosts, server_is_silent_after_a_late_statement_until_it_answers)
{
	use("host=127.0.0.1");
	pg_hosts_works(&hosts, 0, 100);
	cr_assert_not(hosts.silent);
	pg_hosts_late(&hosts, 0, 200, 5200);
	cr_assert(hosts.silent);
	pg_hosts_failed(&hosts, 0, 8200);
	cr_assert(hosts.silent, "an attempt to connect gets no answer either");
	pg_hosts_heard(&hosts, 0, 9000);
	cr_assert_not(hosts.silent);
	pg_hosts_late(&hosts, 0, 9000, 14000);
	cr_assert(hosts.silent, "it was sent in the millisecond of the last answer");
	pg_hosts_works(&hosts, 0, 15000);
	cr_assert(hosts.silent, "a pooler greets for a frozen server");
	pg_hosts_heard(&hosts, 0, 15001);
	cr_assert_not(hosts.silent);
}

/* Its other statements are answered, so one slow statement says nothing about the server. */
Test(pg_hosts, server_that_answers_other_statements_is_not_silent)
{
	use("host=127.0.0.1,127.0.0.2");
	pg_hosts_works(&hosts, 0, 100);
	pg_hosts_heard(&hosts, 0, 3000);
	pg_hosts_late(&hosts, 0, 200, 5200);
	cr_assert_not(hosts.silent);
	cr_assert_eq(pg_hosts_take(&hosts, 9000), 1, "the next attempt takes another host");
	pg_hosts_late(&hosts, 1, 4000, 9000);
	cr_assert_not(hosts.silent, "this host is not the primary");
}

/* Look-ups. */

/* Takes look-ups until host 0 has none. */
static void
wait_for_lookup(void)
{
	static const struct timespec	pause = { .tv_nsec = 1000000 };
	unsigned			i;

	for (i = 0; i < 20000 && hosts.lookups[0] != NULL; i++) {
		pg_hosts_tick(&hosts);
		(void)nanosleep(&pause, NULL);
	}
	cr_assert_null(hosts.lookups[0], "the look-up takes longer than 20 s");
}

Test(pg_hosts, name_is_looked_up_again_after_a_failure, .timeout = 60)
{
	use("host=localhost,127.0.0.2");
	(void)snprintf(info.hosts[0].address, sizeof(info.hosts[0].address), "192.0.2.1");
	cr_assert_null(hosts.lookups[0]);
	pg_hosts_failed(&hosts, 0, 1);
	cr_assert_not_null(hosts.lookups[0]);
	wait_for_lookup();
	cr_assert_str_eq(value(0, "hostaddr"), "127.0.0.1");
	pg_hosts_failed(&hosts, 0, PG_LOOKUP_PAUSE_MS);
	cr_assert_null(hosts.lookups[0], "look-ups have a pause");
	pg_hosts_failed(&hosts, 0, 1 + PG_LOOKUP_PAUSE_MS);
	cr_assert_not_null(hosts.lookups[0]);
	pg_hosts_deinit(&hosts);
	cr_assert_null(hosts.lookups[0]);
}

Test(pg_hosts, failed_lookup_leaves_the_last_address, .timeout = 60)
{
	use("host=127.0.0.1");
	info.hosts[0].name = "no such name";
	(void)snprintf(info.hosts[0].address, sizeof(info.hosts[0].address), "192.0.2.1");
	pg_hosts_failed(&hosts, 0, 1);
	wait_for_lookup();
	cr_assert_str_eq(info.hosts[0].address, "192.0.2.1");
	pg_hosts_deinit(&hosts);
}

Test(pg_hosts, address_is_not_looked_up)
{
	use("host=a hostaddr=127.0.0.1");
	pg_hosts_failed(&hosts, 0, 1);
	cr_assert_null(hosts.lookups[0]);
}
