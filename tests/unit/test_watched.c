/* Files that change while a service runs: when they are loaded again, what is shown, and the settings that use this. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/queue_token.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/loaded.h"
#include "base/metrics.h"
#include "base/watched.h"
#include "service/log_level.h"

#define FIRST	"first-secret-of-tests-with-more-than-32-bytes"
#define SECOND	"second-secret-of-tests-with-more-than-32-bytes"
#define THIRD	"third-secret-of-tests-with-more-than-32-bytes"

static char	dir[] = "/tmp/ct-watched-XXXXXX";
static char	path[64];
static char	failed_why[CT_CONFIG_WHY];
static char	content[100];
static unsigned	loads;

static void
note(const char *name, const char *why)
{
	(void)name;
	(void)snprintf(failed_why, sizeof(failed_why), "%s", why);
}

static void
write_text(const char *text)
{
	FILE	*file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void
start(void)
{
	ct_config_fail = note;
	failed_why[0] = '\0';
	(void)setenv("ENVIRONMENT", "development", 1);
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	ct_log_init("test", CT_LOG_INFO);
}

static void
end(void)
{
	char	command[100];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(watched, .init = start, .fini = end);

static bool
load(const char *from, char why_r[CT_CONFIG_WHY])
{
	FILE	*file = fopen(from, "r");
	char	 text[100] = "";

	loads++;
	if (file == NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "it is not there");
		return (false);
	}
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	if (strncmp(text, "bad", 3) == 0) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "it is %s", text);
		return (false);
	}
	memcpy(content, text, sizeof(text));
	return (true);
}

static unsigned
values(struct ct_loaded_value *values_r)
{
	(void)snprintf(values_r[0].text, sizeof(values_r[0].text), "%.60s", content);
	values_r[0].use = "";
	return (1);
}

static const struct ct_watched_file	file = { "SOME_FILE", load, values };

static char *
printed(void)
{
	static struct ct_buf	buf;

	ct_buf_deinit(&buf);
	ct_buf_init(&buf, 100000);
	ct_metrics_print(&buf);
	ct_loaded_print(&buf);
	return (buf.data);
}

static bool
prints(const char *line)
{
	return (strstr(printed(), line) != NULL);
}

static void
become_worker(unsigned workers)
{
	ct_metrics_init(workers);
	ct_loaded_init(workers);
	ct_metrics_worker(0);
	ct_loaded_worker(0);
	ct_watched_start();
}

Test(watched, changed_file_is_loaded_at_the_next_look)
{
	write_text("one");
	ct_watched_add(&file, path);
	cr_assert_str_eq(content, "one");
	become_worker(1);
	cr_assert(prints("ct_loaded{setting=\"SOME_FILE\",value=\"one\",use=\"\"} 1\n"), "%s", printed());
	write_text("two");
	ct_watched_look();
	cr_assert_str_eq(content, "two");
	cr_assert(prints("ct_loaded{setting=\"SOME_FILE\",value=\"two\",use=\"\"} 1\n"), "%s", printed());
	cr_assert(prints("ct_file_loads_total{setting=\"SOME_FILE\"} 1\n"), "%s", printed());
}

/* A worker that replaces an ended one has inherited what the parent loaded before the change. */
Test(watched, worker_that_starts_after_a_change_has_loaded_it)
{
	write_text("one");
	ct_watched_add(&file, path);
	write_text("two");
	become_worker(1);
	cr_assert_str_eq(content, "two");
}

/* The same size, inode and time of modification: cp -p, or a tool that sets the time. */
Test(watched, change_with_the_old_time_is_loaded)
{
	struct timespec	old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	write_text("one");
	cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	ct_watched_add(&file, path);
	become_worker(1);
	write_text("two");
	cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	ct_watched_look();
	cr_assert_str_eq(content, "two");
}

Test(watched, file_that_does_not_change_is_not_loaded_again)
{
	unsigned	before;

	write_text("one");
	ct_watched_add(&file, path);
	become_worker(1);
	/* A young state is looked at again. */
	sleep(3);
	ct_watched_look();
	before = loads;
	ct_watched_look();
	ct_watched_look();
	cr_assert_eq(loads, before);
	cr_assert(prints("ct_file_loads_total{setting=\"SOME_FILE\"} 0\n"), "%s", printed());
}

Test(watched, refused_content_leaves_the_old_one_in_use)
{
	write_text("one");
	ct_watched_add(&file, path);
	become_worker(1);
	write_text("bad");
	ct_watched_look();
	ct_watched_look();
	cr_assert_str_eq(content, "one");
	cr_assert(prints("ct_file_refused{setting=\"SOME_FILE\"} 1\n"), "%s", printed());
	cr_assert(prints("ct_file_refusals_total{setting=\"SOME_FILE\"} 1\n"), "one line for each reason: %s", printed());
	cr_assert(prints("ct_loaded{setting=\"SOME_FILE\",value=\"one\",use=\"\"} 1\n"), "%s", printed());
	write_text("three");
	ct_watched_look();
	cr_assert_str_eq(content, "three");
	cr_assert(prints("ct_file_refused{setting=\"SOME_FILE\"} 0\n"), "%s", printed());
}

Test(watched, missing_file_leaves_the_old_content_in_use)
{
	write_text("one");
	ct_watched_add(&file, path);
	become_worker(1);
	cr_assert_eq(unlink(path), 0);
	ct_watched_look();
	cr_assert_str_eq(content, "one");
	cr_assert(prints("ct_file_refused{setting=\"SOME_FILE\"} 1\n"), "%s", printed());
}

