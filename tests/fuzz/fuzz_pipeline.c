/*
 * Whole requests to all four services. Each request gets exactly one answer, and the contract allows that answer, for any
 * answers of the stores. Input: four bytes that decide the stores' answers, one byte that decides whether the client
 * disconnects, then the request (requests.h).
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
