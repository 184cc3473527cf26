/* Reads the log level at the start and while the service runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/watched.h"
#include "service/log_level.h"

#define WORD_MAX	16

static enum ct_log_level	from_setting = CT_LOG_INFO;

/* Prints the line of the change at the more talkative of both levels. */
static void
log_level_change(enum ct_log_level level)
{
	enum ct_log_level	before = ct_log_level();

	if (level == before)
		return;
	if (level > before)
		ct_log_set_level(level);
	ct_log(CT_LOG_INFO, NULL, "the log level was %s and is now %s", ct_log_level_name(before), ct_log_level_name(level));
	ct_log_set_level(level);
}

static bool
log_level_load(const char *path, char why_r[CT_CONFIG_WHY])
{
	enum ct_log_level	 level = from_setting;
	char			 word[WORD_MAX + 1] = "";
	FILE			*file = fopen(path, "re");
	size_t			 length = 0;

	if (file == NULL && errno != ENOENT) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "cannot read %.200s: %s", path, strerror(errno));
		return (false);
	}
	if (file != NULL) {
		length = fread(word, 1, WORD_MAX, file);
		(void)fclose(file);
	}
	while (length > 0 && strchr(" \t\r\n", word[length - 1]) != NULL)
		length--;
	word[length] = '\0';
	if (length > 0 && !ct_log_level_from(word, &level)) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.200s holds none of error, warning, info, debug", path);
		return (false);
	}
	log_level_change(level);
	return (true);
}

static unsigned
log_level_values(struct ct_loaded_value *values_r)
{
	(void)snprintf(values_r[0].text, sizeof(values_r[0].text), "%s", ct_log_level_name(ct_log_level()));
	values_r[0].use = "";
	return (1);
}

void
ct_log_level_configure(const char *name)
{
	static const struct ct_watched_file	file = { "LOG_LEVEL_FILE", log_level_load, log_level_values };

	ct_log_init(name, CT_LOG_INFO);
	if (!ct_log_level_from(ct_config_choice("LOG_LEVEL"), &from_setting))
		return;
	ct_log_set_level(from_setting);
	if (ct_config_is_set("LOG_LEVEL_FILE"))
		ct_watched_add(&file, ct_config_text("LOG_LEVEL_FILE"));
}
