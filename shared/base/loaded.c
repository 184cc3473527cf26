/*
 * A mapping that all workers share has one row for each worker and setting. Only its worker writes a row; any worker reads
 * it. A row's version is odd while the row is written, so a reader knows that it has read a mixture, and reads again.
 */
#include <sys/mman.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/loaded.h"

#define READS_MAX	100

struct row {
	unsigned		 version;
	unsigned		 count;
	struct ct_loaded_value	 values[CT_LOADED_VALUES];
};

struct sum {
	struct ct_loaded_value	 value;
	unsigned		 workers;
};

static const char	*settings[CT_LOADED_SETTINGS];
static unsigned		 setting_count;
static struct row	(*rows)[CT_LOADED_SETTINGS];
static unsigned		 row_count;
static struct row	*mine;		/* this worker's; NULL: this process shows nothing */

unsigned
ct_loaded_setting(const char *setting)
{
	unsigned	i;

	for (i = 0; i < setting_count; i++) {
		if (strcmp(settings[i], setting) == 0)
			return (i);
	}
	if (setting_count == CT_LOADED_SETTINGS) {
		fprintf(stderr, "loaded: no room for %s: raise CT_LOADED_SETTINGS\n", setting);
		exit(1);
	}
	settings[setting_count] = setting;
	return (setting_count++);
}

void
ct_loaded_init(unsigned workers)
{
	row_count = workers;
	mine = NULL;
	rows = mmap(NULL, (workers == 0 ? 1 : workers) * sizeof(*rows), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rows == MAP_FAILED) {
		perror("loaded: mmap");
		exit(1);
	}
}

void
ct_loaded_worker(unsigned worker)
{
	unsigned	i;

	if (rows == NULL || worker >= row_count)
		return;
	mine = rows[worker];
	for (i = 0; i < CT_LOADED_SETTINGS; i++)
		ct_loaded_show(i, NULL, 0);
}

void
ct_loaded_show(unsigned number, const struct ct_loaded_value *values, unsigned count)
{
	struct row	*row;
	unsigned	 version;

	if (mine == NULL || number >= CT_LOADED_SETTINGS)
		return;
	row = &mine[number];
	if (count > CT_LOADED_VALUES)
		count = CT_LOADED_VALUES;
	/* A worker that died while it wrote has left an odd version. */
	version = (__atomic_load_n(&row->version, __ATOMIC_RELAXED) | 1) + 1;
	__atomic_store_n(&row->version, version - 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	row->count = count;
	if (count > 0)
		memcpy(row->values, values, count * sizeof(*values));
	__atomic_store_n(&row->version, version, __ATOMIC_SEQ_CST);
}

void
ct_loaded_fingerprint(const void *secret, size_t length, char text_r[CT_LOADED_FINGERPRINT])
{
	unsigned char	digest[SHA256_DIGEST_LENGTH];

	SHA256(secret, length, digest);
	(void)snprintf(text_r, CT_LOADED_FINGERPRINT, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}

/* Copies a row. Returns false if its worker has died while it wrote. */
static bool
loaded_read_row(const struct row *row, struct row *copy_r)
{
	unsigned	version, i;

	for (i = 0; i < READS_MAX; i++) {
		version = __atomic_load_n(&row->version, __ATOMIC_SEQ_CST);
		memcpy(copy_r, row, sizeof(*copy_r));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (version % 2 == 0 && __atomic_load_n(&row->version, __ATOMIC_SEQ_CST) == version)
			return (true);
	}
	return (false);
}

static void
loaded_count_value(struct sum *sums, unsigned *sum_count, const struct ct_loaded_value *value)
{
	unsigned	i;

	for (i = 0; i < *sum_count; i++) {
		if (strcmp(sums[i].value.text, value->text) == 0 && strcmp(sums[i].value.use, value->use) == 0)
			break;
	}
	/* While workers load another file they may show twice as many values. */
	if (i == 2 * CT_LOADED_VALUES)
		return;
	if (i == *sum_count) {
		sums[i].value = *value;
		sums[i].workers = 0;
		(*sum_count)++;
	}
	sums[i].workers++;
}

static void
loaded_print_setting(struct ct_buf *buf, unsigned number)
{
	static struct sum	 sums[2 * CT_LOADED_VALUES];
	static struct row	 row;
	unsigned		 sum_count = 0, worker, i;

	for (worker = 0; worker < row_count; worker++) {
		if (!loaded_read_row(&rows[worker][number], &row))
			continue;
		for (i = 0; i < row.count; i++)
			loaded_count_value(sums, &sum_count, &row.values[i]);
	}
	for (i = 0; i < sum_count; i++)
		ct_buf_printf(buf, "ct_loaded{setting=\"%s\",value=\"%s\",use=\"%s\"} %u\n", settings[number], sums[i].value.text,
		    sums[i].value.use, sums[i].workers);
}

void
ct_loaded_print(struct ct_buf *buf)
{
	unsigned	i;

	if (rows == NULL)
		return;
	ct_buf_puts(buf, "# HELP ct_loaded Workers that have loaded this value from the file or address of the setting. "
	    "A secret is shown as a fingerprint.\n"
	    "# TYPE ct_loaded gauge\n");
	for (i = 0; i < setting_count; i++)
		loaded_print_setting(buf, i);
}
