/* Compression in slices. See pack.h. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#include "ct/loop.h"
#include "ct/metrics.h"
#include "pack.h"

#define SLICE		(32UL * 1024)	/* bytes a turn of the loop: a fifth of a millisecond */
#define LEVEL		1		/* a map's ids are random: level 4 takes twice the time and saves 7 % */
#define LEAST		1024		/* shorter answers gain nothing */
#define GZIP_WINDOW	(15 + 16)
#define MEMORY_LEVEL	8

struct job {
	STAILQ_ENTRY(job)	 list;
	const struct ct_shared	*plain;
	void			(*done)(struct ct_shared *packed, void *arg);
	void			*arg;
};

/* Jobs that wait for their turn; the first is under way. */
static STAILQ_HEAD(, job)	 jobs = STAILQ_HEAD_INITIALIZER(jobs);
static z_stream			 stream;	/* of the first job */
static unsigned char		*room;
static size_t			 room_size;
static struct ct_metric		*packs, *packed_bytes;

static void	slice(void *arg);

static void
start(const struct ct_shared *plain)
{
	static bool	made;

	if ((made ? deflateReset(&stream) : deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
	    Z_DEFAULT_STRATEGY)) != Z_OK)
		abort();
	made = true;
	/* An answer that compression would make longer is sent uncompressed. */
	room_size = plain->length;
	if ((room = malloc(room_size)) == NULL)
		abort();
	stream.next_in = (const unsigned char *)plain->data;
	stream.next_out = room;
	stream.avail_out = (unsigned)room_size;
}

/* The next slice. False if there is more to do. */
static bool
step(const struct ct_shared *plain, struct ct_shared **packed_r)
{
	size_t	left = plain->length - stream.total_in;
	int	status;

	*packed_r = NULL;
	stream.avail_in = (unsigned)(left > SLICE ? SLICE : left);
	status = deflate(&stream, left > SLICE ? Z_NO_FLUSH : Z_FINISH);
	if (status == Z_OK && left > SLICE && stream.avail_out > 0)
		return (false);
	if (status == Z_STREAM_END) {
		*packed_r = ct_shared_new((const char *)room, stream.total_out);
		ct_metric_add(packs, 1);
		ct_metric_add(packed_bytes, plain->length);
	}
	free(room);
	room = NULL;
	return (true);
}

static void
slice(void *arg)
{
	struct job		*job = STAILQ_FIRST(&jobs);
	struct ct_shared	*packed;

	(void)arg;
	if (room == NULL)
		start(job->plain);
	if (!step(job->plain, &packed)) {
		ct_loop_defer(slice, NULL);
		return;
	}
	STAILQ_REMOVE_HEAD(&jobs, list);
	if (!STAILQ_EMPTY(&jobs))
		ct_loop_defer(slice, NULL);
	job->done(packed, job->arg);
	free(job);
}

void
pack(const struct ct_shared *plain, void (*done)(struct ct_shared *packed, void *arg), void *arg)
{
	struct ct_shared	*packed = NULL;
	struct job		*job;

	/* A long job keeps the stream and its buffer between two slices, so later jobs wait for it. */
	if (plain->length < LEAST || (plain->length <= SLICE && STAILQ_EMPTY(&jobs))) {
		if (plain->length >= LEAST) {
			start(plain);
			(void)step(plain, &packed);
		}
		done(packed, arg);
		return;
	}
	if ((job = calloc(1, sizeof(*job))) == NULL)
		abort();
	job->plain = plain;
	job->done = done;
	job->arg = arg;
	STAILQ_INSERT_TAIL(&jobs, job, list);
	if (STAILQ_FIRST(&jobs) == job)
		ct_loop_defer(slice, NULL);
}

/* RFC 9110, 12.5.3: gzip, or *, unless its weight is 0. */
bool
pack_accepted(const char *accept)
{
	const char	*at, *weight;
	size_t		 name, length;
	bool		 any = false;

	for (at = accept; at != NULL && *at != '\0'; at += length + (at[length] == ',')) {
		at += strspn(at, " \t");
		length = strcspn(at, ",");
		name = strcspn(at, " \t;,");
		weight = memchr(at, '=', length);
		if (name == 4 && strncasecmp(at, "gzip", 4) == 0)
			return (weight == NULL || strtod(weight + 1, NULL) > 0);
		if (name == 1 && *at == '*')
			any = weight == NULL || strtod(weight + 1, NULL) > 0;
	}
	return (any);
}

void
pack_configure(void)
{
	packs = ct_metric_counter("pack_total", "", "Answers compressed, each once a version");
	packed_bytes = ct_metric_counter("pack_bytes_total", "", "Bytes of the answers that were compressed");
}
