/* Compression in slices. See gzip.h. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/metrics.h"
#include "gzip.h"
#include "loop/loop.h"

#define SLICE		(32UL * 1024)	/* bytes in one turn of the loop: 0.2 ms */
#define LEVEL		1		/* ids are random, so level 4 takes twice the time and saves only 7 % */
#define LEAST		1024		/* bytes; compression does not make shorter answers smaller */
#define GZIP_WINDOW	(15 + 16)
#define MEMORY_LEVEL	8

struct job {
	STAILQ_ENTRY(job)	 list;
	const struct ct_shared	*plain;
	void			(*done)(struct ct_shared *packed, void *arg);
	void			*arg;
};

/* The first job is being compressed; the others wait. */
static STAILQ_HEAD(, job)	 jobs = STAILQ_HEAD_INITIALIZER(jobs);
static z_stream			 stream;	/* of the first job */
static unsigned char		*room;
static size_t			 room_size;
static struct ct_metric		*answers, *answers_bytes;

static void	gzip_slice(void *arg);

static void
gzip_start(const struct ct_shared *plain)
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

/* Compresses the next slice. Returns false if there are more. */
static bool
gzip_step(const struct ct_shared *plain, struct ct_shared **packed_r)
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
		ct_metric_add(answers, 1);
		ct_metric_add(answers_bytes, plain->length);
	}
	free(room);
	room = NULL;
	return (true);
}

static void
gzip_slice(void *arg)
{
	struct job		*job = STAILQ_FIRST(&jobs);
	struct ct_shared	*packed;

	(void)arg;
	if (room == NULL)
		gzip_start(job->plain);
	if (!gzip_step(job->plain, &packed)) {
		ct_loop_defer(gzip_slice, NULL);
		return;
	}
	STAILQ_REMOVE_HEAD(&jobs, list);
	if (!STAILQ_EMPTY(&jobs))
		ct_loop_defer(gzip_slice, NULL);
	job->done(packed, job->arg);
	free(job);
}

void
gzip_answer(const struct ct_shared *plain, void (*done)(struct ct_shared *packed, void *arg), void *arg)
{
	struct ct_shared	*packed = NULL;
	struct job		*job;

	/* A long job keeps the stream and its buffer between two slices, so later jobs wait for it. */
	if (plain->length < LEAST || (plain->length <= SLICE && STAILQ_EMPTY(&jobs))) {
		if (plain->length >= LEAST) {
			gzip_start(plain);
			(void)gzip_step(plain, &packed);
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
		ct_loop_defer(gzip_slice, NULL);
}

/* RFC 9110, 12.5.3: gzip, or *, unless its weight is 0. */
bool
gzip_accepted(const char *accept)
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
gzip_configure(void)
{
	answers = ct_metric_counter("pack_total", "", "Answers compressed, one for each version");
	answers_bytes = ct_metric_counter("pack_bytes_total", "", "Bytes of the answers that were compressed");
}
