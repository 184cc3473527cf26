/* Finds changed files by stat(). A secret in Kubernetes is a symbolic link that changes its target: stat() follows it. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/watched.h"

#define FOLDER_FILES_MAX	256

/*
 * The kernel sets a file's times with a clock that ticks every few milliseconds, so two writes may have the same time. A
 * state that is younger than this is looked at again.
 */
#define SETTLED_SECONDS		1

struct watched {
	const struct ct_watched_file	*file;
	const char			*path;
	unsigned			 number;	/* for ct_loaded_show */
	uint64_t			 state;		/* when it was loaded; 0: unknown, so it is loaded again */
	uint64_t			 shown;		/* hash of what it shows */
	char				 refused[CT_CONFIG_WHY];	/* why its content is refused; "" : it is not */
	struct ct_metric		*loads;
	struct ct_metric		*refusals;
	struct ct_metric		*refused_now;
};

static struct watched	watched[CT_LOADED_SETTINGS];
static unsigned		watched_count;

/* FNV-1a. */
static uint64_t
watched_mix(uint64_t hash, const void *data, size_t length)
{
	const unsigned char	*bytes = data;
	size_t			 i;

	for (i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return (hash);
}

static uint64_t
watched_mix_status(uint64_t hash, const struct stat *status, time_t *newest)
{
	hash = watched_mix(hash, &status->st_dev, sizeof(status->st_dev));
	hash = watched_mix(hash, &status->st_ino, sizeof(status->st_ino));
	hash = watched_mix(hash, &status->st_size, sizeof(status->st_size));
	hash = watched_mix(hash, &status->st_mode, sizeof(status->st_mode));
	hash = watched_mix(hash, &status->st_mtim, sizeof(status->st_mtim));
	/* Each write, chmod and rename changes ctime, and no program can set it. */
	hash = watched_mix(hash, &status->st_ctim, sizeof(status->st_ctim));
	if (status->st_ctim.tv_sec > *newest)
		*newest = status->st_ctim.tv_sec;
	return (hash);
}

/* The sum over a folder's files: the same in any order. */
static uint64_t
watched_folder_state(const char *path, time_t *newest)
{
	struct dirent	*entry;
	struct stat	 status;
	uint64_t	 sum = 0, name;
	unsigned	 files = 0;
	DIR		*dir;

	if ((dir = opendir(path)) == NULL)
		return (0);
	while (files++ < FOLDER_FILES_MAX && (entry = readdir(dir)) != NULL) {
		name = watched_mix(UINT64_C(14695981039346656037), entry->d_name, strlen(entry->d_name));
		if (fstatat(dirfd(dir), entry->d_name, &status, 0) == 0)
			name = watched_mix_status(name, &status, newest);
		sum += name;
	}
	(void)closedir(dir);
	return (sum);
}

/* Returns a number for the state of the file or folder, or 0 if the state is too young to be sure of it. */
static uint64_t
watched_state_of(const char *path)
{
	struct stat	status;
	uint64_t	state = UINT64_C(14695981039346656037);
	time_t		newest = 0;

	if (stat(path, &status) == -1)
		return (watched_mix(state, &errno, sizeof(errno)) | 1);
	state = watched_mix_status(state, &status, &newest);
	if (S_ISDIR(status.st_mode))
		state += watched_folder_state(path, &newest);
	/* A time in the future is no reason to load the file again and again. */
	if (newest <= time(NULL) && newest >= time(NULL) - SETTLED_SECONDS)
		return (0);
	return (state | 1);
}

/* Shows what is loaded. Returns true if that has changed. */
static bool
watched_show(struct watched *one)
{
	static struct ct_loaded_value	values[CT_LOADED_VALUES];
	unsigned			count = one->file->values(values), i;
	uint64_t			hash = watched_mix(UINT64_C(14695981039346656037), &count, sizeof(count));
	bool				changed;

	for (i = 0; i < count; i++) {
		hash = watched_mix(hash, values[i].text, strlen(values[i].text) + 1);
		hash = watched_mix(hash, values[i].use, strlen(values[i].use) + 1);
	}
	changed = hash != one->shown;
	one->shown = hash;
	ct_loaded_show(one->number, values, count);
	return (changed);
}

static char *
watched_labels_of(const char *setting)
{
	size_t	 size = strlen(setting) + sizeof("setting=\"\"");
	char	*labels = malloc(size);

	if (labels == NULL)
		abort();
	(void)snprintf(labels, size, "setting=\"%s\"", setting);
	return (labels);
}

void
ct_watched_add(const struct ct_watched_file *file, const char *path)
{
	struct watched	*one;
	char		 why[CT_CONFIG_WHY] = "", *labels;
	unsigned	 i;

	for (i = 0; i < watched_count && strcmp(watched[i].file->setting, file->setting) != 0; i++)
		;
	CT_ASSERT(i < CT_LOADED_SETTINGS);
	if (i == watched_count)
		watched_count++;
	one = &watched[i];
	labels = watched_labels_of(file->setting);
	*one = (struct watched){ .file = file, .path = path, .number = ct_loaded_setting(file->setting) };
	one->loads = ct_metric_counter("ct_file_loads_total", labels, "Changed files that a worker has loaded.");
	one->refusals = ct_metric_counter("ct_file_refusals_total", labels, "Changed files that a worker has refused.");
	one->refused_now = ct_metric_gauge("ct_file_refused", labels,
	    "Workers that refuse the present content of the file and use what they had loaded before.");

	one->state = watched_state_of(path);
	if (!file->load(path, why))
		ct_config_fail(file->setting, why);
}

void
ct_watched_start(void)
{
	unsigned	i;

	for (i = 0; i < watched_count; i++)
		(void)watched_show(&watched[i]);
	/* A worker that replaces another one has inherited what the parent loaded, perhaps long ago. */
	ct_watched_look();
}

static void
watched_load_again(struct watched *one)
{
	char	why[CT_CONFIG_WHY] = "";

	if (one->file->load(one->path, why)) {
		one->refused[0] = '\0';
		ct_metric_set(one->refused_now, 0);
		if (watched_show(one)) {
			ct_metric_add(one->loads, 1);
			ct_log(CT_LOG_INFO, NULL, "%s: loaded the changed %s", one->file->setting, one->path);
		}
		return;
	}
	ct_metric_set(one->refused_now, 1);
	/* One line for each reason, not one for each look. */
	if (strcmp(one->refused, why) == 0)
		return;
	ct_metric_add(one->refusals, 1);
	ct_log(CT_LOG_ERROR, NULL, "%s: the changed file is refused, what was loaded before stays in use: %s", one->file->setting, why);
	memcpy(one->refused, why, sizeof(why));
}

void
ct_watched_look(void)
{
	struct watched	*one;
	uint64_t	 state;
	unsigned	 i;

	for (i = 0; i < watched_count; i++) {
		one = &watched[i];
		state = watched_state_of(one->path);
		if (state != 0 && state == one->state)
			continue;
		watched_load_again(one);
		one->state = state;
	}
}
