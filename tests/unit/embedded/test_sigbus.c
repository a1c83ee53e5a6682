/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE	4096u
#define SIZE	(64u * PAGE)

/*
 * The compiler must not think that it knows what is there. TSan takes the mmap() that
 * replaces a page for a write that races with this; for the kernel it is one step.
 */
__attribute__((noinline, no_sanitize_thread))
static uint8_t load(const volatile uint8_t *addr)
{
	return *addr;
}

static uint8_t *window_of(struct mini_driver *mini)
{
	uint8_t *window = vvu_emb_bar_map(mini->emb, 0, mini->shm[1].offset, SIZE);

	assert_non_null(window);
	return window;
}

static int session_with_memory(struct mini_driver *mini, int *memfd)
{
	int sock = fe_session(mini);

	*memfd = fe_memfd(SIZE);
	assert_int_equal(pwrite(*memfd, "first", 5, 0), 5);
	assert_int_equal(pwrite(*memfd, "last", 4, SIZE - PAGE), 4);
	fe_set_mem_table(mini, sock, *memfd, SIZE);
	assert_memory_equal(window_of(mini), "first", 5);
	return sock;
}

static void truncated_page_reads_zero_and_disconnects(void **state)
{
	struct mini_driver mini;
	struct vvu_device_status status;
	uint8_t *window;
	int sock, memfd;

	mini_create(&mini);
	sock = session_with_memory(&mini, &memfd);
	window = window_of(&mini);
	assert_memory_equal(window + SIZE - PAGE, "last", 4);
	assert_int_equal(ftruncate(memfd, PAGE), 0);
	assert_int_equal(load(window + SIZE - PAGE), 0);
	/* Pages that are still there keep their contents. */
	assert_memory_equal(window, "first", 5);
	assert_false(fe_closed(sock));
	mini_run(&mini);
	assert_true(fe_closed(sock));
	assert_int_equal(mini_status(&mini), 0);
	vvu_emb_query(mini.emb, &status);
	assert_non_null(strstr(status.last_disconnect.text, "0x3f000"));
	assert_non_null(strstr(status.last_disconnect.text, "truncated"));
	close(sock);
	close(memfd);
	mini_destroy(&mini);
}

static void write_to_a_truncated_page_survives(void **state)
{
	struct mini_driver mini;
	uint8_t *window;
	int sock, memfd;

	mini_create(&mini);
	sock = session_with_memory(&mini, &memfd);
	window = window_of(&mini);
	assert_int_equal(ftruncate(memfd, 0), 0);
	memset(window, 0x5a, SIZE);
	assert_int_equal(load(window + SIZE - 1), 0x5a);
	mini_run(&mini);
	assert_true(fe_closed(sock));
	close(sock);
	close(memfd);
	mini_destroy(&mini);
}

static void next_frontend_is_served_after_a_fault(void **state)
{
	struct mini_driver mini;
	int sock, memfd;

	mini_create(&mini);
	for (unsigned int i = 0; i < 3; i++) {
		sock = session_with_memory(&mini, &memfd);
		assert_int_equal(ftruncate(memfd, 0), 0);
		load(window_of(&mini) + PAGE);
		mini_run(&mini);
		assert_true(fe_closed(sock));
		close(sock);
		close(memfd);
	}
	mini_destroy(&mini);
}

/* A thread of the driver touched the old window after its frontend had gone. */
static void late_fault_does_not_hit_the_next_frontend(void **state)
{
	struct mini_driver mini;
	int sock, next, memfd;

	mini_create(&mini);
	sock = session_with_memory(&mini, &memfd);
	close(sock);
	mini_run(&mini);
	assert_int_equal(ftruncate(memfd, 0), 0);
	load(window_of(&mini));
	mini_backend_up(&mini, true);
	next = fe_connect(mini.path);
	mini_run(&mini);
	assert_false(fe_closed(next));
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	close(next);
	close(memfd);
	mini_destroy(&mini);
}

static void fault_hits_the_device_that_owns_the_page(void **state)
{
	struct mini_driver a, b;
	int sock_a, sock_b, memfd_a, memfd_b;

	mini_create(&a);
	mini_create(&b);
	sock_a = session_with_memory(&a, &memfd_a);
	sock_b = session_with_memory(&b, &memfd_b);
	assert_int_equal(ftruncate(memfd_b, 0), 0);
	load(window_of(&b));
	mini_run(&a);
	mini_run(&b);
	assert_false(fe_closed(sock_a));
	assert_true(fe_closed(sock_b));
	mini_destroy(&b);
	assert_int_equal(ftruncate(memfd_a, 0), 0);
	load(window_of(&a));
	mini_run(&a);
	assert_true(fe_closed(sock_a));
	mini_destroy(&a);
	close(sock_a);
	close(sock_b);
	close(memfd_a);
	close(memfd_b);
}

