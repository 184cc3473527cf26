/*
 * Assertions, which release builds keep.
 *
 * Assert the rules that this code itself keeps: the allowed changes of a state, the bounds of a batch, one answer for each
 * call. A worker that goes on with a broken rule may charge a card twice or sell a seat twice. Never assert on the input of
 * a client, the answer of a server or the network. Answer those with an error.
 *
 * If the condition is false, the process logs one line (file, line, condition, message) and aborts. Kore's parent starts
 * a new worker. The worker's requests get no answer, as in any crash. The line holds source text only, never a value, so
 * it cannot hold a secret.
 *
 * Use C's _Static_assert for rules that the compiler can check: sizes, and counts that must agree.
 */
#ifndef CT_ASSERT_H
#define CT_ASSERT_H

/* Evaluates `condition` exactly once, in all builds. */
#define CT_ASSERT(condition)							\
	((condition) ? (void)0 : ct_assert_fail(__FILE__, __LINE__, #condition, ""))

/* The same with a string literal that says which rule is broken. */
#define CT_ASSERT_MSG(condition, message)					\
	((condition) ? (void)0 : ct_assert_fail(__FILE__, __LINE__, #condition, "" message))

/* Logs and aborts; `message` may be empty. Called by the macros only. */
void	 ct_assert_fail(const char *file, int line, const char *condition, const char *message)
	     __attribute__((cold, noreturn));

#endif
