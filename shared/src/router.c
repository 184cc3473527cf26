/*
 * From method and path to endpoint: a tree of path segments, built at the
 * start. A request walks it once, comparing each segment with the few that
 * can follow. A literal segment is preferred to an {id}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

struct node {
	const char		*segment;	/* not terminated */
	size_t			 length;
	struct node		*children;	/* literal ones */
	struct node		*next;		/* sibling */
	struct node		*id;		/* the child for {id} */
	struct ct_endpoint	*endpoints[CT_METHODS];
	char			 allow[CT_ALLOW_TEXT];	/* "" : no route ends here */
};

static const char *const	method_names[CT_METHODS] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
static struct node		root;

static struct node *
new_node(const char *segment, size_t length)
{
	struct node	*node;

	if ((node = calloc(1, sizeof(*node))) == NULL)
		abort();
	node->segment = segment;
	node->length = length;
	return (node);
}

static struct node *
child_of(const struct node *parent, const char *segment, size_t length)
{
	struct node	*child;

	for (child = parent->children; child != NULL; child = child->next) {
		if (child->length == length && memcmp(child->segment, segment, length) == 0)
			return (child);
	}
	return (NULL);
}

static void
bad_route(const struct ct_route *route, const char *why)
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
		bad_route(route, "no such method, or the path does not begin with /");

	while (*at == '/') {
		length = strcspn(++at, "/");
		if (length == 4 && memcmp(at, "{id}", 4) == 0) {
			if (++ids > 2)
				bad_route(route, "has more than two {id}");
			if (node->id == NULL)
				node->id = new_node(at, length);
			node = node->id;
		} else {
			if ((child = child_of(node, at, length)) == NULL) {
				child = new_node(at, length);
				child->next = node->children;
				node->children = child;
			}
			node = child;
		}
		at += length;
	}

	if (ids > 0 && route->bad_id == CT_OK)
		bad_route(route, "has an {id} but not the error for a bad one");
	if (node->endpoints[method] != NULL)
		bad_route(route, "is there twice");
	node->endpoints[method] = ct_endpoint_new(route);
	length = strlen(node->allow);
	(void)snprintf(node->allow + length, sizeof(node->allow) - length, "%s%s%s", length > 0 ? ", " : "",
	    route->method, method == CT_GET ? ", HEAD" : "");
}

enum ct_found
ct_router_find(struct ct_exchange *exchange, char allow_r[CT_ALLOW_TEXT])
{
	const char		*at = exchange->path;
	const struct node	*node = &root, *child;
	size_t			 length;
	unsigned		 ids = 0;
	char			*id;

	if (*at != '/')
		return (CT_FOUND_NOTHING);
	while (*at == '/') {
		length = strcspn(++at, "/");
		if ((child = child_of(node, at, length)) == NULL) {
			if ((child = node->id) == NULL || length == 0)
				return (CT_FOUND_NOTHING);
			id = ct_alloc(&exchange->request, length + 1);
			memcpy(id, at, length);
			exchange->raw_ids[ids++] = id;
		}
		node = child;
		at += length;
	}

	if (node->allow[0] == '\0')
		return (CT_FOUND_NOTHING);
	if (exchange->method >= CT_METHODS || node->endpoints[exchange->method] == NULL) {
		memcpy(allow_r, node->allow, CT_ALLOW_TEXT);
		return (CT_FOUND_OTHER_METHOD);
	}
	exchange->endpoint = node->endpoints[exchange->method];
	return (CT_FOUND);
}
