/* Settings from the environment. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ct/config.h"

static char	failed_name[64];
static char	failed_why[512];

static void
note(const char *name, const char *why)
{
	(void)snprintf(failed_name, sizeof(failed_name), "%s", name);
	(void)snprintf(failed_why, sizeof(failed_why), "%s", why);
}

static void
start(void)
{
	ct_config_fail = note;
	failed_name[0] = failed_why[0] = '\0';
	(void)unsetenv("CT_TEST");
}

TestSuite(config, .init = start);

Test(config, a_number_is_read_and_unset_is_the_fallback)
{
	cr_assert_eq(ct_config_number("CT_TEST", 1, 64, 4), 4);
	(void)setenv("CT_TEST", "", 1);
	cr_assert_eq(ct_config_number("CT_TEST", 1, 64, 4), 4, "empty is unset");
	(void)setenv("CT_TEST", "64", 1);
	cr_assert_eq(ct_config_number("CT_TEST", 1, 64, 4), 64);
	cr_assert_str_eq(failed_name, "");
}

Test(config, a_wrong_number_is_said_with_its_range)
{
	static const char *const	wrong[] = { "ten", "0", "65", "4x", " 4", "4 ", "+4", "0x4", "99999999999999999999", "-" };
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		failed_name[0] = '\0';
		(void)setenv("CT_TEST", wrong[i], 1);
		(void)ct_config_number("CT_TEST", 1, 64, 4);
		cr_assert_str_eq(failed_name, "CT_TEST", "%s", wrong[i]);
	}
	(void)setenv("CT_TEST", "ten", 1);
	(void)ct_config_number("CT_TEST", 1, 64, 4);
	cr_assert_str_eq(failed_why, "'ten' is not a whole number from 1 to 64");
}

Test(config, what_is_required_and_missing_is_said)
{
	(void)ct_config_number("CT_TEST", 1, 64, CT_REQUIRED);
	cr_assert_str_eq(failed_why, "is required and not set");
	failed_why[0] = '\0';
	(void)ct_config_text("CT_TEST", NULL);
	cr_assert_str_eq(failed_why, "is required and not set");
}

Test(config, a_choice_is_one_of_its_choices)
{
	static const char *const	choices[] = { "red", "green", NULL };

	cr_assert_str_eq(ct_config_choice("CT_TEST", choices, "red"), "red");
	(void)setenv("CT_TEST", "green", 1);
	cr_assert_str_eq(ct_config_choice("CT_TEST", choices, "red"), "green");
	(void)setenv("CT_TEST", "blue", 1);
	(void)ct_config_choice("CT_TEST", choices, "red");
	cr_assert_str_eq(failed_why, "'blue' is not one of red, green");
}

static const char *
file_with(const char *text)
{
	static char	path[] = "/tmp/ct-config-XXXXXX";
	int		fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	cr_assert_geq(fd = mkstemp(path), 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	(void)setenv("CT_TEST", path, 1);
	return (path);
}

Test(config, a_secret_is_its_files_text_without_the_line_end)
{
	const char	*path = file_with("  a secret of some length \r\n\n");
	size_t		 length;

	cr_assert_str_eq(ct_config_secret_file("CT_TEST", 10, &length), "  a secret of some length");
	cr_assert_eq(length, 25);
	(void)unlink(path);
}

Test(config, a_secret_that_is_short_or_not_there_is_refused)
{
	const char	*path = file_with("short\n");

	(void)ct_config_secret_file("CT_TEST", 32, NULL);
	cr_assert_not_null(strstr(failed_why, "at least 32"), "%s", failed_why);
	cr_assert_null(strstr(failed_why, "short"), "the secret itself is not said");
	(void)unlink(path);
	(void)ct_config_secret_file("CT_TEST", 32, NULL);
	cr_assert_not_null(strstr(failed_why, "cannot read"), "%s", failed_why);
}
