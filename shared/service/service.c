/* This worker's clients. */
#include "service/service.h"

struct ct_pg	*ct_service_pg;
struct ct_redis_cluster	*ct_service_redis;
