/* One JSON object a line on standard error, cut at 1 KiB, at most 100 a second. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ct/buf.h"
#include "ct/log.h"
#include "log_internal.h"

#define LINE_MAX_BYTES		1024
#define LINES_A_SECOND		100

static const char		*service_name = "concert";
static enum ct_log_level	 least = CT_LOG_INFO;

/* This second's budget. */
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

const char *
ct_log_service(void)
{
	return (service_name);
}

/* Counts this line against the second's budget. */
static bool
may_print(time_t now)
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

/* UTF-8 may not be cut in the middle of a character. */
static void
cut(char *text, size_t length)
{
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	text[length] = '\0';
}

void
ct_log(enum ct_log_level level, const char *request_id, const char *fmt, ...)
{
	static const char *const	names[] = { "error", "warning", "info", "debug" };
	char				message[LINE_MAX_BYTES];
	struct ct_buf			line;
	struct timespec			now;
	struct tm			tm;
	va_list				args;
	size_t				head, room;
	int				length;

	if (level > least)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (!may_print(now.tv_sec))
		return;
	(void)gmtime_r(&now.tv_sec, &tm);
	va_start(args, fmt);
	length = vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (length >= (int)sizeof(message))
		cut(message, sizeof(message) - 5);

	ct_buf_init(&line, 8 * (size_t)LINE_MAX_BYTES);
	ct_buf_printf(&line, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\",\"service\":",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    now.tv_nsec / 1000000, names[level]);
	ct_buf_json_string(&line, service_name);
	ct_buf_printf(&line, ",\"pid\":%ld", (long)getpid());
	if (request_id != NULL) {
		ct_buf_puts(&line, ",\"requestId\":");
		ct_buf_json_string(&line, request_id);
	}
	if (left_out > 0) {
		ct_buf_printf(&line, ",\"leftOut\":%u", left_out);
		left_out = 0;
	}
	ct_buf_puts(&line, ",\"message\":");

	/* Escaping makes text longer, so the message is cut until the whole line fits. */
	head = line.length;
	for (room = strlen(message);; room = room > 64 ? room - 64 : 0) {
		cut(message, room);
		line.length = head;
		ct_buf_json_string(&line, message);
		ct_buf_puts(&line, "}\n");
		if (line.length <= LINE_MAX_BYTES || room == 0)
			break;
	}

	/* One write, so that workers' lines don't mix. Nothing can be done if it fails. */
	if (!line.failed && write(STDERR_FILENO, line.data, line.length) < 0)
		left_out++;
	ct_buf_deinit(&line);
}
