/* Settings from the environment. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"

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
	(void)unsetenv("PG_POOL_SIZE");
	(void)unsetenv("CHARGE_FUNDING");
	(void)unsetenv("CARD_PROVIDER_SECRET_FILE");
}

TestSuite(config, .init = start);

Test(config, unset_number_is_the_default)
{
	cr_assert_eq(ct_config_number("PG_POOL_SIZE"), 4);
	(void)setenv("PG_POOL_SIZE", "", 1);
	cr_assert_eq(ct_config_number("PG_POOL_SIZE"), 4, "empty is unset");
	(void)setenv("PG_POOL_SIZE", "64", 1);
	cr_assert_eq(ct_config_number("PG_POOL_SIZE"), 64);
	cr_assert_str_eq(failed_name, "");
}

Test(config, wrong_number_is_reported_with_its_range)
{
	static const char *const	wrong[] = { "ten", "0", "65", "4x", " 4", "4 ", "+4", "0x4", "99999999999999999999", "-" };
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		failed_name[0] = '\0';
		(void)setenv("PG_POOL_SIZE", wrong[i], 1);
		(void)ct_config_number("PG_POOL_SIZE");
		cr_assert_str_eq(failed_name, "PG_POOL_SIZE", "%s", wrong[i]);
	}
	(void)setenv("PG_POOL_SIZE", "ten", 1);
	(void)ct_config_number("PG_POOL_SIZE");
	cr_assert_str_eq(failed_why, "'ten' is not a whole number from 1 to 64");
}

Test(config, missing_required_setting_is_reported)
{
	(void)unsetenv("PG_CONNINFO");
	cr_assert_str_eq(ct_config_text("PG_CONNINFO"), "");
	cr_assert_str_eq(failed_name, "PG_CONNINFO");
	cr_assert_str_eq(failed_why, "is required and not set");

	failed_why[0] = '\0';
	cr_assert_str_eq(ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", NULL), "");
	cr_assert_str_eq(failed_why, "is required and not set");
}

Test(config, unknown_choice_is_reported_with_the_choices)
{
	cr_assert_str_eq(ct_config_choice("CHARGE_FUNDING"), "card");
	(void)setenv("CHARGE_FUNDING", "trusted", 1);
	cr_assert_str_eq(ct_config_choice("CHARGE_FUNDING"), "trusted");
	cr_assert_str_eq(failed_name, "");
	(void)setenv("CHARGE_FUNDING", "credit", 1);
	cr_assert_str_eq(ct_config_choice("CHARGE_FUNDING"), "card");
	cr_assert_str_eq(failed_why, "'credit' is not one of trusted, card");
}

Test(config, name_that_is_not_in_the_table_ends_the_process, .signal = SIGABRT)
{
	(void)ct_config_number("CT_TEST");
}

Test(config, optional_name_that_is_not_in_the_table_ends_the_process, .signal = SIGABRT)
{
	(void)ct_config_is_set("CT_TEST");
}

Test(config, setting_read_as_another_type_ends_the_process, .signal = SIGABRT)
{
	(void)ct_config_text("PG_POOL_SIZE");
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
	(void)setenv("CARD_PROVIDER_SECRET_FILE", path, 1);
	return (path);
}

Test(config, secret_file_is_read_without_its_line_end)
{
	const char	*path = file_with("  a secret of some length \r\n\n");
	size_t		 length;

	cr_assert_str_eq(ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", &length), "  a secret of some length");
	cr_assert_eq(length, 25);
	(void)unlink(path);
}

Test(config, short_or_missing_secret_is_reported)
{
	const char	*path = file_with("short\n");

	(void)ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", NULL);
	cr_assert_not_null(strstr(failed_why, "at least 8"), "%s", failed_why);
	cr_assert_null(strstr(failed_why, "short"), "the secret itself is not said");
	(void)unlink(path);
	(void)ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", NULL);
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

/* Files of secrets: mode, another owner (only root can test that), and whether the file counts as private. */
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
		(void)ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", NULL);
		cr_assert_str_eq(failed_name, files[i].private ? "" : "CARD_PROVIDER_SECRET_FILE", "mode %o: %s", files[i].mode, failed_why);
		cr_assert_null(strstr(failed_why, "a secret"), "%s", failed_why);

		failed_name[0] = '\0';
		(void)setenv("ENVIRONMENT", "development", 1);
		(void)ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", NULL);
		cr_assert_str_eq(failed_name, "", "mode %o in development", files[i].mode);
	}
	(void)unlink(path);
}
