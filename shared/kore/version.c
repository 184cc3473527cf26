/* Compares the running Kore's version with the tested one. */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "kore/version.h"

void
ct_kore_check_version(void)
{
	if (strcmp(kore_version, CT_KORE_VERSION) == 0)
		return;
	(void)fprintf(stderr, "kore: this service is tested with Kore %s, and this is Kore %s: "
	    "install the package kore %s, or test with this one and change shared/kore/version.h\n",
	    CT_KORE_VERSION, kore_version, CT_KORE_VERSION);
	exit(1);
}
