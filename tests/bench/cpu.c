/* CPU time of groups of processes, from /proc. See sale.h. */
#include <sys/resource.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sale.h"

#define ROOTS_MAX	16
#define PROCESSES_MAX	8192
#define DEPTH_MAX	16

struct group {
	char		name[24];
	int		roots[ROOTS_MAX];
	unsigned	root_count;
};

struct process {
	int		pid, parent;
	double		ticks;	/* its own and those of its ended children */
};

static struct group	groups[CPU_GROUPS_MAX];
static unsigned		group_count;
static struct process	processes[PROCESSES_MAX];
static unsigned		process_count;

void
cpu_group(const char *text)
{
	struct group	*group = &groups[group_count];
	const char	*at = strchr(text, '=');
	char		*end;

	if (group_count == CPU_GROUPS_MAX || at == NULL || (size_t)(at - text) >= sizeof(group->name))
		fail("'%s' is not one of at most %d groups name=pid,pid", text, CPU_GROUPS_MAX);
	memcpy(group->name, text, (size_t)(at - text));
	do {
		if (group->root_count == ROOTS_MAX)
			fail("more than %d processes in '%s'", ROOTS_MAX, text);
		group->roots[group->root_count++] = (int)strtol(at + 1, &end, 10);
		if (end == at + 1 || (*end != ',' && *end != '\0'))
			fail("'%s' is not name=pid,pid", text);
		at = end;
	} while (*at == ',');
	group_count++;
}

unsigned
cpu_groups(void)
{
	return (group_count);
}

const char *
cpu_name(unsigned group)
{
	return (groups[group].name);
}

static void
read_process(const char *pid)
{
	char		 path[64], text[1024], *at;
	unsigned long	 own[2];
	long		 children[2];
	FILE		*file;
	size_t		 length;
	int		 parent;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if ((file = fopen(path, "re")) == NULL)
		return;		/* it has just ended, and its parent has its time */
	length = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[length] = '\0';
	/* The process name, in brackets, may contain any character. */
	if ((at = strrchr(text, ')')) == NULL || sscanf(at + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
	    &parent, &own[0], &own[1], &children[0], &children[1]) != 5)
		return;
	if (process_count < PROCESSES_MAX) {
		processes[process_count++] = (struct process){ .pid = (int)strtol(pid, NULL, 10), .parent = parent,
		    .ticks = (double)(own[0] + own[1]) + (double)(children[0] + children[1]) };
	}
}

static int
parent_of(int pid)
{
	unsigned	i;

	for (i = 0; i < process_count; i++) {
		if (processes[i].pid == pid)
			return (processes[i].parent);
	}
	return (0);
}

static bool
in_group(const struct group *group, int pid)
{
	unsigned	depth, i;

	for (depth = 0; pid > 1 && depth < DEPTH_MAX; depth++) {
		for (i = 0; i < group->root_count; i++) {
			if (group->roots[i] == pid)
				return (true);
		}
		pid = parent_of(pid);
	}
	return (false);
}

static double
machine_ticks(void)
{
	double	 user, nice, system, idle, iowait, irq, softirq;
	FILE	*file = fopen("/proc/stat", "re");
	int	 got;

	if (file == NULL)
		return (0);
	got = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &iowait, &irq, &softirq);
	(void)fclose(file);
	return (got == 7 ? user + nice + system + irq + softirq : 0);
}

void
cpu_read(struct cpu *cpu_r)
{
	double		 ms = 1000.0 / (double)sysconf(_SC_CLK_TCK);
	struct rusage	 usage;
	struct dirent	*entry;
	DIR		*proc = opendir("/proc");
	unsigned	 i, g;

	if (proc == NULL)
		fail("cannot read /proc");
	process_count = 0;
	while ((entry = readdir(proc)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]))
			read_process(entry->d_name);
	}
	(void)closedir(proc);
	*cpu_r = (struct cpu){ .machine = machine_ticks() * ms };
	for (g = 0; g < group_count; g++) {
		for (i = 0; i < process_count; i++) {
			if (in_group(&groups[g], processes[i].pid))
				cpu_r->group[g] += processes[i].ticks * ms;
		}
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	cpu_r->self = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}
