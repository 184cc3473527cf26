/* A worker's copy of a line, against a plain array of who stands. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "line.h"

enum { MOST = 5000 };

static struct line	line;
static uint64_t		seqs[MOST];	/* all that there ever were, in order */
static bool		stands[MOST];
static size_t		n;

static void
fill(size_t up_to)
{
	while (n < up_to) {
		seqs[n] = (n == 0 ? UINT64_C(1800000000000000) : seqs[n - 1]) + 1 + (uint64_t)(rand() % 3);
		cr_assert(line_append(&line, seqs[n]));
		stands[n++] = true;
	}
}

static void
compare(void)
{
	int64_t	before = 0;

	for (size_t i = 0; i < n; i++) {
		before += stands[i];
		cr_assert_eq(line_position(&line, seqs[i]), stands[i] ? before : 0);
	}
	cr_assert_eq(line.count, before);
}

Test(line, one_after_the_other)
{
	cr_assert_eq(line_position(&line, 5), 0);
	cr_assert_not(line_append(&line, 0), "there is no such place");
	cr_assert(line_append(&line, 5));
	cr_assert_not(line_append(&line, 4), "it would be behind who came later");
	cr_assert(line_append(&line, 7));
	cr_assert_eq(line_position(&line, 5), 1);
	cr_assert_eq(line_position(&line, 6), 0);
	cr_assert_eq(line_position(&line, 7), 2);
	cr_assert_eq(line_position(&line, 8), 0);
	line_remove(&line, 6);
	line_remove(&line, 5);
	line_remove(&line, 5);
	cr_assert_eq(line_position(&line, 7), 1);
	line_remove_before(&line, UINT64_MAX);
	cr_assert_eq(line.count, 0);
	cr_assert_not(line_append(&line, 6), "before the last that there was");
	cr_assert(line_append(&line, 8));
	cr_assert_eq(line_position(&line, 8), 1);
	line_clear(&line);
	cr_assert(line_append(&line, 1));
	line_clear(&line);
}

/* Two may have drawn one lot. Which of them is first is not known here; who stands before and behind is. */
Test(line, two_at_one_place)
{
	static const uint64_t	at[] = { 1, LINE_BLOCK / 2, LINE_BLOCK - 1, LINE_BLOCK };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		/* The second is in the same block, or the first of the next. */
		for (uint64_t seq = 1; seq <= LINE_BLOCK + 5; seq++) {
			cr_assert(line_append(&line, seq));
			if (seq == at[i])
				cr_assert(line_append(&line, seq));
		}
		cr_assert_eq(line_position(&line, at[i]), 0);
		cr_assert_eq(line_position(&line, at[i] - 1), at[i] - 1);
		cr_assert_eq(line_position(&line, at[i] + 1), at[i] + 2);
		line_remove(&line, at[i]);
		cr_assert_eq(line_position(&line, at[i] + 1), at[i] + 1);
		line_remove_before(&line, at[i] + 1);
		cr_assert_eq(line_position(&line, at[i] + 1), 1);
		line_clear(&line);
	}
}

Test(line, whatever_happens_positions_are_those_of_a_plain_count)
{
	unsigned	seed = (unsigned)time(NULL);
	size_t		to;
	uint64_t	front;

	fprintf(stderr, "seed %u\n", seed);
	srand(seed);
	while (n < MOST) {
		to = n + 1 + (size_t)rand() % 200;
		fill(to < MOST ? to : MOST);
		cr_assert_gt(n, 0);
		for (int i = rand() % 150; i > 0; i--) {
			to = (size_t)rand() % n;
			line_remove(&line, seqs[to]);
			stands[to] = false;
		}
		if (rand() % 4 == 0) {
			/* To one that stood, or to between two. */
			front = seqs[(size_t)rand() % n] - (uint64_t)(rand() % 2);
			line_remove_before(&line, front);
			for (size_t i = 0; i < n && seqs[i] < front; i++)
				stands[i] = false;
		}
		compare();
	}
	/* Whole blocks in the middle. */
	for (size_t i = n - 1000; i < n - 300; i++) {
		line_remove(&line, seqs[i]);
		stands[i] = false;
	}
	compare();
	line_clear(&line);
}

Test(line, has_a_bound_and_gives_back_what_it_took)
{
	uint64_t	seq = 0;

	for (int round = 0; round < 2; round++) {
		while (line_append(&line, seq + 1))
			seq++;
		cr_assert_eq(line.count, (int64_t)LINE_BLOCK * LINE_BLOCKS_MAX);
		/* Room for more once the front has gone. */
		line_remove_before(&line, seq);
		cr_assert(line_append(&line, ++seq));
		line_clear(&line);
		seq = 0;
	}
}
