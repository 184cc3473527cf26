/* Builds each log line in a buffer and writes it with one call. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/log_internal.h"
#include "base/trace_context.h"

#define LINE_MAX_BYTES		1024
#define LINES_A_SECOND		100

static const char *const	names[] = { "error", "warning", "info", "debug" };

static const char		*service_name = "concert";
static enum ct_log_level	 least = CT_LOG_INFO;

/* Lines of the current second. */
static time_t			 second;
static unsigned			 printed;
static unsigned			 left_out;

void
ct_log_init(const char *service, enum ct_log_level level)
{
	service_name = service;
	least = level;
	second = 0;
	printed = left_out = 0;
}

void
ct_log_set_level(enum ct_log_level level)
{
	least = level;
}

enum ct_log_level
ct_log_level(void)
{
	return (least);
}

const char *
ct_log_level_name(enum ct_log_level level)
{
	return (names[level]);
}

bool
ct_log_level_from(const char *name, enum ct_log_level *level_r)
{
	unsigned	i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*level_r = (enum ct_log_level)i;
			return (true);
		}
	}
	return (false);
}

const char *
ct_log_service(void)
{
	return (service_name);
}

void
ct_log_renew(void)
{
	printed = 0;
}

/* Counts this line. Returns false if the current second has no more lines left. */
static bool
log_may_print(time_t now)
{
	if (now != second) {
		second = now;
		printed = 0;
	}
	if (printed >= LINES_A_SECOND) {
		left_out++;
		return (false);
	}
	printed++;
	return (true);
}

/* Cuts the text to at most `length` bytes, never inside a UTF-8 character. */
static void
log_cut(char *text, size_t length)
{
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	text[length] = '\0';
}

/* Puts the members of the line before the message. */
static void
log_put_head(struct ct_buf *line, enum ct_log_level level, const struct timespec *now, const char *request_id)
{
	struct tm			tm;
	char				trace_id[CT_TRACE_ID_TEXT];

	(void)gmtime_r(&now->tv_sec, &tm);
	ct_buf_printf(line, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\",\"service\":",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    now->tv_nsec / 1000000, names[level]);
	ct_buf_json_string(line, service_name);
	ct_buf_printf(line, ",\"pid\":%ld", (long)getpid());
	if (request_id != NULL) {
		ct_buf_puts(line, ",\"requestId\":");
		ct_buf_json_string(line, request_id);
	}
	if (ct_trace_current.known) {
		ct_trace_hex(ct_trace_current.id, CT_TRACE_ID_BYTES, trace_id);
		ct_buf_printf(line, ",\"traceId\":\"%s\"", trace_id);
	}
	if (left_out > 0) {
		ct_buf_printf(line, ",\"leftOut\":%u", left_out);
		left_out = 0;
	}
}

void
ct_log(enum ct_log_level level, const char *request_id, const char *fmt, ...)
{
	char		message[LINE_MAX_BYTES];
	struct ct_buf	line;
	struct timespec	now;
	va_list		args;
	size_t		head, room;
	int		length;

	if (level > least)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (!log_may_print(now.tv_sec))
		return;
	va_start(args, fmt);
	length = vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (length >= (int)sizeof(message))
		log_cut(message, sizeof(message) - 5);

	ct_buf_init(&line, 8 * (size_t)LINE_MAX_BYTES);
	log_put_head(&line, level, &now, request_id);
	ct_buf_puts(&line, ",\"message\":");

	/* Escapes make the text longer, so shorten the message until the whole line fits. */
	head = line.length;
	for (room = strlen(message);; room = room > 64 ? room - 64 : 0) {
		log_cut(message, room);
		line.length = head;
		ct_buf_json_string(&line, message);
		ct_buf_puts(&line, "}\n");
		if (line.length <= LINE_MAX_BYTES || room == 0)
			break;
	}

	/* One write, so that the workers' lines do not mix. If it fails, the line counts as left out. */
	if (!line.failed && write(STDERR_FILENO, line.data, line.length) < 0)
		left_out++;
	ct_buf_deinit(&line);
}
