/*
 * Shared by all fuzz targets. A target is one file fuzz_NAME.c, with its inputs in corpus/NAME. It aborts when a rule that it
 * checks is broken.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls these. */
int	 LLVMFuzzerInitialize(int *argc, char ***argv);
int	 LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Checks a rule. If it is broken, prints it and aborts. */
#define must(condition) do { \
	if (!(condition)) \
		fuzz_fail(#condition, __FILE__, __LINE__); \
} while (0)
void	 fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));

/* Takes a byte from the input's start; 0 at its end. */
struct fuzz_input {
	const uint8_t	*at;
	size_t		 left;
};
uint8_t	 fuzz_byte(struct fuzz_input *input);

/* Takes the text up to and with the next `end`. Returns a copy without `end` and with a NUL; the caller frees it. */
char	*fuzz_text(struct fuzz_input *input, char end);

/* Replaces, inserts or removes up to four bytes of `text`, as the input says. `size`: the memory of `text`. */
void	 fuzz_edit(struct fuzz_input *input, char *text, size_t size);

/* Writes `text` to a file, and sets the environment variable `name` to the file's name. */
void	 fuzz_setting_file(const char *name, const char *text);

#endif
