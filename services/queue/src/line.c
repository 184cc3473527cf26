/*
 * A line in blocks: which block by binary search over their first seqs, where in
 * it by another, and who of them has gone by a bit each. See line.h.
 */
#include "line.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_LINE	64
#define LINE_READ_MAX	1000	/* as in queue.lua: an answer with so many changes may not have told all */

struct line_block {
	uint32_t	behind[LINE_BLOCK];	/* so far behind the block's first seq, ascending */
	uint64_t	stands;			/* a bit for each of them */
	unsigned	used;
};

static size_t	blocks_made;

static void *
grown(void *array, size_t size)
{
	if ((array = realloc(array, size)) == NULL)
		abort();
	return (array);
}

static bool
add_block(struct line *line, uint64_t first)
{
	struct line_block	*block;

	if (blocks_made == LINE_BLOCKS_MAX)
		return (false);
	if (line->used == line->room) {
		line->room = line->room == 0 ? 64 : line->room * 2;
		line->blocks = grown(line->blocks, line->room * sizeof(*line->blocks));
		line->firsts = grown(line->firsts, line->room * sizeof(*line->firsts));
		line->before = grown(line->before, line->room * sizeof(*line->before));
	}
	block = grown(NULL, sizeof(*block));
	memset(block, 0, sizeof(*block));
	blocks_made++;
	line->blocks[line->used] = block;
	line->firsts[line->used] = first;
	line->used++;
	return (true);
}

/* Takes blocks from..to-1 out. */
static void
remove_blocks(struct line *line, size_t from, size_t to)
{
	size_t	behind = line->used - to;

	for (size_t i = from; i < to; i++)
		free(line->blocks[i]);
	blocks_made -= to - from;
	memmove(line->blocks + from, line->blocks + to, behind * sizeof(*line->blocks));
	memmove(line->firsts + from, line->firsts + to, behind * sizeof(*line->firsts));
	line->used = from + behind;
	line->settled = false;
}

/* How many of n ascending numbers are not above `value`. Without a branch on what is compared: that could not be foretold. */
#define COUNT_UP_TO(numbers, n, value) __extension__({ \
	size_t	from_ = 0, n_ = (n), half_; \
	for (; n_ > 0; n_ -= half_) { \
		half_ = (n_ + 1) / 2; \
		from_ += (numbers)[from_ + half_ - 1] <= (value) ? half_ : 0; \
	} \
	from_; \
})

/* Where the last at `seq` stands: false if nobody does. */
static bool
find(const struct line *line, uint64_t seq, size_t *block_r, unsigned *at_r)
{
	const struct line_block	*block;
	size_t			 up_to = COUNT_UP_TO(line->firsts, line->used, seq);
	uint64_t		 behind;

	if (up_to == 0)
		return (false);
	*block_r = up_to - 1;
	block = line->blocks[*block_r];
	if ((behind = seq - line->firsts[*block_r]) > UINT32_MAX)
		return (false);
	if ((up_to = COUNT_UP_TO(block->behind, block->used, behind)) == 0)
		return (false);
	*at_r = (unsigned)(up_to - 1);
	return (block->behind[*at_r] == behind && (block->stands >> *at_r & 1) != 0);
}

bool
line_append(struct line *line, uint64_t seq)
{
	struct line_block	*block;

	if (seq == 0 || seq < line->last)
		return (false);
	if ((line->used == 0 || line->blocks[line->used - 1]->used == LINE_BLOCK ||
	    seq - line->firsts[line->used - 1] > UINT32_MAX) && !add_block(line, seq))
		return (false);
	block = line->blocks[line->used - 1];
	block->behind[block->used] = (uint32_t)(seq - line->firsts[line->used - 1]);
	block->stands |= UINT64_C(1) << block->used++;
	line->count++;
	line->last = seq;
	line->settled = false;
	return (true);
}

void
line_remove(struct line *line, uint64_t seq)
{
	size_t		i;
	unsigned	at;

	if (!find(line, seq, &i, &at))
		return;
	line->blocks[i]->stands &= ~(UINT64_C(1) << at);
	line->count--;
	line->settled = false;
	if (line->blocks[i]->stands == 0)
		remove_blocks(line, i, i + 1);
}

