/* Starts one more instance of a service, with other settings (tests/http/extra-service). */
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

static bool
answers(const char *base, const char *path)
{
	return (http((struct call){ .base = base, .path = path }).status == 200);
}

/* Waits until `path` answers 200. */
static struct extra_service
start_until(const char *service, int port, const char *const *settings, const char *path)
{
	int			 turn, i;
	pid_t			 parent = getpid();
	struct extra_service	 extra = { .base = format("http://127.0.0.1:%d", port) };
	const char		*argv[4 + EXTRA_SETTINGS] = { "extra-service", service, format("%d", port) };

	for (i = 0; settings[i] != NULL && i < EXTRA_SETTINGS; i++)
		argv[3 + i] = settings[i];
	/* Only one test at a time has the port; the lock is released when its process ends. */
	turn = open(format("%s/extra-service-%d.turn", setting("RUN_DIR"), port), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(turn >= 0 && flock(turn, LOCK_EX) == 0);
	/* A killed test may have left a service that is still shutting down. */
	wait_for(http((struct call){ .base = extra.base, .path = "/livez" }).status == 0, 60);

	extra.pid = fork();
	cr_assert_geq(extra.pid, 0);
	if (extra.pid == 0) {
		/* The kernel sends SIGTERM to the service when this test's process ends. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
			(void)execv("tests/http/extra-service", (char *const *)(uintptr_t)argv);
		_exit(1);
	}
	wait_for_program(answers(extra.base, path), extra.pid, format("%s/log/extra-%s-%d.log", setting("RUN_DIR"), service, port));
	return (extra);
}

struct extra_service
extra_service_start(const char *service, int port, const char *const *settings)
{
	return (start_until(service, port, settings, "/readyz"));
}

struct extra_service
extra_point_begin(int number, const char *const *settings)
{
	return (start_until("point", atoi(setting("POINT_PORT")) + 8 + number, settings, "/livez"));
}

struct extra_service
extra_point_start(int number, const char *const *settings)
{
	return (extra_service_start("point", atoi(setting("POINT_PORT")) + 8 + number, settings));
}

void
extra_service_stop(const struct extra_service *extra)
{
	(void)kill(extra->pid, SIGTERM);
	(void)waitpid(extra->pid, NULL, 0);
}
