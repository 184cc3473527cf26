/* Who was heard of lately: for at least a sixteenth and less than an eighth of the patience. */
#include <criterion/criterion.h>

#include "ct/loop.h"
#include "heard.h"
#include "loop_poll.h"
#include "store.h"

struct store_settings	store_settings = { .patience_us = 3200000 };	/* sixteenths of 200 ms */

static struct ct_queue_token
place(int user, uint64_t seq)
{
	struct ct_queue_token	token = { .seq = seq };

	token.user.bytes[8] = 0x80;
	token.user.bytes[14] = (uint8_t)(user >> 8);
	token.user.bytes[15] = (uint8_t)user;
	return (token);
}

static bool
is_forgotten(void *token)
{
	return (!heard_lately(token));
}

Test(heard, a_place_is_remembered_for_a_while)
{
	struct ct_queue_token	token = place(1, 1700000000000001);
	uint64_t		noted;

	cr_assert_not(heard_lately(&token));
	noted = ct_loop_now_ms();
	heard_note(&token);
	cr_assert(heard_lately(&token));
	cr_assert(loop_poll_until(is_forgotten, &token, 5000), "for ever");
	cr_assert_geq(ct_loop_now_ms() - noted, 200);
	heard_note(&token);
	cr_assert(heard_lately(&token));
}

Test(heard, another_place_of_the_user_and_the_place_of_another_are_others)
{
	struct ct_queue_token	token = place(1, 1700000000000001), again = place(1, 1700000000000002);

	heard_note(&token);
	cr_assert_not(heard_lately(&again));
	for (int user = 2; user < 20000; user++) {
		struct ct_queue_token	other = place(user, 1700000000000001);

		cr_assert_not(heard_lately(&other), "user %d", user);
	}
}
