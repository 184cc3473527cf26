/* fuzz_jwt.c with ES256. */
#define ALGORITHM	"ES256"
#include "fuzz_jwt.c" /* NOLINT(bugprone-suspicious-include) */
