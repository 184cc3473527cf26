/* The end of a worker whose own rule is broken, see assert.h. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/log_internal.h"

void
ct_assert_fail(const char *file, int line, const char *condition, const char *message)
{
	static bool	failing;

	/* Logging may itself break a rule. */
	if (failing)
		abort();
	failing = true;
	ct_log_renew();
	ct_log(CT_LOG_ERROR, NULL, "assertion failed at %s:%d: %s%s%s: a defect of this program, please report this line; "
	    "the worker ends and its parent starts another", file, line, condition, *message != '\0' ? ": " : "", message);
	abort();
}
