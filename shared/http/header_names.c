/* Finds a header by its name: one look into a table by length. */
#include <string.h>
#include <strings.h>

#include "http/header_names.h"

enum ct_known_header
ct_known_header(const char *name)
{
	static const struct {
		const char		*name;
		enum ct_known_header	 header;
	}	by_length[18][4] = {
		[10] = { { "connection", CT_HEADER_CONNECTION } },
		[11] = { { "traceparent", CT_HEADER_TRACEPARENT } },
		[12] = { { "content-type", CT_HEADER_CONTENT_TYPE }, { "x-request-id", CT_HEADER_REQUEST_ID } },
		[13] = { { "authorization", CT_HEADER_AUTHORIZATION }, { "x-queue-token", CT_HEADER_QUEUE_TOKEN },
		    { "if-none-match", CT_HEADER_IF_NONE_MATCH }, { "x-body-length", CT_HEADER_BODY_LENGTH } },
		[14] = { { "content-length", CT_HEADER_CONTENT_LENGTH } },
		[15] = { { "idempotency-key", CT_HEADER_IDEMPOTENCY_KEY } },
		[16] = { { "content-encoding", CT_HEADER_CONTENT_ENCODING } },
		[17] = { { "transfer-encoding", CT_HEADER_TRANSFER_ENCODING } },
	};
	size_t		length = strlen(name);
	unsigned	i;

	if (length >= sizeof(by_length) / sizeof(by_length[0]))
		return (CT_HEADER_OTHER);
	for (i = 0; i < 4 && by_length[length][i].name != NULL; i++) {
		if (strcasecmp(by_length[length][i].name, name) == 0)
			return (by_length[length][i].header);
	}
	return (CT_HEADER_OTHER);
}
