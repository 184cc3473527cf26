/* Metrics: counted by each worker, printed for all. */
#include <criterion/criterion.h>

#include <sys/wait.h>

#include <string.h>
#include <unistd.h>

#include "ct/metrics.h"

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

Test(metrics, workers_add_up)
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

Test(metrics, a_worker_started_again_keeps_counters_and_clears_gauges)
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

Test(metrics, buckets_are_cumulative)
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

Test(metrics, the_same_name_and_labels_are_the_same_metric)
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

Test(metrics, counting_before_there_is_anywhere_to_count_is_harmless)
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
