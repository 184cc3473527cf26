/*
 * The system calls that a worker may use beyond Kore's own list. Any other call kills the worker. All services have the
 * same filter, because they link the same library.
 */
#include <sys/types.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stdint.h>

#include <kore/kore.h>
#include <kore/hooks.h>
#include <kore/seccomp.h>

#if defined(__SANITIZE_ADDRESS__)

/* The sanitizers' run time may use any system call at any time. */
KORE_SECCOMP_FILTER("concert",
	KORE_BPF_RET(SECCOMP_RET_ALLOW)
)

#else

KORE_SECCOMP_FILTER("concert",
	/* libpq, hiredis and libcurl: outgoing connections. */
	KORE_SYSCALL_ALLOW(socket),
	KORE_SYSCALL_ALLOW(connect),
	KORE_SYSCALL_ALLOW(bind),
	KORE_SYSCALL_ALLOW(getsockopt),
	KORE_SYSCALL_ALLOW(getsockname),
	KORE_SYSCALL_ALLOW(getpeername),
	KORE_SYSCALL_ALLOW(recvmsg),
	KORE_SYSCALL_ALLOW(sendmsg),
#if defined(SYS_sendmmsg)
	KORE_SYSCALL_ALLOW(sendmmsg),
#endif
	KORE_SYSCALL_ALLOW(shutdown),
	KORE_SYSCALL_ALLOW(uname),
	/* libpq: the password file. OpenSSL: its configuration and certificates. */
#if defined(SYS_newfstatat)
	KORE_SYSCALL_ALLOW(newfstatat),
#endif
#if defined(SYS_fstatat64)
	KORE_SYSCALL_ALLOW(fstatat64),
#endif
#if defined(SYS_statx)
	KORE_SYSCALL_ALLOW(statx),
#endif
	KORE_SYSCALL_ALLOW(getdents64),
	KORE_SYSCALL_ALLOW(pread64),
	/* libpq: the user that runs the process. */
	KORE_SYSCALL_ALLOW(getgid),
	KORE_SYSCALL_ALLOW(getegid),
	/* libc: realloc of large blocks, qsort (memory size), abort(), start and end of threads. */
	KORE_SYSCALL_ALLOW(mremap),
	KORE_SYSCALL_ALLOW(sysinfo),
	KORE_SYSCALL_ALLOW(gettid),
	KORE_SYSCALL_ALLOW(tgkill),
	KORE_SYSCALL_ALLOW(sched_yield),
	KORE_SYSCALL_ALLOW(clock_getres),
	KORE_SYSCALL_ALLOW(set_robust_list),
	/*
	 * libcurl looks up names in a thread. Kore allows clone for it. libc tries clone3 first, and uses clone only if
	 * clone3 does not exist.
	 */
	KORE_SYSCALL_DENY(clone3, ENOSYS),
#if defined(SYS_rseq)
	KORE_SYSCALL_ALLOW(rseq),
#endif
	KORE_SYSCALL_ALLOW(socketpair)
)

#endif
