/* The business numbers in /metrics (background/event_counts.h, card/card_declines.h). No other test runs beside these. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "provider.h"

static const char *const	numbers[] = {
	"payments_total{method=\"point\",outcome=\"approved\"}", "payments_total{method=\"card\",outcome=\"approved\"}",
	"payments_total{method=\"point\",outcome=\"failed\"}", "payments_total{method=\"card\",outcome=\"failed\"}",
	"payments_won_total{method=\"point\"}", "payments_won_total{method=\"card\"}",
	"refunds_total{method=\"point\"}", "refunds_total{method=\"card\"}",
	"refunds_won_total{method=\"point\"}", "refunds_won_total{method=\"card\"}",
	"declines_total{reason=\"INSUFFICIENT_POINTS\"}", "declines_total{reason=\"CARD_DECLINED\"}", "declines_total{reason=\"other\"}",
	"holds_total", "holds_unpaid_total{end=\"cancelled\"}", "tickets_sold_total", "tickets_returned_total", "points_charged_won_total",
	"card_declines_total{what=\"payment\",reason=\"REJECT_CARD_COMPANY\"}",
	"card_declines_total{what=\"payment\",reason=\"other\"}",
};
#define NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

/* Any worker may relay the events, so each number is the sum over all instances. */
static void
read_numbers(int64_t values_r[NUMBERS])
{
	static const char *const	services[] = { "queue", "reservation", "payment", "point" };

	for (size_t i = 0; i < NUMBERS; i++)
		values_r[i] = 0;
	for (size_t s = 0; s < 4; s++) {
		struct reply	 reply = http((struct call){ .base = direct(services[s]), .path = "/metrics" });
		const char	*found;

		check_status(reply, 200);
		for (size_t i = 0; i < NUMBERS; i++) {
			found = strstr(reply.body, format("\n%s ", numbers[i]));
			if (found != NULL)
				values_r[i] += atoll(found + strlen(numbers[i]) + 2);
		}
	}
}

/* Waits until every event is relayed, so that nothing of earlier tests is counted later. */
static void
settle_numbers(int64_t values_r[NUMBERS])
{
	int64_t	again[NUMBERS];

	wait_for(is(sql("SELECT count(*) FROM platform.outbox"), "0"), 60);
	do {
		read_numbers(values_r);
		pause_ms(500);
		read_numbers(again);
	} while (memcmp(values_r, again, sizeof(again)) != 0);
}

static int64_t
moved(const int64_t *before, const int64_t *now, const char *name)
{
	size_t	i;

	for (i = 0; i < NUMBERS && strcmp(numbers[i], name) != 0; i++)
		continue;
	cr_assert_lt(i, NUMBERS, "%s is not one of the numbers", name);
	return (now[i] - before[i]);
}

Test(restart, business_numbers_move_by_exactly_what_was_done, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(2, 2);
	struct user	 user = user_new(), other = user_new(), poor = user_new();
	int64_t		 before[NUMBERS], now[NUMBERS], by_points, by_card, unpaid;
	char		*points, *card, *hold, *payment, *key = key_new();
	struct reply	 reply;
	bool		 told;

	settle_numbers(before);

	check_status(charge(&user, 500000, key_new()), 201);
	points = hold_new(&user, &schedule, 0, 2, &by_points);
	for (int i = 0; i < 2; i++)	/* the second answer is a replay and counts nothing */
		check_status(pay(&user, points, by_points, key), 201);

	card = hold_new(&other, &schedule, 2, 1, &by_card);
	payment = card_new();
	set_provider_behaviour(payment, "confirm", "decline:REJECT_CARD_COMPANY", 1);
	reply = pay_by_card(&other, card, by_card, payment, key_new());
	check_declined(&reply, "REJECT_CARD_COMPANY");
	/* If the answer came too late, the reason is that of the look-up. */
	told = is(text_at(reply.json, "providerCode"), "REJECT_CARD_COMPANY");
	reply = pay_by_card(&other, card, by_card, card_new(), key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));

	hold = hold_new(&poor, &schedule, 3, 1, &unpaid);
	reply = pay(&poor, hold, unpaid, key_new());
	check_problem(reply, 402, "INSUFFICIENT_POINTS");
	check_status(cancel_reservation(&poor, hold), 200);

	check_status(cancel_reservation(&other, card), 200);
	wait_for(is(payment_status(&other, payment), "REFUNDED"), CERTAIN_SECONDS);

	wait_for((read_numbers(now), moved(before, now, "refunds_won_total{method=\"card\"}") != 0), 60);
	settle_numbers(now);
	cr_expect_eq(moved(before, now, "payments_total{method=\"point\",outcome=\"approved\"}"), 1);
	cr_expect_eq(moved(before, now, "payments_total{method=\"card\",outcome=\"approved\"}"), 1);
	cr_expect_eq(moved(before, now, "payments_total{method=\"point\",outcome=\"failed\"}"), 1);
	cr_expect_eq(moved(before, now, "payments_total{method=\"card\",outcome=\"failed\"}"), 1);
	cr_expect_eq(moved(before, now, "payments_won_total{method=\"point\"}"), by_points);
	cr_expect_eq(moved(before, now, "payments_won_total{method=\"card\"}"), by_card);
	cr_expect_eq(moved(before, now, "refunds_total{method=\"point\"}"), 0);
	cr_expect_eq(moved(before, now, "refunds_total{method=\"card\"}"), 1);
	cr_expect_eq(moved(before, now, "refunds_won_total{method=\"card\"}"), by_card);
	cr_expect_eq(moved(before, now, "declines_total{reason=\"INSUFFICIENT_POINTS\"}"), 1);
	cr_expect_eq(moved(before, now, "declines_total{reason=\"CARD_DECLINED\"}"), 1);
	cr_expect_eq(moved(before, now, "declines_total{reason=\"other\"}"), 0);
	cr_expect_eq(moved(before, now, "holds_total"), 3);
	cr_expect_eq(moved(before, now, "holds_unpaid_total{end=\"cancelled\"}"), 1);
	cr_expect_eq(moved(before, now, "tickets_sold_total"), 3);
	cr_expect_eq(moved(before, now, "tickets_returned_total"), 1);
	cr_expect_eq(moved(before, now, "points_charged_won_total"), 500000);
	cr_expect_eq(moved(before, now, "card_declines_total{what=\"payment\",reason=\"REJECT_CARD_COMPANY\"}"), told);
	cr_expect_eq(moved(before, now, "card_declines_total{what=\"payment\",reason=\"other\"}"), !told);
}

Test(restart, events_of_lost_stream_are_not_counted_twice, .timeout = 300)
{
	int64_t	before[NUMBERS], now[NUMBERS], again = 0;
	static const char *const	services[] = { "queue", "reservation", "payment", "point" };

	settle_numbers(before);
	for (int i = 0; i < 4; i++)
		again += metric_sum(services[i], "events_again_total ");
	/* The stream alone is lost; the database has the events of the last hour. */
	cr_assert_eq(system("deploy/local/redis-cli DEL events >/dev/null"), 0);
	wait_for(({
		int64_t	sum = 0;

		for (int i = 0; i < 4; i++)
			sum += metric_sum(services[i], "events_again_total ");
		sum > again;
	}), 60);
	settle_numbers(now);
	cr_assert_eq(memcmp(before, now, sizeof(now)), 0);
}