Test(watched, link_to_another_file_is_a_change)
{
	char	other[80];

	write_text("one");
	(void)snprintf(other, sizeof(other), "%s/link", dir);
	cr_assert_eq(symlink("file", other), 0);
	ct_watched_add(&file, other);
	become_worker(1);
	(void)snprintf(path, sizeof(path), "%s/next", dir);
	write_text("two");
	cr_assert_eq(unlink(other), 0);
	cr_assert_eq(symlink("next", other), 0);
	ct_watched_look();
	cr_assert_str_eq(content, "two");
}

Test(watched, refused_file_at_the_start_is_a_fault)
{
	write_text("bad");
	ct_watched_add(&file, path);
	cr_assert_str_eq(failed_why, "it is bad");
}

Test(watched, values_count_the_workers_that_have_loaded_them)
{
	unsigned	worker;

	write_text("one");
	ct_watched_add(&file, path);
	ct_metrics_init(3);
	ct_loaded_init(3);
	for (worker = 0; worker < 3; worker++) {
		if (worker == 2)
			write_text("two");
		if (fork() == 0) {
			ct_loaded_worker(worker);
			ct_watched_start();
			ct_watched_look();
			_exit(0);
		}
		(void)wait(NULL);
	}
	cr_assert(prints("value=\"one\",use=\"\"} 2\n") && prints("value=\"two\",use=\"\"} 1\n"), "%s", printed());
}

static struct ct_queue_token
some_token(void)
{
	struct ct_queue_token	token = { .seq = 7 };

	ct_uuid_v7(&token.schedule);
	ct_uuid_v7(&token.user);
	return (token);
}

static void
change_secrets(const char *text)
{
	write_text(text);
	ct_watched_look();
}

Test(watched, queue_token_secret_is_replaced_with_an_overlap)
{
	struct ct_queue_token	token = some_token(), back;
	char			old[CT_QUEUE_TOKEN_TEXT], new[CT_QUEUE_TOKEN_TEXT];

	write_text(FIRST "\n");
	(void)setenv("QUEUE_TOKEN_SECRET_FILE", path, 1);
	ct_queue_token_configure();
	become_worker(1);
	ct_queue_token_sign(&token, old);

	change_secrets(FIRST "\n" SECOND "\n");
	ct_queue_token_sign(&token, new);
	cr_assert_str_eq(new, old, "the first line signs");
	change_secrets(SECOND "\r\n\n" FIRST);
	ct_queue_token_sign(&token, new);
	cr_assert_str_neq(new, old);
	cr_assert(ct_queue_token_verify(old, &back) && ct_queue_token_verify(new, &back));
	cr_assert(prints("use=\"signs\"} 1\n") && prints("use=\"verifies\"} 1\n"), "%s", printed());
	change_secrets(SECOND);
	cr_assert_not(ct_queue_token_verify(old, &back), "the old secret is gone");
	cr_assert(ct_queue_token_verify(new, &back));
}

Test(watched, wrong_file_of_queue_token_secrets_is_refused)
{
	static const char *const	wrong[] = { "", "\n", "short", THIRD "\nshort\n",
		THIRD "1\n" THIRD "2\n" THIRD "3\n" THIRD "4\n" THIRD "5\n" };
	struct ct_queue_token		token = some_token(), back;
	char				text[CT_QUEUE_TOKEN_TEXT];
	size_t				i;

	write_text(FIRST);
	(void)setenv("QUEUE_TOKEN_SECRET_FILE", path, 1);
	ct_queue_token_configure();
	become_worker(1);
	ct_queue_token_sign(&token, text);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		change_secrets(wrong[i]);
		cr_assert(ct_queue_token_verify(text, &back), "%s", wrong[i]);
		cr_assert(prints("ct_file_refused{setting=\"QUEUE_TOKEN_SECRET_FILE\"} 1\n"), "%s: %s", wrong[i], printed());
	}
	cr_assert_null(strstr(printed(), "secret-of-tests"), "a secret is never shown");
}

Test(watched, fingerprint_is_the_start_of_sha256)
{
	char	text[CT_LOADED_FINGERPRINT];

	ct_loaded_fingerprint("abc", 3, text);
	cr_assert_str_eq(text, "ba7816bf");
}

Test(watched, log_level_file_changes_the_level)
{
	(void)setenv("LOG_LEVEL", "warning", 1);
	(void)setenv("LOG_LEVEL_FILE", path, 1);
	ct_log_level_configure("test");
	cr_assert_str_eq(failed_why, "", "no file is no fault");
	cr_assert_eq(ct_log_level(), CT_LOG_WARNING);
	become_worker(1);
	change_secrets("debug\n");
	cr_assert_eq(ct_log_level(), CT_LOG_DEBUG);
	cr_assert(prints("ct_loaded{setting=\"LOG_LEVEL_FILE\",value=\"debug\",use=\"\"} 1\n"), "%s", printed());
	change_secrets("Debug");
	cr_assert_eq(ct_log_level(), CT_LOG_DEBUG, "a wrong word changes nothing");
	cr_assert(prints("ct_file_refused{setting=\"LOG_LEVEL_FILE\"} 1\n"), "%s", printed());
	change_secrets("error");
	cr_assert_eq(ct_log_level(), CT_LOG_ERROR);
	change_secrets("");
	cr_assert_eq(ct_log_level(), CT_LOG_WARNING, "an empty file: LOG_LEVEL");
	change_secrets("debug");
	cr_assert_eq(unlink(path), 0);
	ct_watched_look();
	cr_assert_eq(ct_log_level(), CT_LOG_WARNING, "no file: LOG_LEVEL");
}
