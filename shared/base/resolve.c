/* Looking up addresses of names, see resolve.h. */
#include <sys/socket.h>
#include <sys/types.h>

#include <netdb.h>
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
