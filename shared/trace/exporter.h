/*
 * Sends finished spans to a collector (TRACE_COLLECTOR_URL) as OTLP/HTTP JSON, in the background. At most one request is
 * in flight. No request of a user waits for it. Its memory has a bound: CT_SPANS_BYTES_MAX for gathered spans, and the same
 * for spans in flight.
 *
 * If the collector certainly did not take the spans (no connection, or 429, 502, 503, 504), the exporter sends them again, with
 * the pauses of base/backoff.h. After any other answer, or no answer in time, it drops and counts them.
 */
#ifndef CT_EXPORTER_H
#define CT_EXPORTER_H

#include <stdbool.h>

/*
 * Parent: TRACE_COLLECTOR_URL (empty: off; in production https, or an address of this machine), TRACE_SAMPLE_ONE_IN,
 * TRACE_TRUST_CALLER, SERVICE_VERSION; registers metrics. `service` is the service's name, kept by pointer.
 */
void	 ct_exporter_configure(const char *service);

/* Worker: begins to send. */
void	 ct_exporter_start(void);

/* Worker: sends the remaining spans at once, because the worker ends. */
void	 ct_exporter_drain(void);

/* While the worker drains: returns true if all spans are sent, or if a second has passed. */
bool	 ct_exporter_drained(void);

/* Returns how many of the worker's HTTP requests are the exporter's: 0 or 1. A worker that ends need not wait for them. */
unsigned ct_exporter_pending(void);

#endif
