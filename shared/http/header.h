/* Reading a request's headers. */
#ifndef CT_HEADER_H
#define CT_HEADER_H

struct ct_request;

/*
 * Returns a request header's value, or NULL. After the client has closed its connection, only the headers of
 * header_names.h can still be read.
 */
const char	*ct_header(struct ct_request *request, const char *name);

#endif
