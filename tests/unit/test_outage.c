/* The log of an outage, read from a file that replaces standard error. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outage.h"

static FILE	*lines;

static void
start(void)
{
	lines = tmpfile();
	cr_assert_not_null(lines);
	cr_assert_neq(dup2(fileno(lines), STDERR_FILENO), -1);
	ct_log_init("test", CT_LOG_INFO);
}

TestSuite(outage, .init = start);

/* Returns how often `text` occurs in the log. */
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

Test(outage, many_failed_attempts_are_one_line_with_the_first_reason)
{
	struct ct_outage	outage;
	unsigned		i;

	ct_outage_init(&outage, "store");
	ct_outage_begin(&outage, "refused");
	for (i = 0; i < 50; i++)
		ct_outage_begin(&outage, "silent");
	cr_assert_eq(logged("store: no connection: refused"), 1);
	cr_assert_eq(logged("store: no connection"), 1);
	cr_assert_eq(logged("\"level\":\"warning\""), 1);
}

Test(outage, end_is_logged_once_after_a_logged_beginning)
{
	struct ct_outage	outage;

	ct_outage_init(&outage, "store");
	ct_outage_begin(&outage, "refused");
	ct_outage_end(&outage);
	ct_outage_end(&outage);
	cr_assert_eq(logged("store: connected again"), 1);
}

Test(outage, end_without_a_beginning_is_not_logged)
{
	struct ct_outage	outage;

	ct_outage_init(&outage, "store");
	ct_outage_end(&outage);
	cr_assert_eq(logged("store"), 0);
}

Test(outage, second_outage_is_logged_again)
{
	struct ct_outage	outage;

	ct_outage_init(&outage, "store");
	ct_outage_begin(&outage, "first");
	ct_outage_end(&outage);
	ct_outage_begin(&outage, "second");
	cr_assert_eq(logged("no connection"), 2);
	cr_assert_eq(logged("second"), 1);
}
