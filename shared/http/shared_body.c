/* Bodies with a count of references. */
#include <stdlib.h>
#include <string.h>

#include "http/shared_body.h"

struct ct_shared *
ct_shared_new(const char *data, size_t length)
{
	struct ct_shared	*shared = malloc(sizeof(*shared) + length + 1);

	if (shared == NULL)
		abort();
	shared->refs = 1;
	shared->sends = 0;
	shared->length = length;
	memcpy(shared->data, data, length);
	shared->data[length] = '\0';
	return (shared);
}

void
ct_shared_drop(struct ct_shared *shared)
{
	if (shared != NULL && --shared->refs == 0)
		free(shared);
}
