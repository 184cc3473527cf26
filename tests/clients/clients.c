/* Helpers of the tests of the PostgreSQL and Redis clients. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "clients.h"

void
servers(const char *command)
{
	char	line[512];

	(void)snprintf(line, sizeof(line), "%s %s", getenv("CLIENTS_SERVERS"), command);
	cr_assert_eq(system(line), 0, "%s", line);
}
