/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

static void reset_reads_zero(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	mini_set_common(&mini, 20, 1, 0);
	assert_int_equal(mini_device_status(&mini), 0);
	mini_set_common(&mini, 22, 2, 0);
	assert_int_equal(mini_common(&mini, 28, 2), 0);
	assert_int_equal(mini_common(&mini, 32, 8), 0);
	assert_int_equal(mini_common(&mini, 26, 2), VVU_NO_VECTOR);
	assert_int_equal(mini_common(&mini, 16, 2), VVU_NO_VECTOR);
	mini_destroy(&mini);
}

static void features_are_version_1_and_access_platform(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_common(&mini, 0, 4, 0);
	assert_int_equal(mini_common(&mini, 4, 4), 0);
	mini_set_common(&mini, 0, 4, 1);
	assert_int_equal(mini_common(&mini, 4, 4), 3);
	/* Words that do not exist, one of which would shift too far */
	mini_set_common(&mini, 0, 4, 2);
	assert_int_equal(mini_common(&mini, 4, 4), 0);
	mini_set_common(&mini, 0, 4, 0xffffffff);
	assert_int_equal(mini_common(&mini, 4, 4), 0);
	mini_set_common(&mini, 8, 4, 0xffffffff);
	mini_set_common(&mini, 12, 4, 0xffffffff);
	assert_int_equal(mini_common(&mini, 12, 4), 0);
	mini_destroy(&mini);
}

static uint8_t status_with_features(struct mini_driver *mini, uint32_t low, uint32_t high)
{
	mini_set_common(mini, 20, 1, 0);
	mini_set_common(mini, 20, 1, 3);
	mini_set_common(mini, 8, 4, 0);
	mini_set_common(mini, 12, 4, low);
	mini_set_common(mini, 8, 4, 1);
	mini_set_common(mini, 12, 4, high);
	mini_set_common(mini, 20, 1, 3 | 8);
	return mini_device_status(mini);
}

static void features_ok_needs_version_1(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(status_with_features(&mini, 0, 0), 3);
	assert_int_equal(status_with_features(&mini, 0, 2), 3);
	assert_int_equal(status_with_features(&mini, 0, 1), 3 | 8);
	assert_int_equal(status_with_features(&mini, 0, 3), 3 | 8);
	mini_destroy(&mini);
}

static void features_ok_refuses_what_was_not_offered(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(status_with_features(&mini, 1u << 28, 1), 3);
	assert_int_equal(status_with_features(&mini, 0, 1 | 1u << 8), 3);
	mini_destroy(&mini);
}

static void features_are_settled_with_features_ok(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(status_with_features(&mini, 0, 1), 3 | 8);
	mini_set_common(&mini, 12, 4, 0);
	assert_int_equal(mini_common(&mini, 12, 4), 1);
	mini_destroy(&mini);
}

static void driver_ok_needs_features_ok(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_common(&mini, 20, 1, 1 | 2 | 4);
	assert_int_equal(mini_device_status(&mini), 3);
	mini_destroy(&mini);
}

static void status_bits_are_cleared_by_reset_alone(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_common(&mini, 20, 1, 3);
	mini_set_common(&mini, 20, 1, 1);
	assert_int_equal(mini_device_status(&mini), 3);
	/* Bits that a driver cannot set: NEEDS_RESET, and those undefined */
	mini_set_common(&mini, 20, 1, 0x73);
	assert_int_equal(mini_device_status(&mini), 3);
	mini_set_common(&mini, 20, 1, 0x80);
	assert_int_equal(mini_device_status(&mini), 0x83);
	mini_destroy(&mini);
}

static void vectors_read_back_or_no_vector(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_common(&mini, 16, 2, 18);
	assert_int_equal(mini_common(&mini, 16, 2), 18);
	mini_set_common(&mini, 16, 2, 19);
	assert_int_equal(mini_common(&mini, 16, 2), VVU_NO_VECTOR);
	for (unsigned int queue = 0; queue < 2; queue++) {
		mini_set_common(&mini, 22, 2, queue);
		mini_set_common(&mini, 26, 2, 0);
		assert_int_equal(mini_common(&mini, 26, 2), 0);
		mini_set_common(&mini, 26, 2, 0xfffe);
		assert_int_equal(mini_common(&mini, 26, 2), VVU_NO_VECTOR);
	}
	mini_destroy(&mini);
}

static void two_queues_of_256(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(mini_common(&mini, 18, 2), 2);
	for (unsigned int queue = 0; queue < 2; queue++) {
		mini_set_common(&mini, 22, 2, queue);
		assert_int_equal(mini_common(&mini, 24, 2), 256);
		assert_int_equal(mini_common(&mini, 30, 2), queue);
	}
	mini_destroy(&mini);
}

static void queue_that_does_not_exist_has_size_0(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	for (unsigned int i = 0; i < 2; i++) {
		mini_set_common(&mini, 22, 2, i ? 0xffff : 2);
		assert_int_equal(mini_common(&mini, 24, 2), 0);
		assert_int_equal(mini_common(&mini, 26, 2), VVU_NO_VECTOR);
		mini_set_common(&mini, 26, 2, 1);
		mini_set_common(&mini, 28, 2, 1);
		mini_set_common(&mini, 32, 4, 0x1000);
		assert_int_equal(mini_common(&mini, 26, 2), VVU_NO_VECTOR);
		assert_int_equal(mini_common(&mini, 28, 2), 0);
		assert_int_equal(mini_common(&mini, 32, 4), 0);
	}
	mini_destroy(&mini);
}

