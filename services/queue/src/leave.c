/* POST /queues/leave: the user gives up the place. May be repeated, each time with 204. */
#include "handlers.h"
#include "queue_answers.h"
#include "redis_calls.h"
#include "service/service.h"
#include "token_header.h"

static void
leave_answered(const redisReply *reply, void *arg)
{
	struct ct_request	*request = arg;
	bool			 had_place;

	if (queue_answers_leave(reply, &had_place))
		ct_reply_empty(request, 204);
	else
		redis_calls_refuse(request, "queue3_leave", reply);
}

void
leave(struct ct_request *request)
{
	struct ct_queue_command	command;
	struct ct_queue_token	token;

	if (token_header_read(request, &token) == NULL)
		return;
	ct_queue_command_init(&command, "queue3_leave", &token.schedule);
	ct_queue_command_place(&command, &token);
	redis_calls_send(&command, leave_answered, request);
}
