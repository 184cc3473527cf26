/* A point service beside the stack's own, with other settings (tests/http/point-beside). */
#define _GNU_SOURCE
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define START_SECONDS	60

/* The end of its log: why it ended, or what it waits for. */
static const char *
log_end(int port)
{
	const char	*path = format("%s/log/point-beside-%d.log", setting("RUN_DIR"), port);
	char		*text = access(path, R_OK) == 0 ? read_file(path) : format("(no log)");
	size_t		 length = strlen(text);

	return (length > 1000 ? text + length - 1000 : text);
}

static bool
ready(const char *base)
{
	return (http((struct call){ .base = base, .path = "/readyz" }).status == 200);
}

static bool
has_ended(pid_t pid)
{
	return (waitpid(pid, NULL, WNOHANG) != 0);
}

struct beside
beside_start(int number, const char *const *settings)
{
	int		 port = atoi(setting("POINT_PORT")) + 8 + number, turn;
	pid_t		 parent = getpid();
	struct beside	 beside = { .base = format("http://127.0.0.1:%d", port) };
	int64_t		 deadline;
	const char	*argv[8] = { "point-beside", format("%d", port) };
	int		 i;

	for (i = 0; settings[i] != NULL && i < 5; i++)
		argv[2 + i] = settings[i];
	/* One test at a time has the port: until its process ends. */
	turn = open(format("%s/point-beside-%d.turn", setting("RUN_DIR"), port), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(turn >= 0 && flock(turn, LOCK_EX) == 0);
	/* A test that was killed may have left one that still drains. */
	wait_for(http((struct call){ .base = beside.base, .path = "/livez" }).status == 0, 30);

	beside.pid = fork();
	cr_assert_geq(beside.pid, 0);
	if (beside.pid == 0) {
		/* However this test ends, it ends too. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
			(void)execv("tests/http/point-beside", (char *const *)(uintptr_t)argv);
		_exit(1);
	}
	/* The limit is for one that hangs; one that ends fails the test at once. */
	for (deadline = now_ms() + START_SECONDS * 1000; !ready(beside.base); pause_ms(50)) {
		cr_assert_not(has_ended(beside.pid), "the point service beside has ended: %s", log_end(port));
		cr_assert(now_ms() < deadline, "not ready after %d s: %s", START_SECONDS, log_end(port));
	}
	return (beside);
}

void
beside_stop(const struct beside *beside)
{
	(void)kill(beside->pid, SIGTERM);
	(void)waitpid(beside->pid, NULL, 0);
}
