/* Parts of all fuzz targets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

void
fuzz_fail(const char *condition, const char *file, int line)
{
	/* Standard error is dropped, because the services log there. */
	printf("ORACLE: %s:%d: does not hold: %s\n", file, line, condition);
	(void)fflush(stdout);
	abort();
}

uint8_t
fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return (0);
	input->left--;
	return (*input->at++);
}

char *
fuzz_text(struct fuzz_input *input, char end)
{
	const uint8_t	*found = input->left == 0 ? NULL : memchr(input->at, end, input->left);
	size_t		 length = found == NULL ? input->left : (size_t)(found - input->at);
	char		*text = malloc(length + 1);

	if (text == NULL)
		abort();
	if (length > 0)
		memcpy(text, input->at, length);
	text[length] = '\0';
	length += found != NULL;
	input->at += length;
	input->left -= length;
	return (text);
}

void
fuzz_edit(struct fuzz_input *input, char *text, size_t size)
{
	unsigned	edits = fuzz_byte(input) % 5;
	size_t		length = strlen(text), at;
	uint8_t		kind, byte;

	while (edits-- > 0) {
		kind = fuzz_byte(input) % 3;
		at = (size_t)(fuzz_byte(input) << 8 | fuzz_byte(input)) % (length + 1);
		if ((byte = fuzz_byte(input)) == 0)
			byte = 'A';
		if (kind == 0 && at < length) {
			text[at] = (char)byte;
		} else if (kind == 1 && length + 1 < size) {
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = (char)byte;
			length++;
		} else if (kind == 2 && at < length) {
			memmove(text + at, text + at + 1, length - at);
			length--;
		}
	}
}

void
fuzz_setting_file(const char *name, const char *text)
{
	char	path[] = "/tmp/ct-fuzz-XXXXXX";
	int	fd = mkstemp(path);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0 || setenv(name, path, 1) != 0)
		abort();
}
