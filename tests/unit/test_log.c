/* Log lines, read from a file that replaces standard error. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/log.h"
#include "base/trace_context.h"

static FILE	*lines;

/* Returns the second by the clock of the log lines. time() is some milliseconds behind it. */
static time_t
second_now(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec);
}

/* Waits for the start of a second. */
static time_t
next_second(void)
{
	time_t	now = second_now();

	while (second_now() == now)
		(void)usleep(1000);
	return (second_now());
}

static void
start(void)
{
	lines = tmpfile();
	(void)dup2(fileno(lines), STDERR_FILENO);
	ct_log_init("tests", CT_LOG_INFO);
}

TestSuite(log, .init = start);

static cJSON *
next_line(void)
{
	static char	text[4096];
	static long	offset;

	(void)fseek(lines, offset, SEEK_SET);
	if (fgets(text, sizeof(text), lines) == NULL)
		return (NULL);
	offset = ftell(lines);
	cr_assert_leq(strlen(text), 1024);
	return (cJSON_Parse(text));
}

static const char *
member(const cJSON *line, const char *name)
{
	return (cJSON_GetStringValue(cJSON_GetObjectItem(line, name)));
}

Test(log, line_within_a_trace_has_its_id)
{
	struct ct_trace	trace, before;
	cJSON		*line;

	cr_assert(ct_traceparent_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", &trace));
	before = ct_trace_enter(&trace);
	ct_log(CT_LOG_WARNING, NULL, "within");
	ct_trace_leave(before);
	ct_log(CT_LOG_WARNING, NULL, "outside");
	line = next_line();
	cr_assert_str_eq(member(line, "traceId"), "0af7651916cd43dd8448eb211c80319c");
	cJSON_Delete(line);
	line = next_line();
	cr_assert_null(member(line, "traceId"));
	cJSON_Delete(line);
}

Test(log, logged_line_is_one_json_object)
{
	cJSON	*line;

	ct_log(CT_LOG_WARNING, "request-1", "a \"quoted\" %s\n%d", "text", 7);
	line = next_line();
	cr_assert_str_eq(member(line, "message"), "a \"quoted\" text\n7");
	cr_assert_str_eq(member(line, "requestId"), "request-1");
	cr_assert_str_eq(member(line, "level"), "warning");
	cr_assert_str_eq(member(line, "service"), "tests");
	cr_assert_eq(strlen(member(line, "time")), 24);
	cJSON_Delete(line);
}

Test(log, message_below_the_level_is_not_printed)
{
	cJSON	*line;

	ct_log(CT_LOG_DEBUG, NULL, "unseen");
	ct_log(CT_LOG_INFO, NULL, "seen");
	line = next_line();
	cr_assert_str_eq(member(line, "message"), "seen");
	cr_assert_null(member(line, "requestId"));
	cJSON_Delete(line);
}

Test(log, long_message_is_cut_and_still_json)
{
	static char	 message[5000], controls[900];
	cJSON		*line;
	int		 i;

	for (i = 0; i + 3 < (int)sizeof(message); i += 3)
		memcpy(message + i, "\xed\x95\x9c", 3);
	ct_log(CT_LOG_INFO, NULL, "%s", message);
	cr_assert_not_null(line = next_line());
	cJSON_Delete(line);
	memset(controls, 1, sizeof(controls) - 1);
	ct_log(CT_LOG_INFO, NULL, "%s", controls);
	cr_assert_not_null(line = next_line());
	cJSON_Delete(line);
}

static int
lines_printed(void)
{
	cJSON	*line;
	int	 count = 0;

	while ((line = next_line()) != NULL) {
		cJSON_Delete(line);
		count++;
	}
	return (count);
}

Test(log, lines_past_a_hundred_per_second_are_only_counted, .timeout = 180)
{
	cJSON	*line;
	time_t	 second;

	/* On a busy machine the lines may not be within one second. Then the next second is another try. */
	for (int tries = 0;; tries++) {
		cr_assert_lt(tries, 100, "the machine needs more than a second for 130 lines");
		second = next_second();
		/* It also prints how many lines of an earlier try are left out. */
		ct_log(CT_LOG_INFO, NULL, "first");
		(void)lines_printed();
		for (int i = 1; i < 130; i++)
			ct_log(CT_LOG_INFO, NULL, "%d", i);
		if (second_now() == second)
			break;
	}
	cr_assert_eq(lines_printed(), 99);
	(void)next_second();
	ct_log(CT_LOG_INFO, NULL, "later");
	line = next_line();
	cr_assert_eq(cJSON_GetObjectItem(line, "leftOut")->valueint, 30);
	cJSON_Delete(line);
}
