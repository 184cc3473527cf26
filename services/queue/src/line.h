/*
 * Who stands in a line, as a worker keeps it for itself: the seqs in order, and
 * how many stand before each; 5 bytes a person. queue2_line keeps it right.
 */
#ifndef QUEUE_LINE_H
#define QUEUE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct/queue_store.h"

/* All lines of a worker together: so many blocks of up to LINE_BLOCK seqs, 40 MB. */
#define LINE_BLOCK	64
#define LINE_BLOCKS_MAX	131072

struct line_block;

/* An empty one is all zeros. Two may stand at one seq, if they were drawn. */
struct line {
	struct line_block	**blocks;	/* in order */
	uint64_t		*firsts;	/* the seq that each was made with */
	int64_t			*before;	/* how many stand in those before it */
	size_t			 used;
	size_t			 room;
	int64_t			 count;		/* how many stand in all */
	uint64_t		 last;		/* the highest seq there ever was */
	bool			 settled;	/* `before` is right */
	char			 name[128];	/* as queue2_line has it; "": nothing read yet */
	int64_t			 changes;	/* how many of its changes were read */
};

enum line_state {
	LINE_RIGHT,	/* all who wait up to its last stand in it, and nobody else; there may be more behind */
	LINE_BEHIND,	/* it may lack changes */
	LINE_WRONG	/* it is another line than the store's, and has to begin anew: line_clear */
};

/* What queue2_line is to be asked for this line; for nobody more, where there is no room. */
void		 line_ask(const struct line *line, const struct ct_uuid *schedule, struct ct_queue_command *command_r);

/* Is that an answer of queue2_line? `reply` may be NULL or an error. */
bool		 line_is_answer(const redisReply *reply);

/* Brings the line up to date with the answer to what was asked last. */
enum line_state	 line_update(struct line *line, const redisReply *answer);

/* Somebody behind all others. False, and nothing changed: `seq` is not as high as the last, or there is no more room. */
bool		 line_append(struct line *line, uint64_t seq) __attribute__((warn_unused_result));

/* One who stands at `seq` does so no more; it may be that nobody did. */
void		 line_remove(struct line *line, uint64_t seq);

/* Nobody stands before `seq` any more. */
void		 line_remove_before(struct line *line, uint64_t seq);

/* line_position will be called for `seq` soon: what it needs, in a long line in no cache, is on its way then. */
void		 line_expect(const struct line *line, uint64_t seq);

/* How many stand there or before, if one stands at `seq`; if nobody does, or two do, 0. */
int64_t		 line_position(struct line *line, uint64_t seq);

/* Nothing is known, nothing was read; gives its memory back. */
void		 line_clear(struct line *line);

#endif
