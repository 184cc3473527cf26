/* The check of Kore's version at start. This program is not Kore, so this file defines kore_version. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kore/version.h"

extern const char	*kore_version;
const char		*kore_version = CT_KORE_VERSION;

/* Checks the version in a child process; returns its exit status and what it printed. */
static int
check(const char *version, char printed_r[512])
{
	int	out[2], status;
	ssize_t	length;
	pid_t	child;

	cr_assert_eq(pipe(out), 0);
	if ((child = fork()) == 0) {
		(void)dup2(out[1], STDERR_FILENO);
		kore_version = version;
		ct_kore_check_version();
		_exit(0);
	}
	(void)close(out[1]);
	length = read(out[0], printed_r, 511);
	printed_r[length < 0 ? 0 : length] = '\0';
	(void)close(out[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	return (WEXITSTATUS(status));
}

Test(kore_version, tested_version_starts)
{
	char	printed[512];

	cr_expect_eq(check(CT_KORE_VERSION, printed), 0);
	cr_expect_str_empty(printed);
}

Test(kore_version, other_version_stops_the_start_and_names_both)
{
	static const char *const	others[] = { "4.2.3", "4.1", "4.1.0-dev", "" };
	char				printed[512], running[64];
	size_t				i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		cr_expect_eq(check(others[i], printed), 1, "%s", others[i]);
		(void)snprintf(running, sizeof(running), "this is Kore %s", others[i]);
		cr_expect_not_null(strstr(printed, running), "%s", printed);
		cr_expect_not_null(strstr(printed, "tested with Kore " CT_KORE_VERSION), "%s", printed);
	}
}