static void *touch_all(void *arg)
{
	const uint8_t *window = arg;
	unsigned int sum = 0;

	for (unsigned int at = 0; at < SIZE; at += PAGE)
		sum += load(window + at);
	return (void *)(uintptr_t)sum;
}

static void threads_fault_on_the_same_pages(void **state)
{
	struct mini_driver mini;
	pthread_t thread[2];
	void *sum;
	int sock, memfd;

	mini_create(&mini);
	sock = session_with_memory(&mini, &memfd);
	assert_int_equal(ftruncate(memfd, 0), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, touch_all, window_of(&mini)), 0);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(thread[i], &sum);
		assert_null(sum);
	}
	mini_run(&mini);
	assert_true(fe_closed(sock));
	close(sock);
	close(memfd);
	mini_destroy(&mini);
}

static sigjmp_buf elsewhere;
static void *seen_addr;

static void own_handler(int signo, siginfo_t *info, void *context)
{
	seen_addr = info->si_addr;
	siglongjmp(elsewhere, 1);
}

/* SIGBUS on memory that is no window: the program's own handler, set up before, has it. */
static void handler_of_the_program_still_works(void **state)
{
	struct sigaction own = { .sa_sigaction = own_handler, .sa_flags = SA_SIGINFO }, old, now;
	struct mini_driver mini;
	int fd = fe_memfd(PAGE);
	uint8_t *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(page != MAP_FAILED);
	assert_int_equal(sigaction(SIGBUS, &own, &old), 0);
	mini_create(&mini);
	assert_int_equal(ftruncate(fd, 0), 0);
	if (sigsetjmp(elsewhere, 1) == 0) {
		load(page);
		fail_msg("a truncated page was read");
	}
	assert_ptr_equal(seen_addr, page);
	mini_destroy(&mini);
	/* and is back in its place when the last device is gone. */
	assert_int_equal(sigaction(SIGBUS, &old, &now), 0);
	assert_ptr_equal(now.sa_sigaction, own_handler);
	munmap(page, PAGE);
	close(fd);
}

/* Ends of a child that does @what with a device in the process. */
static int end_of_child(void (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct mini_driver mini;

		signal(SIGBUS, SIG_DFL);
		mini_create(&mini);
		/* It will not get to that. */
		unlink(mini.path);
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void read_truncated_page(void)
{
	int fd = fe_memfd(PAGE);
	uint8_t *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) == 0)
		load(page);
}

static void send_sigbus(void)
{
	raise(SIGBUS);
}

static void sigbus_elsewhere_still_ends_the_process(void **state)
{
	int status = end_of_child(read_truncated_page);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void sigbus_that_was_sent_still_ends_the_process(void **state)
{
	int status = end_of_child(send_sigbus);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void compare_addr(int signo, siginfo_t *info, void *context)
{
	_exit(info->si_addr == seen_addr ? 0 : 1);
}

/* User-mode emulation reports the fault addresses of its own process, not of ours. */
static bool fault_addresses_are_true(void)
{
	struct sigaction action = { .sa_sigaction = compare_addr, .sa_flags = SA_SIGINFO };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = memfd_create("probe", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, PAGE) < 0)
			_exit(1);
		seen_addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		sigaction(SIGBUS, &action, NULL);
		if (ftruncate(fd, 0) == 0)
			load(seen_addr);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_page_reads_zero_and_disconnects),
		cmocka_unit_test(write_to_a_truncated_page_survives),
		cmocka_unit_test(next_frontend_is_served_after_a_fault),
		cmocka_unit_test(late_fault_does_not_hit_the_next_frontend),
		cmocka_unit_test(fault_hits_the_device_that_owns_the_page),
		cmocka_unit_test(threads_fault_on_the_same_pages),
		cmocka_unit_test(handler_of_the_program_still_works),
		cmocka_unit_test(sigbus_elsewhere_still_ends_the_process),
		cmocka_unit_test(sigbus_that_was_sent_still_ends_the_process),
	};

	if (!fault_addresses_are_true()) {
		print_message("SIGBUS comes without a true address here: emulation\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
