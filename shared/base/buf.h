/*
 * A byte buffer that grows up to a ceiling. Its text always ends with a NUL.
 *
 * An append that would pass the ceiling, or that gets no memory, changes nothing and marks the buffer as failed. A failed
 * buffer ignores all further appends. So callers check `failed` once, at the end.
 */
#ifndef CT_BUF_H
#define CT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_buf {
	char		*data;
	size_t		 length;
	size_t		 capacity;
	size_t		 ceiling;
	bool		 failed;
};

/* Makes an empty buffer that may grow to `ceiling` bytes. Allocates nothing yet. */
void	 ct_buf_init(struct ct_buf *buf, size_t ceiling);

/* Frees the bytes. The buffer is then as after ct_buf_init. */
void	 ct_buf_deinit(struct ct_buf *buf);

void	 ct_buf_append(struct ct_buf *buf, const void *data, size_t len);
void	 ct_buf_puts(struct ct_buf *buf, const char *text);
void	 ct_buf_printf(struct ct_buf *buf, const char *fmt, ...)
	     __attribute__((format(printf, 2, 3)));
void	 ct_buf_number(struct ct_buf *buf, int64_t number);

/* Writes `number` in decimal and a NUL; returns the length. Much faster than printf. */
#define CT_NUMBER_TEXT	21
size_t	 ct_number(int64_t number, char text_r[CT_NUMBER_TEXT]);

/* Appends `text` as a JSON string with quotes and escapes (RFC 8259), or null for NULL. */
void	 ct_buf_json_string(struct ct_buf *buf, const char *text);

#endif
