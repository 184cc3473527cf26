/* See token_header.h. */
#include "token_header.h"

#include <string.h>

const char *
token_header_read(struct ct_request *request, struct ct_queue_token *token_r)
{
	const char	*text = ct_header(request, "x-queue-token");

	if (text == NULL || *text == '\0')
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_REQUIRED, NULL, NULL);
	else if (!ct_queue_token_verify(text, token_r))
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_NOT_FOUND, NULL, NULL);
	else if (memcmp(&token_r->user, &request->user_id, sizeof(request->user_id)) != 0)
		ct_reply_error(request, CT_ERROR_QUEUE_TOKEN_MISMATCH, NULL, NULL);
	else
		return (text);
	return (NULL);
}
