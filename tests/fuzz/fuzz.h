/*
 * Shared by all fuzz targets. A target is one file, fuzz_NAME.c; its inputs
 * are in corpus/NAME. It aborts where an oracle does not hold.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls these. */
int	 LLVMFuzzerInitialize(int *argc, char ***argv);
int	 LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The oracle: says what does not hold, and ends the target. */
#define must(condition) do { \
	if (!(condition)) \
		fuzz_fail(#condition, __FILE__, __LINE__); \
} while (0)
void	 fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));

/* Takes the input apart: bytes from its front, 0 when there are none left. */
struct fuzz_input {
	const uint8_t	*at;
	size_t		 left;
};
uint8_t	 fuzz_byte(struct fuzz_input *input);

/* The text up to the next `end` (which is taken too) or the input's end, as a copy with a NUL; the caller frees it. */
char	*fuzz_text(struct fuzz_input *input, char end);

/* Alters `text` (with room for `size` bytes) as the input says: replaces, inserts or removes up to four bytes. */
void	 fuzz_edit(struct fuzz_input *input, char *text, size_t size);

/* Writes `text` to a file and names it in the environment variable `name`. */
void	 fuzz_setting_file(const char *name, const char *text);

#endif
