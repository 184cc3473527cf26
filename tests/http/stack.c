/*
 * Starts, stops and finds programs of the test stack, which supervisor runs, runs commands beside it, and looks after programs of a
 * test's own.
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

void
ctl(const char *command)
{
	cr_assert_eq(system(format("%s/ctl %s >/dev/null", setting("RUN_DIR"), command)), 0, "ctl %s", command);
}

pid_t
pid_of(const char *program)
{
	FILE	*pipe = popen(format("%s/ctl pid %s", setting("RUN_DIR"), program), "r");
	char	 line[64] = "";

	cr_assert_not_null(pipe);
	cr_assert_not_null(fgets(line, sizeof(line), pipe), "ctl pid %s", program);
	cr_assert_eq(pclose(pipe), 0, "ctl pid %s", program);
	cr_assert_gt(atoi(line), 1, "%s: %s", program, line);
	return ((pid_t)atoi(line));
}

pid_t
worker_of(const char *program)
{
	int	 master = (int)pid_of(program);
	char	*children = read_file(format("/proc/%d/task/%d/children", master, master));

	cr_assert_gt(atoi(children), 1, "%s has no worker", program);
	return ((pid_t)atoi(children));
}

void
kill_workers(const char *program)
{
	int	 master = (int)pid_of(program);
	char	*rest = read_file(format("/proc/%d/task/%d/children", master, master));
	long	 worker;

	while ((worker = strtol(rest, &rest, 10)) > 1)
		cr_assert_eq(kill((pid_t)worker, SIGKILL), 0);
}

char *
output_of(const char *command)
{
	enum { ROOM = 65536 };
	FILE	*pipe = popen(command, "re");
	char	*text = calloc(1, ROOM);

	cr_assert(pipe != NULL && text != NULL);
	text[fread(text, 1, ROOM - 1, pipe)] = '\0';
	(void)pclose(pipe);
	return (text);
}

char *
redis_cli(int port)
{
	return (format("REDISCLI_AUTH=$(cat $RUN_DIR/secrets/redis_operator) redis-cli --no-auth-warning --user operator -p %d", port));
}

bool
program_has_ended(pid_t pid)
{
	return (pid != 0 && waitpid(pid, NULL, WNOHANG) != 0);
}

const char *
log_end(const char *path)
{
	char	*text = access(path, R_OK) == 0 ? read_file(path) : format("(no %s)", path);
	size_t	 length = strlen(text);

	return (length > 300 ? text + length - 300 : text);
}
