/* POST /queues/leave: gives the place up. 204, again and again. */
#include "ct/service.h"
#include "handlers.h"
#include "store.h"
#include "token.h"

static void
left(const redisReply *reply, void *arg)
{
	struct ct_request	*request = arg;

	if (store_answered(request, reply, 0))
		ct_reply_empty(request, 204);
}

void
leave(struct ct_request *request)
{
	struct ct_queue_command	command;
	struct ct_queue_token	token;

	if (token_read(request, &token) == NULL)
		return;
	ct_queue_command_init(&command, "queue2_leave", &token.schedule);
	ct_queue_command_place(&command, &token);
	store_call(&command, left, request);
}
