/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#define ISR_QUEUE	1
#define ISR_CONFIG	2
#define CONTROL_ENABLE	0x8000
#define CONTROL_MASK	0x4000

static void set_control(struct mini_driver *mini, uint16_t control)
{
	mini_set_cfg(mini, mini->msix.at + 2, 2, control);
}

static void mask_vector(struct mini_driver *mini, unsigned int vector, bool masked)
{
	mini_write(mini, &mini->msix, 16 * vector + 12, 4, masked);
}

static bool is_pending(struct mini_driver *mini, unsigned int vector)
{
	uint64_t value;

	assert_int_equal(vvu_emb_bar_read(mini->emb, mini->msix.bar,
					  mini->msix.extra + vector / 32 * 4, 4, &value),
			 0);
	return value >> (vector % 32) & 1;
}

static uint8_t read_isr(struct mini_driver *mini)
{
	return (uint8_t)mini_read(mini, &mini->cap[3], 0, 1);
}

/* A frontend comes and goes: two configuration interrupts. */
static void change_config(struct mini_driver *mini)
{
	int sock;

	mini_backend_up(mini, true);
	sock = fe_connect(mini->path);
	mini_run(mini);
	close(sock);
	mini_run(mini);
}

static void table_starts_masked(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	for (unsigned int i = 0; i < vvu_emb_num_vectors(mini.emb); i++) {
		assert_int_equal(mini_read(&mini, &mini.msix, 16 * i, 8), 0);
		assert_int_equal(mini_read(&mini, &mini.msix, 16 * i + 8, 8), 1ull << 32);
	}
	mini_destroy(&mini);
}

static void table_keeps_messages(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_write(&mini, &mini.msix, 16, 8, 0x1122334455667788);
	mini_write(&mini, &mini.msix, 24, 4, 0xcafe);
	mini_write(&mini, &mini.msix, 28, 4, 0xfffffffe);
	assert_int_equal(mini_read(&mini, &mini.msix, 16, 8), 0x1122334455667788);
	assert_int_equal(mini_read(&mini, &mini.msix, 24, 4), 0xcafe);
	assert_int_equal(mini_read(&mini, &mini.msix, 28, 4), 0);
	mini_destroy(&mini);
}

static void vectors_signal_their_eventfd(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	change_config(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 2);
	assert_int_equal(mini_irq(&mini, MINI_VEC_RXQ), 0);
	assert_int_equal(mini_irq(&mini, MINI_VEC_TXQ), 0);
	mini_destroy(&mini);
}

static void interrupt_before_the_eventfd_is_asked_for_is_kept(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	change_config(&mini);
	/* mini_irq() is the first to ask */
	assert_int_not_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	assert_int_equal(vvu_emb_irq_fd(mini.emb, 19), -EINVAL);
	mini_destroy(&mini);
}

static void disabled_msix_signals_nothing(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	set_control(&mini, 0);
	change_config(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	assert_false(is_pending(&mini, MINI_VEC_CONFIG));
	assert_true(read_isr(&mini) & ISR_CONFIG);
	mini_destroy(&mini);
}

static void masked_vector_is_pending_until_unmasked(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	mask_vector(&mini, MINI_VEC_CONFIG, true);
	change_config(&mini);
	assert_true(is_pending(&mini, MINI_VEC_CONFIG));
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	mask_vector(&mini, MINI_VEC_CONFIG, false);
	assert_false(is_pending(&mini, MINI_VEC_CONFIG));
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 1);
	mini_destroy(&mini);
}

static void function_mask_masks_all(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	set_control(&mini, CONTROL_ENABLE | CONTROL_MASK);
	change_config(&mini);
	assert_true(is_pending(&mini, MINI_VEC_CONFIG));
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	set_control(&mini, CONTROL_ENABLE);
	assert_false(is_pending(&mini, MINI_VEC_CONFIG));
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 1);
	mini_destroy(&mini);
}

static void pending_bits_are_read_only(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 2, mini.msix.extra, 8, UINT64_MAX), 0);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 0);
	assert_false(is_pending(&mini, MINI_VEC_CONFIG));
	mini_destroy(&mini);
}

static void pending_bit_beyond_the_first_64(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	config.vectors = 100;
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_set_common(&mini, 16, 2, 99);
	mask_vector(&mini, 99, true);
	change_config(&mini);
	assert_true(is_pending(&mini, 99));
	assert_false(is_pending(&mini, 98));
	mask_vector(&mini, 99, false);
	assert_int_equal(mini_irq(&mini, 99), 1);
	mini_destroy(&mini);
}

static void isr_is_cleared_by_reading(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	read_isr(&mini);
	change_config(&mini);
	assert_int_equal(read_isr(&mini) & ISR_CONFIG, ISR_CONFIG);
	assert_int_equal(read_isr(&mini), 0);
	mini_destroy(&mini);
}

static void isr_tells_queue_from_config_under_msix(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	assert_int_equal(read_isr(&mini), ISR_CONFIG);
	fe_send(sock, 1, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	assert_int_equal(read_isr(&mini), ISR_QUEUE);
	close(sock);
	mini_destroy(&mini);
}

static void avail_flag_suppresses_the_queue_interrupt(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	mini.queue[VVU_RXQ].avail[0] = htole16(1);
	fe_send(sock, 1, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	assert_int_equal(mini_irq(&mini, MINI_VEC_RXQ), 0);
	mini.queue[VVU_RXQ].avail[0] = 0;
	fe_send(sock, 3, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 2);
	assert_int_equal(mini_irq(&mini, MINI_VEC_RXQ), 1);
	close(sock);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_starts_masked),
		cmocka_unit_test(table_keeps_messages),
		cmocka_unit_test(vectors_signal_their_eventfd),
		cmocka_unit_test(interrupt_before_the_eventfd_is_asked_for_is_kept),
		cmocka_unit_test(disabled_msix_signals_nothing),
		cmocka_unit_test(masked_vector_is_pending_until_unmasked),
		cmocka_unit_test(function_mask_masks_all),
		cmocka_unit_test(pending_bits_are_read_only),
		cmocka_unit_test(pending_bit_beyond_the_first_64),
		cmocka_unit_test(isr_is_cleared_by_reading),
		cmocka_unit_test(isr_tells_queue_from_config_under_msix),
		cmocka_unit_test(avail_flag_suppresses_the_queue_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
