/*
 * The floor of the benchmarks: a Kore service that answers every request with the same JSON of CONSTANT_BYTES bytes,
 * through Kore's http_response(). It runs in the same Kore with the same configuration as the service it is compared
 * with, so its handler has the same name.
 */
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>
#include <kore/http.h>

#define BYTES_DEFAULT	350
#define BYTES_MAX	65536

int	 ct_dispatch(struct http_request *req);

static char	body[BYTES_MAX];
static size_t	length;

static void
make_body(void)
{
	static const char	head[] = "{\"padding\":\"", tail[] = "\"}";
	const char		*bytes = getenv("CONSTANT_BYTES");
	long			 wanted = bytes == NULL ? BYTES_DEFAULT : strtol(bytes, NULL, 10);

	if (wanted < (long)(sizeof(head) + sizeof(tail)) || wanted > BYTES_MAX)
		wanted = BYTES_DEFAULT;
	length = (size_t)wanted;
	memset(body, 'x', length);
	memcpy(body, head, sizeof(head) - 1);
	memcpy(body + length - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
}

int
ct_dispatch(struct http_request *req)
{
	if (length == 0)
		make_body();
	http_response_header(req, "content-type", "application/json");
	http_response(req, HTTP_STATUS_OK, body, length);
	/* Keep idle connections open like the services, so that the gateway's connections survive the pause between rounds. */
	if ((req->owner->flags & CONN_CLOSE_EMPTY) == 0)
		req->owner->http_timeout = (u_int64_t)http_keepalive_time * 1000;
	return (KORE_RESULT_OK);
}
