/* Settings from the environment. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

Test(config, environment_is_production_unless_development)
{
	static const char *const	production[] = { "", "production", "Development", "development ", "test" };
	size_t				i;

	(void)unsetenv("ENVIRONMENT");
	cr_assert(ct_production());
	for (i = 0; i < sizeof(production) / sizeof(production[0]); i++) {
		(void)setenv("ENVIRONMENT", production[i], 1);
		cr_assert(ct_production(), "'%s'", production[i]);
	}
	(void)setenv("ENVIRONMENT", "development", 1);
	cr_assert_not(ct_production());
}

Test(config, unknown_environment_is_reported)
{
	(void)setenv("ENVIRONMENT", "staging", 1);
	ct_config_production();
	cr_assert_str_eq(failed_name, "ENVIRONMENT");
}

Test(config, root_in_production_is_reported)
{
	(void)setenv("ENVIRONMENT", "production", 1);
	ct_config_production();
	cr_assert_eq(strstr(failed_why, "root") != NULL, geteuid() == 0, "%s", failed_why);

	failed_why[0] = '\0';
	(void)setenv("ENVIRONMENT", "development", 1);
	ct_config_production();
	cr_assert_str_eq(failed_why, "");
}

/* A secret's file: its mode, whether another user owns it (only root can test that), and whether it is private. */
static const struct {
	mode_t	mode;
	bool	of_other;
	bool	private;
} files[] = {
	{ 0400, false, true }, { 0600, false, true }, { 0700, false, true },
	{ 0440, false, false }, { 0640, false, false }, { 0610, false, false }, { 0620, false, false },
	{ 0604, false, false }, { 0602, false, false }, { 0601, false, false }, { 0644, false, false },
	{ 0440, true, true }, { 0640, true, true }, { 0400, true, true },
	{ 0460, true, false }, { 0420, true, false }, { 0450, true, false }, { 0444, true, false }, { 0404, true, false },
};

Test(config, secret_that_others_can_use_is_a_fault_in_production)
{
	const char	*path = file_with("a secret of some length");
	size_t		 i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].of_other && geteuid() != 0)
			continue;
		if (geteuid() == 0)
			cr_assert_eq(chown(path, files[i].of_other ? 65534 : 0, (gid_t)-1), 0);
		cr_assert_eq(chmod(path, files[i].mode), 0);

		failed_name[0] = failed_why[0] = '\0';
		(void)setenv("ENVIRONMENT", "production", 1);
		(void)ct_config_secret_file("CT_TEST", 10, NULL);
		cr_assert_str_eq(failed_name, files[i].private ? "" : "CT_TEST", "mode %o: %s", files[i].mode, failed_why);
		cr_assert_null(strstr(failed_why, "a secret"), "%s", failed_why);

		failed_name[0] = '\0';
		(void)setenv("ENVIRONMENT", "development", 1);
		(void)ct_config_secret_file("CT_TEST", 10, NULL);
		cr_assert_str_eq(failed_name, "", "mode %o in development", files[i].mode);
	}
	(void)unlink(path);
}
