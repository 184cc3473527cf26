/* Assertions: each one that fails runs in a child process, whose standard error and end are read here. */
#include <criterion/criterion.h>

#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

static const char	*line;	/* the last line of the child's standard error */

/* Runs `body` in a child process. Returns the signal that ended it, 0 if none did. */
static int
signal_of(void (*body)(void))
{
	static char	 text[65536];
	size_t		 length = 0;
	ssize_t		 got;
	int		 ends[2], status;
	pid_t		 child;

	cr_assert_eq(pipe(ends), 0);
	child = fork();
	cr_assert_neq(child, -1);
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		ct_log_init("test", CT_LOG_ERROR);
		body();
		_exit(0);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	(void)close(ends[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	text[length > 0 ? length - 1 : 0] = '\0';
	line = strrchr(text, '\n') != NULL ? strrchr(text, '\n') + 1 : text;
	return (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static unsigned	evaluated;

static void
assert_true(void)
{
	CT_ASSERT(++evaluated == 1);
	CT_ASSERT_MSG(++evaluated == 2, "counts");
	if (evaluated != 2)
		_exit(1);
}

static void
assert_false(void)
{
	CT_ASSERT(evaluated == 5);
}

static void
assert_false_with_message(void)
{
	CT_ASSERT_MSG(evaluated == 5, "five are expected");
}

static void
assert_false_after_many_lines(void)
{
	unsigned	i;

	for (i = 0; i < 300; i++)
		ct_log(CT_LOG_ERROR, NULL, "line %u", i);
	CT_ASSERT(evaluated == 5);
}

Test(assert, true_condition_is_evaluated_once_and_the_process_goes_on)
{
	cr_assert_eq(signal_of(assert_true), 0);
	cr_assert_str_empty(line);
}

Test(assert, false_condition_logs_file_line_and_condition_and_aborts)
{
	cr_assert_eq(signal_of(assert_false), SIGABRT);
	cr_assert(strstr(line, "\"level\":\"error\"") != NULL, "%s", line);
	cr_assert(strstr(line, "assertion failed at test_assert.c:") != NULL, "%s", line);
	cr_assert(strstr(line, ": evaluated == 5: a defect") != NULL, "%s", line);
}

Test(assert, false_condition_with_message_logs_the_message)
{
	cr_assert_eq(signal_of(assert_false_with_message), SIGABRT);
	cr_assert(strstr(line, ": evaluated == 5: five are expected: a defect") != NULL, "%s", line);
}

Test(assert, failed_assertion_after_the_limit_of_lines_is_still_logged)
{
	cr_assert_eq(signal_of(assert_false_after_many_lines), SIGABRT);
	cr_assert(strstr(line, "assertion failed at") != NULL, "%s", line);
}
