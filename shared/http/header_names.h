/* The headers that the library reads itself. */
#ifndef CT_HEADER_NAMES_H
#define CT_HEADER_NAMES_H

enum ct_known_header {
	/* The edge keeps the values of these for the request's life. */
	CT_HEADER_AUTHORIZATION,
	CT_HEADER_CONTENT_ENCODING,
	CT_HEADER_CONTENT_TYPE,
	CT_HEADER_IDEMPOTENCY_KEY,
	CT_HEADER_IF_NONE_MATCH,
	CT_HEADER_QUEUE_TOKEN,
	CT_HEADER_REQUEST_ID,
	CT_HEADER_TRACEPARENT,
	CT_HEADERS,

	/* Only the edge reads these: they say how the message is framed. */
	CT_HEADER_BODY_LENGTH = CT_HEADERS,	/* the gateway sets it: the length of a body that it did not forward */
	CT_HEADER_CONNECTION,
	CT_HEADER_CONTENT_LENGTH,
	CT_HEADER_TRANSFER_ENCODING,
	CT_HEADER_OTHER
};

/* Returns which header has this name, in any case. */
enum ct_known_header	 ct_known_header(const char *name);

#endif
