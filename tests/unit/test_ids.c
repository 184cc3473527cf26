/* UUIDs and base64url. */
#include <criterion/criterion.h>

#include <sys/wait.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ids.h"

Test(ids, new_uuid_has_version_7_and_the_time)
{
	struct ct_uuid	uuid;
	uint64_t	ms = 0;
	int		i;

	ct_uuid_v7(&uuid);
	for (i = 0; i < 6; i++)
		ms = ms << 8 | uuid.bytes[i];
	cr_assert_eq(uuid.bytes[6] >> 4, 7);
	cr_assert_eq(uuid.bytes[8] >> 6, 2);
	cr_assert_leq(ms / 1000, (uint64_t)time(NULL) + 1);
	cr_assert_geq(ms / 1000 + 2, (uint64_t)time(NULL));
}

Test(ids, ten_thousand_new_uuids_are_different)
{
	static struct ct_uuid	all[10000];
	int			i, j;

	for (i = 0; i < 10000; i++) {
		ct_uuid_v7(&all[i]);
		for (j = i > 200 ? i - 200 : 0; j < i; j++)
			cr_assert_neq(memcmp(&all[i], &all[j], sizeof(all[0])), 0);
	}
}

Test(ids, forked_child_makes_other_uuids_than_its_parent)
{
	struct ct_uuid	mine, childs;
	int		ends[2];
	pid_t		pid;

	ct_uuid_v7(&mine);	/* fills the pool before the fork */
	cr_assert_eq(pipe(ends), 0);
	if ((pid = fork()) == 0) {
		ct_uuid_v7(&childs);
		_exit(write(ends[1], &childs, sizeof(childs)) == (ssize_t)sizeof(childs) ? 0 : 1);
	}
	cr_assert_eq(read(ends[0], &childs, sizeof(childs)), (ssize_t)sizeof(childs));
	(void)waitpid(pid, NULL, 0);
	ct_uuid_v7(&mine);
	cr_assert_neq(memcmp(mine.bytes + 8, childs.bytes + 8, 8), 0);
}

Test(ids, uuid_of_any_case_is_written_in_lower_case)
{
	struct ct_uuid	uuid;
	char		text[CT_UUID_TEXT];

	cr_assert(ct_uuid_parse("0190A0b0-C0d0-7000-8000-00000000AbCd", &uuid));
	ct_uuid_format(&uuid, text);
	cr_assert_str_eq(text, "0190a0b0-c0d0-7000-8000-00000000abcd");
	cr_assert(ct_uuid_parse("f47ac10b-58cc-4372-a567-0e02b2c3d479", &uuid), "version 4");
}

Test(ids, invalid_uuid_is_refused_and_changes_nothing)
{
	static const char *const	wrong[] = { "", "x", "0190a0b0-c0d0-7000-8000-00000000abc",
		"0190a0b0-c0d0-7000-8000-00000000abcde", "0190a0b0c0d070008000-00000000abcd0000",
		"0190a0b0-c0d0-7000-8000-00000000abcg", "{190a0b0-c0d0-7000-8000-00000000abcd}",
		" 190a0b0-c0d0-7000-8000-00000000abcd", "0190a0b0-c0d07-000-8000-00000000abcd",
		"0190a0b0c0d0700080000000000000abcd", "0190a0b0-c0d0-7000-8000-00000000abcd\n" };
	struct ct_uuid			uuid, before;
	size_t				i;

	memset(&uuid, 0x5a, sizeof(uuid));
	before = uuid;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_not(ct_uuid_parse(wrong[i], &uuid), "%s", wrong[i]);
		cr_assert_eq(memcmp(&uuid, &before, sizeof(uuid)), 0);
	}
}

Test(ids, base64url_decodes_to_what_was_encoded)
{
	unsigned char	data[80], back[80];
	char		text[128];
	size_t		i, length;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 37 + 250);
	for (length = 0; length <= sizeof(data); length++) {
		cr_assert_eq(ct_base64url_encode(data, length, text), ct_base64url_length(length));
		cr_assert_eq(strlen(text), ct_base64url_length(length));
		cr_assert_eq(ct_base64url_decode(text, strlen(text), back, length), (long)length);
		cr_assert_eq(memcmp(data, back, length), 0);
		if (length > 0)
			cr_assert_eq(ct_base64url_decode(text, strlen(text), back, length - 1), -1, "no room");
	}
	(void)ct_base64url_encode("\xfb\xff", 2, text);
	cr_assert_str_eq(text, "-_8");
}

Test(ids, second_base64url_text_of_a_value_is_refused)
{
	char	out[16];

	cr_assert_eq(ct_base64url_decode("AAB", 3, out, sizeof(out)), -1, "bits left over");
	cr_assert_eq(ct_base64url_decode("AB", 2, out, sizeof(out)), -1, "bits left over");
	cr_assert_eq(ct_base64url_decode("A", 1, out, sizeof(out)), -1, "impossible length");
	cr_assert_eq(ct_base64url_decode("AA==", 4, out, sizeof(out)), -1, "padding");
	cr_assert_eq(ct_base64url_decode("AA A", 4, out, sizeof(out)), -1, "space");
	cr_assert_eq(ct_base64url_decode("AA+/", 4, out, sizeof(out)), -1, "the other alphabet");
	cr_assert_eq(ct_base64url_decode("AAAA", 4, out, sizeof(out)), 3);
}
