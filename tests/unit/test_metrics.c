/* Metrics of several workers. */
#include <criterion/criterion.h>

#include <sys/wait.h>

#include <string.h>
#include <unistd.h>

#include "base/metrics.h"

static char *
printed(void)
{
	static struct ct_buf	buf;

	ct_buf_deinit(&buf);
	ct_buf_init(&buf, 100000);
	ct_metrics_print(&buf);
	return (buf.data);
}

static bool
has(const char *line)
{
	return (strstr(printed(), line) != NULL);
}

Test(metrics, counters_of_workers_add_up)
{
	struct ct_metric	*calls = ct_metric_counter("calls_total", "", "Calls.");
	struct ct_metric	*depth = ct_metric_gauge("depth", "queue=\"a\"", "Depth.");
	int			 worker;

	ct_metrics_init(2);
	for (worker = 0; worker < 2; worker++) {
		if (fork() == 0) {
			ct_metrics_worker((unsigned)worker);
			ct_metric_add(calls, 10);
			ct_metric_add(calls, 1);
			ct_metric_set(depth, worker == 0 ? 5 : -2);
			_exit(0);
		}
		(void)wait(NULL);
	}
	cr_assert(has("# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 22\n"), "%s", printed());
	cr_assert(has("depth{queue=\"a\"} 3\n"), "%s", printed());
}

Test(metrics, restarted_worker_keeps_counters_and_clears_gauges)
{
	struct ct_metric	*calls = ct_metric_counter("calls_total", "", "Calls.");
	struct ct_metric	*depth = ct_metric_gauge("depth", "", "Depth.");

	ct_metrics_init(1);
	ct_metrics_worker(0);
	ct_metric_add(calls, 3);
	ct_metric_set(depth, 9);
	ct_metrics_worker(0);
	ct_metric_add(calls, 1);
	cr_assert(has("calls_total 4\n"));
	cr_assert(has("depth 0\n"));
}

Test(metrics, histogram_buckets_are_cumulative)
{
	struct ct_metric	*time = ct_metric_histogram("seconds", "route=\"/a\"", "Time.");

	ct_metrics_init(1);
	ct_metrics_worker(0);
	ct_metric_observe(time, 0.0005);
	ct_metric_observe(time, 0.001);
	ct_metric_observe(time, 0.3);
	ct_metric_observe(time, 60);
	cr_assert(has("seconds_bucket{route=\"/a\",le=\"0.001\"} 2\n"), "%s", printed());
	cr_assert(has("seconds_bucket{route=\"/a\",le=\"0.2\"} 2\n"));
	cr_assert(has("seconds_bucket{route=\"/a\",le=\"0.5\"} 3\n"));
	cr_assert(has("seconds_bucket{route=\"/a\",le=\"10\"} 3\n"));
	cr_assert(has("seconds_bucket{route=\"/a\",le=\"+Inf\"} 4\n"));
	cr_assert(has("seconds_count{route=\"/a\"} 4\n"));
	cr_assert(has("seconds_sum{route=\"/a\"} 60.3015"));
}

Test(metrics, same_name_and_labels_are_the_same_metric)
{
	struct ct_metric	*one = ct_metric_counter("a_total", "x=\"1\"", "A.");
	struct ct_metric	*other = ct_metric_counter("b_total", "", "B.");
	struct ct_metric	*two = ct_metric_counter("a_total", "x=\"2\"", "A.");

	cr_assert_eq(ct_metric_counter("a_total", "x=\"1\"", "A."), one);
	cr_assert_neq(one, two);
	ct_metrics_init(1);
	ct_metrics_worker(0);
	ct_metric_add(other, 1);
	cr_assert(has("# TYPE a_total counter\na_total{x=\"1\"} 0\na_total{x=\"2\"} 0\n"), "%s", printed());
}

Test(metrics, count_before_init_changes_nothing)
{
	struct ct_metric	*calls = ct_metric_counter("calls_total", "", "Calls."), *late;

	ct_metric_add(calls, 1);
	ct_metrics_init(1);
	ct_metrics_worker(0);
	late = ct_metric_counter("late_total", "", "Late.");
	ct_metric_add(late, 1);
	ct_metric_add(calls, 1);
	cr_assert(has("calls_total 1\n"));
	cr_assert_null(strstr(printed(), "late_total 1"));
}

Test(metrics, milliseconds_are_printed_as_seconds)
{
	struct ct_metric	*busy = ct_metric_counter("busy_seconds_total", "", "Busy."), *lag = ct_metric_gauge("lag_seconds", "", "Lag.");

	ct_metric_in_milliseconds(busy);
	ct_metric_in_milliseconds(lag);
	ct_metrics_init(1);
	ct_metrics_worker(0);
	ct_metric_add(busy, 1500);
	ct_metric_set(lag, 42);
	cr_assert(has("busy_seconds_total 1.500\n"), "%s", printed());
	cr_assert(has("lag_seconds 0.042\n"), "%s", printed());
}

/* The value would look healthy long after the store that it comes from has stopped answering. */
Test(metrics, gauge_that_was_not_set_lately_is_absent)
{
	struct ct_metric	*left = ct_metric_gauge("left", "", "Left."), *kept = ct_metric_gauge("kept", "", "Kept.");
	int			 tries;

	ct_metric_lives(left, 3000);
	ct_metrics_init(2);
	cr_assert_not(has("\nleft "), "it was never set: %s", printed());
	ct_metrics_worker(1);
	ct_metric_set(left, 7);
	ct_metric_set(kept, 8);
	cr_assert(has("\nleft 7\n"), "%s", printed());
	for (tries = 0; tries < 1200 && has("\nleft 7\n"); tries++)
		(void)usleep(50000);
	cr_assert_not(has("left 7"), "%s", printed());
	cr_assert(has("kept 8\n"), "%s", printed());
	ct_metric_set(left, 9);
	cr_assert(has("\nleft 9\n"), "%s", printed());
}

Test(metrics, replaced_worker_is_counted)
{
	static struct ct_buf	buf;

	ct_metrics_init(2);
	ct_metrics_worker(0);
	ct_metrics_worker(1);
	ct_buf_init(&buf, 10000);
	ct_metrics_print_process(&buf);
	cr_assert_not_null(strstr(buf.data, "\nct_worker_restarts_total 0\n"), "%s", buf.data);
	cr_assert_not_null(strstr(buf.data, "\nprocess_start_time_seconds 1"), "%s", buf.data);
	ct_metrics_worker(1);
	ct_buf_deinit(&buf);
	ct_metrics_print_process(&buf);
	cr_assert_not_null(strstr(buf.data, "\nct_worker_restarts_total 1\n"), "%s", buf.data);
	ct_buf_deinit(&buf);
}
