/* All that a handler uses: the request, reading its headers, query and body, and replying. */
#ifndef CT_HANDLER_H
#define CT_HANDLER_H

#include "http/body.h"
#include "http/header.h"
#include "http/invalid.h"
#include "http/query.h"
#include "http/reply.h"
#include "http/request.h"

#endif
