/* Keeps the free seats that buyers saw on the seat map. See sale.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "sale.h"

#define AGAIN_US	2000000		/* at most one map in this time is kept and read */
#define PACKED_MAX	(8U << 20)
#define PLAIN_MAX	(64U << 20)
#define GZIP_WINDOW	(15 + 16)

static struct long_body	 packed = { .limit = PACKED_MAX };
static bool		 reading;
static uint64_t		 last_us;
static char		(*seats)[SEAT_TEXT];
static unsigned		 seat_count, seat_room, taken;

struct long_body *
seats_wanted(void)
{
	if (reading || (last_us != 0 && now_us() - last_us < AGAIN_US))
		return (NULL);
	reading = true;
	packed.length = 0;
	return (&packed);
}

/* Returns the map as text; the caller frees it. */
static char *
unpack(void)
{
	z_stream	 stream = { .next_in = (unsigned char *)packed.data, .avail_in = (unsigned)packed.length };
	size_t		 room = packed.length * 12 + 1024, length = 0;
	char		*plain = malloc(room), *more;
	int		 result = Z_OK;

	if (plain == NULL || inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		fail("no memory for the map");
	while (result == Z_OK) {
		if (room - length < 2) {
			if ((room *= 2) > PLAIN_MAX || (more = realloc(plain, room)) == NULL)
				fail("the map is longer than %u bytes", PLAIN_MAX);
			plain = more;
		}
		stream.next_out = (unsigned char *)plain + length;
		stream.avail_out = (unsigned)(room - length - 1);
		result = inflate(&stream, Z_NO_FLUSH);
		length = stream.total_out;
	}
	(void)inflateEnd(&stream);
	if (result != Z_STREAM_END)
		fail("the map is not gzip");
	plain[length] = '\0';
	return (plain);
}

static void
add(const char *id)
{
	void	*more;

	if (seat_count == seat_room) {
		seat_room = seat_room == 0 ? 1024 : seat_room * 2;
		if ((more = realloc(seats, seat_room * sizeof(*seats))) == NULL)
			fail("no memory for %u seats", seat_room);
		seats = more;
	}
	memcpy(seats[seat_count], id, SEAT_TEXT - 1);
	seats[seat_count++][SEAT_TEXT - 1] = '\0';
}

static void
shuffle(void)
{
	char		 swap[SEAT_TEXT];
	unsigned	 i, j;

	for (i = seat_count; i > 1; i--) {
		j = (unsigned)random() % i;
		memcpy(swap, seats[i - 1], SEAT_TEXT);
		memcpy(seats[i - 1], seats[j], SEAT_TEXT);
		memcpy(seats[j], swap, SEAT_TEXT);
	}
}

void
seats_read(bool good)
{
	static const char	 id_is[] = "\"seatId\":\"", free_is[] = "\"status\":\"AVAILABLE\"";
	char			*plain, *at, *status;

	reading = false;
	if (!good)
		return;
	last_us = now_us();
	plain = unpack();
	seat_count = taken = 0;
	for (at = plain; (at = strstr(at, id_is)) != NULL; at = status) {
		at += sizeof(id_is) - 1;
		if ((status = strstr(at, "\"status\":")) == NULL)
			fail("a seat in the map has no status");
		if (strncmp(status, free_is, sizeof(free_is) - 1) == 0)
			add(at);
	}
	free(plain);
	shuffle();
}

bool
seats_take(unsigned count, char ids_r[][SEAT_TEXT])
{
	unsigned	i;

	if (seat_count - taken < count)
		return (false);
	for (i = 0; i < count; i++)
		memcpy(ids_r[i], seats[taken++], SEAT_TEXT);
	return (true);
}
