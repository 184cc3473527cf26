/* See share.h. */
#include "share.h"

#include <stdlib.h>

static int
share_compare(const void *a, const void *b)
{
	int64_t	x = *(const int64_t *)a, y = *(const int64_t *)b;

	return ((x > y) - (x < y));
}

int64_t
share_of_each(int64_t most, int64_t *wanted, size_t count)
{
	int64_t	left = most;

	if (count == 0)
		return (most);
	qsort(wanted, count, sizeof(*wanted), share_compare);
	for (size_t i = 0; i < count; i++) {
		int64_t	equal = left / (int64_t)(count - i);

		if (wanted[i] > equal)
			return (equal);
		left -= wanted[i];
	}
	/* There is enough for all. What is left is for the users who enter until the next tick. */
	return (wanted[count - 1] + left / (int64_t)count);
}
