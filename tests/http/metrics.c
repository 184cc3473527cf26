/* Reads the metrics of the services. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness.h"

double
metric(const char *base, const char *name)
{
	struct reply	 reply = http((struct call){ .base = base, .path = "/metrics" });
	const char	*found;

	check_status(reply, 200);
	found = strstr(reply.body, format("\n%s ", name));
	return (found == NULL ? 0 : strtod(found + strlen(name) + 2, NULL));
}

int64_t
metric_sum(const char *service, const char *begin)
{
	struct reply	 reply = http((struct call){ .base = direct(service), .path = "/metrics" });
	char		*text = reply.body, *line;
	int64_t		 sum = 0;

	check_status(reply, 200);
	while ((line = strsep(&text, "\n")) != NULL) {
		if (strncmp(line, begin, strlen(begin)) == 0 && strrchr(line, ' ') != NULL)
			sum += atoll(strrchr(line, ' '));
	}
	return (sum);
}
