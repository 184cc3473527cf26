/* fuzz_jwt.c with RS256. */
#define ALGORITHM	"RS256"
#include "fuzz_jwt.c" /* NOLINT(bugprone-suspicious-include) */
