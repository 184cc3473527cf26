/*
 * A tree of path segments, built at start. For a request the router walks it once, and compares each segment with the few
 * that can follow. A literal segment takes precedence over an {id}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/endpoint.h"
#include "http/router.h"

struct node {
	const char		*segment;	/* without a NUL */
	size_t			 length;
	struct node		*children;	/* of literal segments */
	struct node		*next;		/* the next sibling */
	struct node		*id;		/* the child for {id} */
	struct ct_endpoint	*endpoints[CT_METHODS];
	char			 allow[CT_ALLOW_TEXT];	/* "": no route ends here */
};

static const char *const	method_names[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
_Static_assert(sizeof(method_names) / sizeof(method_names[0]) == CT_METHODS, "each method has a name");
static struct node		root;

static struct node *
router_new_node(const char *segment, size_t length)
{
	struct node	*node;

	if ((node = calloc(1, sizeof(*node))) == NULL)
		abort();
	node->segment = segment;
	node->length = length;
	return (node);
}

static struct node *
router_child_of(const struct node *parent, const char *segment, size_t length)
{
	struct node	*child;

	for (child = parent->children; child != NULL; child = child->next) {
		if (child->length == length && memcmp(child->segment, segment, length) == 0)
			return (child);
	}
	return (NULL);
}

static void
router_bad_route(const struct ct_route *route, const char *why)
{
	fprintf(stderr, "route %s %s: %s\n", route->method, route->path, why);
	exit(1);
}

void
ct_router_add(const struct ct_route *route)
{
	const char	*at = route->path;
	struct node	*node = &root, *child;
	size_t		 length;
	int		 method, ids = 0;

	for (method = 0; method < CT_METHODS && strcmp(method_names[method], route->method) != 0; method++)
		;
	if (method == CT_METHODS || *at != '/')
		router_bad_route(route, "no such method, or the path does not begin with /");

	while (*at == '/') {
		length = strcspn(++at, "/");
		if (length == 4 && memcmp(at, "{id}", 4) == 0) {
			if (++ids > CT_PATH_IDS)
				router_bad_route(route, "has more {id} than CT_PATH_IDS");
			if (node->id == NULL)
				node->id = router_new_node(at, length);
			node = node->id;
		} else {
			if ((child = router_child_of(node, at, length)) == NULL) {
				child = router_new_node(at, length);
				child->next = node->children;
				node->children = child;
			}
			node = child;
		}
		at += length;
	}

	if (ids > 0 && route->bad_id == CT_OK)
		router_bad_route(route, "has an {id} but not the error for a bad one");
	if (node->endpoints[method] != NULL)
		router_bad_route(route, "is there twice");
	node->endpoints[method] = ct_endpoint_new(route);
	length = strlen(node->allow);
	(void)snprintf(node->allow + length, sizeof(node->allow) - length, "%s%s%s", length > 0 ? ", " : "",
	    route->method, method == CT_GET ? ", HEAD" : "");
}

enum ct_match
ct_router_find(struct ct_exchange *exchange, char allow_r[CT_ALLOW_TEXT])
{
	const char		*at = exchange->path;
	const struct node	*node = &root, *child;
	size_t			 length;
	unsigned		 ids = 0;
	char			*id;

	if (*at != '/')
		return (CT_MATCH_NONE);
	while (*at == '/') {
		length = strcspn(++at, "/");
		if ((child = router_child_of(node, at, length)) == NULL) {
			if ((child = node->id) == NULL || length == 0)
				return (CT_MATCH_NONE);
			id = ct_alloc(&exchange->request, length + 1);
			memcpy(id, at, length);
			CT_ASSERT_MSG(ids < CT_PATH_IDS, "ct_router_add limits the ids of a path");
			exchange->raw_ids[ids++] = id;
		}
		node = child;
		at += length;
	}

	if (node->allow[0] == '\0')
		return (CT_MATCH_NONE);
	if (exchange->method >= CT_METHODS || node->endpoints[exchange->method] == NULL) {
		memcpy(allow_r, node->allow, CT_ALLOW_TEXT);
		return (CT_MATCH_OTHER_METHOD);
	}
	exchange->endpoint = node->endpoints[exchange->method];
	return (CT_MATCH_ROUTE);
}
