/*
 * Whole requests to all four services: for every request and whatever the
 * stores answer, there is exactly one answer, of the contract. Input: four
 * bytes that decide what the stores answer, one for the client that leaves,
 * then the request (requests.h).
 */
#include <string.h>

#include "fuzz.h"
#include "requests.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	requests_start();
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer	answer;
	uint32_t	seed;
	bool		leaves;

	if (size < 5)
		return (0);
	memcpy(&seed, data, sizeof(seed));
	leaves = data[4] % 4 == 1;
	data += 5;
	size -= 5;
	if (!requests_send((const char *)data, size, seed, leaves, &answer))
		return (0);
	if (answer.status == 0)
		must(leaves);
	else
		check_answer(&answer, size > 5 && memcmp(data, "HEAD ", 5) == 0);
	answer_free(&answer);
	return (0);
}