void
line_remove_before(struct line *line, uint64_t seq)
{
	struct line_block	*block;
	size_t			 whole = COUNT_UP_TO(line->firsts, line->used, seq);

	/* The last of those that begin up to there may have some who stay. */
	whole -= whole > 0;
	for (size_t i = 0; i < whole; i++)
		line->count -= __builtin_popcountll(line->blocks[i]->stands);
	if (whole > 0)
		remove_blocks(line, 0, whole);
	if (line->used == 0)
		return;
	block = line->blocks[0];
	for (unsigned at = 0; at < block->used && line->firsts[0] + block->behind[at] < seq; at++) {
		if ((block->stands >> at & 1) == 0)
			continue;
		block->stands &= ~(UINT64_C(1) << at);
		line->count--;
		line->settled = false;
	}
	if (block->stands == 0)
		remove_blocks(line, 0, 1);
}

static void
settle(struct line *line)
{
	int64_t	before = 0;

	for (size_t i = 0; i < line->used; i++) {
		line->before[i] = before;
		before += __builtin_popcountll(line->blocks[i]->stands);
	}
	line->settled = true;
}

void
line_expect(const struct line *line, uint64_t seq)
{
	size_t	up_to = COUNT_UP_TO(line->firsts, line->used, seq);

	/* All of it at once, rather than cache line by cache line as the search comes to them. */
	for (size_t i = 0; up_to > 0 && i < sizeof(**line->blocks); i += CACHE_LINE)
		__builtin_prefetch((const char *)line->blocks[up_to - 1] + i);
}

/* Somebody else was there before this one; whether still, does not matter. */
static bool
is_second(const struct line *line, size_t i, unsigned at)
{
	const struct line_block	*block = line->blocks[i], *other;

	if (at > 0)
		return (block->behind[at - 1] == block->behind[at]);
	if (i == 0)
		return (false);
	other = line->blocks[i - 1];
	return (line->firsts[i - 1] + other->behind[other->used - 1] == line->firsts[i]);
}

int64_t
line_position(struct line *line, uint64_t seq)
{
	size_t		i;
	unsigned	at;

	/* Of two the users' ids decide, which are not known here. */
	if (!find(line, seq, &i, &at) || is_second(line, i, at))
		return (0);
	if (!line->settled)
		settle(line);
	/* Those up to and with `at`: the bits above are shifted out. */
	return (line->before[i] + __builtin_popcountll(line->blocks[i]->stands << (LINE_BLOCK - 1 - at)));
}

void
line_clear(struct line *line)
{
	for (size_t i = 0; i < line->used; i++)
		free(line->blocks[i]);
	blocks_made -= line->used;
	free(line->blocks);
	free(line->firsts);
	free(line->before);
	memset(line, 0, sizeof(*line));
}

void
line_ask(const struct line *line, const struct ct_uuid *schedule, struct ct_queue_command *command_r)
{
	ct_queue_command_init(command_r, "queue2_line", schedule);
	if (line->name[0] == '\0')
		ct_queue_command_text(command_r, "");
	else
		ct_queue_command_number(command_r, line->changes);
	ct_queue_command_number(command_r, (int64_t)line->last);
	/* Each may need a block. */
	ct_queue_command_number(command_r, LINE_BLOCKS_MAX - blocks_made < LINE_READ_MAX ? 0 : LINE_READ_MAX);
}

bool
line_is_answer(const redisReply *reply)
{
	static const int	types[] = { REDIS_REPLY_STRING, REDIS_REPLY_INTEGER, REDIS_REPLY_INTEGER, REDIS_REPLY_ARRAY,
				    REDIS_REPLY_ARRAY, REDIS_REPLY_INTEGER };

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != sizeof(types) / sizeof(types[0]))
		return (false);
	for (size_t i = 0; i < reply->elements; i++) {
		if (reply->element[i]->type != types[i])
			return (false);
	}
	return (true);
}

enum line_state
line_update(struct line *line, const redisReply *answer)
{
	const char		*name = answer->element[0]->str;
	int64_t			 first = answer->element[1]->integer, known = answer->element[2]->integer;
	const redisReply	*changes = answer->element[3], *behind = answer->element[4];

	if (*name == '\0' || strlen(name) >= sizeof(line->name) || known < 0 ||
	    (line->name[0] != '\0' && strcmp(name, line->name) != 0))
		return (LINE_WRONG);
	memcpy(line->name, name, strlen(name) + 1);
	line->changes = known;
	for (size_t i = 0; i < changes->elements; i++)
		line_remove(line, strtoull(changes->element[i]->str, NULL, 10));
	line_remove_before(line, first == 0 ? UINT64_MAX : (uint64_t)first);
	for (size_t i = 0; i < behind->elements; i++) {
		if (!line_append(line, strtoull(behind->element[i]->str, NULL, 10)))
			return (LINE_WRONG);
	}
	if (changes->elements == LINE_READ_MAX)
		return (LINE_BEHIND);
	return (line->count == answer->element[5]->integer ? LINE_RIGHT : LINE_WRONG);
}
