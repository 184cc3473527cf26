/* Problem bodies, and replies with SQL outcomes. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "edge.h"
#include "http/problem.h"
#include "http/reply.h"
#include "service/outcome.h"

static char *
problem(enum ct_error error, const char *detail, const char *request_id, const char *extras)
{
	static struct ct_buf	buf;

	ct_buf_deinit(&buf);
	ct_buf_init(&buf, 10000);
	ct_problem(&buf, error, detail, request_id, extras);
	return (buf.data);
}

Test(problem, problem_has_the_members_of_the_contract)
{
	cr_assert_str_eq(problem(CT_ERROR_SEAT_NOT_AVAILABLE, NULL, "id-1", NULL),
	    "{\"type\":\"/problems/seat-not-available\",\"title\":\"A seat is not available\",\"status\":409,"
	    "\"detail\":\"A seat is not available\",\"code\":\"SEAT_NOT_AVAILABLE\",\"requestId\":\"id-1\"}");
	cr_assert_str_eq(problem(CT_ERROR_SERVICE_UNAVAILABLE, "a \"detail\"", "id-1", NULL),
	    "{\"type\":\"/problems/service-unavailable\",\"title\":\"Service unavailable\",\"status\":503,"
	    "\"detail\":\"a \\\"detail\\\"\",\"code\":\"SERVICE_UNAVAILABLE\",\"requestId\":\"id-1\",\"retryAfterSeconds\":1}");
}

Test(problem, extras_become_members_of_the_problem)
{
	cr_assert_not_null(strstr(problem(CT_ERROR_INSUFFICIENT_POINTS, NULL, "x", " {\"balance\":5,\"a\":{}} "),
	    "\"requestId\":\"x\",\"balance\":5,\"a\":{}}"));
	cr_assert_not_null(strstr(problem(CT_ERROR_NOT_FOUND, NULL, "x", "{}"), "\"requestId\":\"x\"}"));
	cr_assert_not_null(strstr(problem(CT_ERROR_NOT_FOUND, NULL, "x", "{ }"), "\"requestId\":\"x\"}"));
	cr_assert_not_null(strstr(problem(CT_ERROR_NOT_FOUND, NULL, "x", ""), "\"requestId\":\"x\"}"));
	cr_assert_not_null(strstr(problem(CT_ERROR_NOT_FOUND, NULL, "x", "null"), "\"requestId\":\"x\"}"));
}

static struct ct_request *
request(void)
{
	struct ct_request	*new = &edge_request(CT_POST, "/x")->request;

	strcpy(new->id, "this-request");
	return (new);
}

Test(outcome, success_replies_its_body_and_status)
{
	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = "CREATED", .body = "{\"a\":1}", .body_length = 7,
	    .request_id = "this-request" });
	cr_assert_eq(sent.status, 201);
	cr_assert_str_eq(sent.body, "{\"a\":1}");
	cr_assert(edge_has("content-type: application/json"));
	cr_assert(edge_has("cache-control: no-store"));
	cr_assert(edge_has("x-request-id: this-request"));
	cr_assert_null(strstr(sent.head, "idempotent-replayed"));
}

Test(outcome, each_success_outcome_has_its_status)
{
	static const struct { const char *outcome; int status; }	kinds[] = { { "OK", 200 }, { "CREATED", 201 }, { "ACCEPTED", 202 } };
	size_t								i;

	for (i = 0; i < 3; i++) {
		ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = kinds[i].outcome, .body = "{}", .body_length = 2 });
		cr_assert_eq(sent.status, kinds[i].status);
	}
	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = "NO_CONTENT" });
	cr_assert_eq(sent.status, 204);
	cr_assert_eq(sent.body_length, 0);
	cr_assert_null(strstr(sent.head, "content-type"));
	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = "NOT_MODIFIED", .etag = "W/\"7\"" });
	cr_assert_eq(sent.status, 304);
	cr_assert(edge_has("etag: W/\"7\""));
}

Test(outcome, replayed_refusal_equals_the_first_to_the_byte)
{
	struct ct_request	*second;
	char			*first;

	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = "INSUFFICIENT_POINTS", .body = "{\"balance\":5}",
	    .request_id = "this-request" });
	cr_assert(edge_problem(402, "INSUFFICIENT_POINTS"));
	first = strdup(sent.body);

	second = request();
	strcpy(second->id, "another-request");
	ct_reply_outcome(second, &(struct ct_outcome){ .outcome = "INSUFFICIENT_POINTS", .body = "{\"balance\":5}",
	    .request_id = "this-request", .replayed = true });
	cr_assert_str_eq(sent.body, first);
	free(first);
	cr_assert(edge_has("idempotent-replayed: true"));
	cr_assert(edge_has("x-request-id: another-request"), "the header is this request's");
}

Test(outcome, failed_call_replies_its_error)
{
	ct_reply_outcome(request(), &(struct ct_outcome){ .error = CT_ERROR_OUTCOME_UNKNOWN });
	cr_assert(edge_problem(503, "OUTCOME_UNKNOWN"));
	cr_assert(edge_has("retry-after: 1"));
	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = "NO_SUCH_CODE" });
	cr_assert(edge_problem(500, "INTERNAL_ERROR"));
	ct_reply_outcome(request(), &(struct ct_outcome){ .outcome = NULL });
	cr_assert(edge_problem(500, "INTERNAL_ERROR"));
}

Test(reply, handlers_header_replaces_the_default)
{
	struct ct_request	*one = request();

	ct_reply_header(one, "Cache-Control", "no-cache");
	ct_reply_header(one, "Content-Type", "text/plain");
	ct_reply_json(one, 200, "x", 1);
	cr_assert(edge_has("Cache-Control: no-cache"));
	cr_assert(edge_has("Content-Type: text/plain"));
	cr_assert_null(strstr(sent.head, "no-store"));
	cr_assert_null(strstr(sent.head, "application/json"));
}

Test(reply, header_with_line_break_is_left_out)
{
	struct ct_request	*one = request();

	ct_reply_header(one, "x-one", "a\r\nx-two: b");
	ct_reply_header(one, "x-three\r\nx", "c");
	ct_reply_empty(one, 204);
	cr_assert_null(strstr(sent.head, "x-one"));
	cr_assert_null(strstr(sent.head, "x-two"));
	cr_assert_null(strstr(sent.head, "x-three"));
}

/* A lock timeout means "the first request is still running" only if this request has an idempotency key. */
Test(outcome, lock_timeout_without_key_is_503)
{
	struct ct_request	*keyed = request();

	ct_reply_outcome(request(), &(struct ct_outcome){ .error = CT_ERROR_IDEMPOTENCY_KEY_IN_USE });
	cr_assert(edge_problem(503, "SERVICE_UNAVAILABLE"));
	cr_assert(edge_has("retry-after: 1"));
	keyed->idempotency_key = "key";
	ct_reply_outcome(keyed, &(struct ct_outcome){ .error = CT_ERROR_IDEMPOTENCY_KEY_IN_USE });
	cr_assert(edge_problem(409, "IDEMPOTENCY_KEY_IN_USE"));
}