static void queue_size_is_a_power_of_two_up_to_256(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_common(&mini, 24, 2, 64);
	assert_int_equal(mini_common(&mini, 24, 2), 64);
	mini_set_common(&mini, 24, 2, 0);
	mini_set_common(&mini, 24, 2, 65);
	mini_set_common(&mini, 24, 2, 512);
	assert_int_equal(mini_common(&mini, 24, 2), 64);
	mini_destroy(&mini);
}

static void addresses_take_halves_and_wholes(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	for (unsigned int at = 32; at <= 48; at += 8) {
		mini_set_common(&mini, at, 4, 0x11223340);
		mini_set_common(&mini, at + 4, 4, 0x55667788);
		assert_int_equal(mini_common(&mini, at, 8), 0x5566778811223340);
		assert_int_equal(mini_common(&mini, at + 4, 4), 0x55667788);
		mini_set_common(&mini, at, 8, 0x99aabbccddeeff00);
		assert_int_equal(mini_common(&mini, at, 4), 0xddeeff00);
		mini_set_common(&mini, at, 2, 0);
		mini_set_common(&mini, at + 2, 4, 0);
		assert_int_equal(mini_common(&mini, at, 8), 0x99aabbccddeeff00);
	}
	mini_destroy(&mini);
}

static void enabled_queue_does_not_change(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	mini_set_common(&mini, 22, 2, 0);
	mini_set_common(&mini, 24, 2, 2);
	mini_set_common(&mini, 32, 4, 0);
	mini_set_common(&mini, 28, 2, 0);
	assert_int_equal(mini_common(&mini, 24, 2), MINI_QUEUE_SIZE);
	assert_int_equal(mini_common(&mini, 32, 8), MINI_IOVA);
	assert_int_equal(mini_common(&mini, 28, 2), 1);
	mini_destroy(&mini);
}

static void queue_reset_is_not_offered(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	mini_set_common(&mini, 58, 2, 1);
	assert_int_equal(mini_common(&mini, 58, 2), 0);
	mini_set_common(&mini, 22, 2, 0);
	assert_int_equal(mini_common(&mini, 28, 2), 1);
	assert_int_equal(mini_common(&mini, 60, 4), 0);
	mini_destroy(&mini);
}

static void generation_moves_with_configuration(void **state)
{
	struct mini_driver mini;
	uint64_t generation;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	generation = mini_common(&mini, 21, 1);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	assert_int_not_equal(mini_common(&mini, 21, 1), generation);
	generation = mini_common(&mini, 21, 1);
	close(sock);
	mini_run(&mini);
	assert_int_not_equal(mini_common(&mini, 21, 1), generation);
	mini_set_common(&mini, 21, 1, 0);
	assert_int_not_equal(mini_common(&mini, 21, 1), generation);
	mini_destroy(&mini);
}

static void misplaced_rings_need_a_reset(void **state)
{
	static const struct {
		unsigned int at;
		uint64_t address;
	} bad[] = {
		{ 32, MINI_IOVA + 8 },		/* desc: 16 */
		{ 40, MINI_IOVA + 0x1001 },	/* avail: 2 */
		{ 48, MINI_IOVA + 0x2002 },	/* used: 4 */
		{ 32, 0 },			/* nowhere */
		{ 40, MINI_IOVA + MINI_DMA_BYTES - 2 },
		{ 48, UINT64_MAX - 3 },
	};
	struct mini_driver mini;

	mini_create(&mini);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mini_reset(&mini);
		mini_features_ok(&mini);
		mini_set_common(&mini, 22, 2, 0);
		mini_set_common(&mini, 32, 8, MINI_IOVA);
		mini_set_common(&mini, 40, 8, MINI_IOVA + 0x1000);
		mini_set_common(&mini, 48, 8, MINI_IOVA + 0x2000);
		mini_set_common(&mini, bad[i].at, 8, bad[i].address);
		mini_set_common(&mini, 28, 2, 1);
		assert_int_equal(mini_device_status(&mini), 1 | 2 | 8 | 0x40);
	}
	mini_reset(&mini);
	mini_start(&mini);
	mini_destroy(&mini);
}

static void accesses_outside_are_refused(void **state)
{
	struct mini_driver mini;
	uint64_t value;

	mini_create(&mini);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, 0x4000, 1, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, 0x3ffd, 4, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, UINT64_MAX, 8, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, 0, 3, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, 0, 0, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 1, 0, 4, &value), -EINVAL);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 7, 0, 4, 0), -EINVAL);
	/* Inside, but nothing is there */
	assert_int_equal(vvu_emb_bar_read(mini.emb, 4, 0x100, 4, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(vvu_emb_bar_read(mini.emb, 0, 0x100, 4, &value), 0);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 0, 0x100, 4, 1), 0);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_reads_zero),
		cmocka_unit_test(features_are_version_1_and_access_platform),
		cmocka_unit_test(features_ok_needs_version_1),
		cmocka_unit_test(features_ok_refuses_what_was_not_offered),
		cmocka_unit_test(features_are_settled_with_features_ok),
		cmocka_unit_test(driver_ok_needs_features_ok),
		cmocka_unit_test(status_bits_are_cleared_by_reset_alone),
		cmocka_unit_test(vectors_read_back_or_no_vector),
		cmocka_unit_test(two_queues_of_256),
		cmocka_unit_test(queue_that_does_not_exist_has_size_0),
		cmocka_unit_test(queue_size_is_a_power_of_two_up_to_256),
		cmocka_unit_test(addresses_take_halves_and_wholes),
		cmocka_unit_test(enabled_queue_does_not_change),
		cmocka_unit_test(queue_reset_is_not_offered),
		cmocka_unit_test(generation_moves_with_configuration),
		cmocka_unit_test(misplaced_rings_need_a_reset),
		cmocka_unit_test(accesses_outside_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
