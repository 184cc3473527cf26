/* A queue's settings and numbers, as operators see them. */
#ifndef QUEUE_CONTROL_H
#define QUEUE_CONTROL_H

#include "base/buf.h"
#include "queue_answers.h"

/* Appends the members of GET /admin/queues/{scheduleId}: a JSON object without its closing brace. */
void	 control_print(struct ct_buf *buf, const char *schedule, const struct control_answer *control);

#endif
