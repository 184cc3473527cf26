/* Looking up addresses of names, see resolve.h. */
#include <sys/socket.h>
#include <sys/types.h>

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/resolve.h"

bool
ct_resolve(const char *host, char address_r[CT_ADDRESS_TEXT])
{
	struct addrinfo	 hints, *list, *item;
	bool		 found;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, NULL, &hints, &list) != 0 || list == NULL)
		return (false);

	/* For "localhost" the first address is often ::1, but PostgreSQL and Redis listen on 127.0.0.1. */
	for (item = list; item != NULL; item = item->ai_next) {
		if (item->ai_family == AF_INET)
			break;
	}
	if (item == NULL)
		item = list;
	found = getnameinfo(item->ai_addr, item->ai_addrlen, address_r, CT_ADDRESS_TEXT, NULL, 0,
	    NI_NUMERICHOST) == 0;
	freeaddrinfo(list);
	return (found);
}

enum lookup_state {
	LOOKUP_RUNNING,
	LOOKUP_ENDED,		/* the owner frees it */
	LOOKUP_DROPPED		/* the thread frees it */
};

struct ct_lookup {
	_Atomic(enum lookup_state)	 state;
	char				 address[CT_ADDRESS_TEXT];	/* the thread's until the state is ENDED */
	char				 host[];
};

static void *
lookup_run(void *arg)
{
	struct ct_lookup	*lookup = arg;

	if (!ct_resolve(lookup->host, lookup->address))
		lookup->address[0] = '\0';
	if (atomic_exchange(&lookup->state, LOOKUP_ENDED) == LOOKUP_DROPPED)
		free(lookup);
	return (NULL);
}

/* The thread takes no signals: they are for the event loop. */
static bool
lookup_start_thread(struct ct_lookup *lookup)
{
	pthread_t	thread;
	sigset_t	all, before;
	bool		started;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&thread, NULL, lookup_run, lookup) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		(void)pthread_detach(thread);
	return (started);
}

struct ct_lookup *
ct_lookup_start(const char *host)
{
	size_t			 size = strlen(host) + 1;
	struct ct_lookup	*lookup = calloc(1, sizeof(*lookup) + size);

	if (lookup == NULL)
		abort();
	atomic_init(&lookup->state, LOOKUP_RUNNING);
	memcpy(lookup->host, host, size);
	if (!lookup_start_thread(lookup)) {
		free(lookup);
		return (NULL);
	}
	return (lookup);
}

bool
ct_lookup_take(struct ct_lookup **lookupp, char address_r[CT_ADDRESS_TEXT])
{
	struct ct_lookup	*lookup = *lookupp;

	if (atomic_load(&lookup->state) != LOOKUP_ENDED)
		return (false);
	memcpy(address_r, lookup->address, CT_ADDRESS_TEXT);
	free(lookup);
	*lookupp = NULL;
	return (true);
}

void
ct_lookup_drop(struct ct_lookup **lookupp)
{
	struct ct_lookup	*lookup = *lookupp;

	*lookupp = NULL;
	if (lookup != NULL && atomic_exchange(&lookup->state, LOOKUP_DROPPED) == LOOKUP_ENDED)
		free(lookup);
}
