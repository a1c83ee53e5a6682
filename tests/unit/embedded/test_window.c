/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "proc.h"
#include "vvu-device/embedded/window.h"

#define PAGE 4096u
#define SIZE (1u << 20)

struct fixture {
	struct emb_window window;
	int fault_fd;
};

/* In the test itself, not in a setup: cmocka takes SIGBUS for itself between the two. */
static struct fixture *window_open(void)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->fault_fd = fe_eventfd();
	assert_int_equal(emb_window_init(&f->window, SIZE, f->fault_fd), 0);
	return f;
}

static void window_close(struct fixture *f)
{
	emb_window_fini(&f->window);
	close(f->fault_fd);
	test_free(f);
}

/* A file whose page i is filled with the byte first + i. */
static int numbered_file(uint8_t first, unsigned int pages)
{
	int fd = fe_memfd((size_t)pages * PAGE);
	uint8_t page[PAGE];

	for (unsigned int i = 0; i < pages; i++) {
		memset(page, first + (int)i, sizeof(page));
		assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)i * PAGE), PAGE);
	}
	return fd;
}

/* Does a read of @addr end the process with SIGSEGV? */
static bool faults(const volatile uint8_t *addr)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		(void)*addr;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void reservation_is_aligned_and_faults(void **state)
{
	struct fixture *f = window_open();

	assert_int_equal((uintptr_t)f->window.base % (1u << 30), 0);
	assert_true(faults(f->window.base));
	assert_true(faults(f->window.base + SIZE - 1));
	window_close(f);
}

static void mapping_shows_the_file_at_its_offset(void **state)
{
	struct fixture *f = window_open();
	int fd = numbered_file('a', 4);

	assert_int_equal(emb_window_map(&f->window, 3 * PAGE, 2 * PAGE, fd, PAGE), 0);
	assert_int_equal(f->window.base[3 * PAGE], 'b');
	assert_int_equal(f->window.base[5 * PAGE - 1], 'c');
	assert_true(faults(f->window.base + 3 * PAGE - 1));
	assert_true(faults(f->window.base + 5 * PAGE));
	/* Shared: what is written here is in the file. */
	f->window.base[3 * PAGE] = 'X';
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, PAGE), 1);
	assert_int_equal(byte, 'X');
	close(fd);
	/* and stays after the fd was closed. */
	assert_int_equal(f->window.base[4 * PAGE], 'c');
	window_close(f);
}

static void unmapping_restores_the_reservation(void **state)
{
	struct fixture *f = window_open();
	unsigned int before = proc_mappings();
	int fd = numbered_file('a', 4);

	assert_int_equal(emb_window_map(&f->window, PAGE, 4 * PAGE, fd, 0), 0);
	assert_int_equal(proc_mappings(), before + 2);
	emb_window_unmap(&f->window, PAGE, 4 * PAGE);
	assert_true(faults(f->window.base + PAGE));
	assert_int_equal(proc_mappings(), before);
	close(fd);
	window_close(f);
}

static void stale_addresses_show_zeros_where_asked_for(void **state)
{
	struct fixture *f = window_open();
	int fd = numbered_file('a', 4);

	f->window.stale_zeros = true;
	assert_int_equal(emb_window_map(&f->window, PAGE, 4 * PAGE, fd, 0), 0);
	assert_int_equal(f->window.base[PAGE], 'a');
	emb_window_unmap(&f->window, PAGE, 4 * PAGE);
	for (unsigned int i = PAGE; i < 5 * PAGE; i++)
		assert_int_equal(f->window.base[i], 0);
	/* What is written there is not in the file, and gone when the next comes. */
	f->window.base[PAGE] = 'X';
	assert_int_equal(emb_window_map(&f->window, PAGE, 4 * PAGE, fd, 0), 0);
	assert_int_equal(f->window.base[PAGE], 'a');
	/* Where nothing ever was, nobody has an address. */
	assert_true(faults(f->window.base));
	assert_true(faults(f->window.base + 5 * PAGE));
	close(fd);
	window_close(f);
}

struct released {
	void *base;
	size_t length;
};

static void keep(void *ctx, void *base, size_t length)
{
	struct released *released = ctx;

	released->base = base;
	released->length = length;
}

static void range_that_is_given_away_outlives_the_window(void **state)
{
	struct fixture *f = window_open();
	int fd = numbered_file('a', 1);
	struct released released = { NULL, 0 };
	uint8_t *base = f->window.base;

	f->window.stale_zeros = true;
	f->window.release = keep;
	f->window.release_ctx = &released;
	assert_int_equal(emb_window_map(&f->window, PAGE, PAGE, fd, 0), 0);
	emb_window_unmap(&f->window, PAGE, PAGE);
	window_close(f);
	assert_ptr_equal(released.base, base);
	assert_int_equal(released.length, SIZE);
	assert_int_equal(base[PAGE], 0);
	assert_int_equal(munmap(released.base, released.length), 0);
	close(fd);
}

static void illegal_ranges_are_refused(void **state)
{
	struct fixture *f = window_open();
	int fd = numbered_file('a', 4);

	assert_int_equal(emb_window_map(&f->window, 0, 0, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, 1, PAGE, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, 0, PAGE + 1, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, 0, PAGE, fd, 17), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, SIZE, PAGE, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, SIZE - PAGE, 2 * PAGE, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, UINT64_MAX - PAGE + 1, PAGE, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&f->window, 0, PAGE, -1, 0), -EINVAL);
	emb_window_unmap(&f->window, SIZE, PAGE);
	emb_window_unmap(&f->window, UINT64_MAX, PAGE);
	assert_true(faults(f->window.base));
	close(fd);
	window_close(f);
}

static void failed_mapping_leaves_no_hole(void **state)
{
	struct fixture *f = window_open();
	unsigned int before = proc_mappings();
	int pipe_fd[2];

	/* A pipe has no mmap. */
	assert_int_equal(pipe(pipe_fd), 0);
	assert_true(emb_window_map(&f->window, PAGE, PAGE, pipe_fd[0], 0) < 0);
	assert_int_equal(proc_mappings(), before);
	assert_true(faults(f->window.base + PAGE));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	window_close(f);
}

static void replacement_has_nothing_between(void **state)
{
	struct fixture *f = window_open();
	int old = numbered_file('a', 4), new = numbered_file('p', 2);

	assert_int_equal(emb_window_map(&f->window, 0, 4 * PAGE, old, 0), 0);
	emb_window_begin(&f->window);
	emb_window_unmap(&f->window, 0, 4 * PAGE);
	/* Not yet */
	assert_int_equal(f->window.base[0], 'a');
	assert_int_equal(emb_window_map(&f->window, PAGE, 2 * PAGE, new, 0), 0);
	assert_int_equal(f->window.base[PAGE], 'p');
	emb_window_commit(&f->window);
	assert_true(faults(f->window.base));
	assert_int_equal(f->window.base[PAGE], 'p');
	assert_int_equal(f->window.base[3 * PAGE - 1], 'q');
	assert_true(faults(f->window.base + 3 * PAGE));
	close(old);
	close(new);
	window_close(f);
}

static void several_replacements_in_one_batch(void **state)
{
	struct fixture *f = window_open();
	int old = numbered_file('a', 8), new = numbered_file('p', 8);

	assert_int_equal(emb_window_map(&f->window, 0, 8 * PAGE, old, 0), 0);
	emb_window_begin(&f->window);
	emb_window_unmap(&f->window, 0, 8 * PAGE);
	/* In no order, one of them reaching out at the end */
	assert_int_equal(emb_window_map(&f->window, 4 * PAGE, PAGE, new, 4 * PAGE), 0);
	assert_int_equal(emb_window_map(&f->window, PAGE, PAGE, new, PAGE), 0);
	assert_int_equal(emb_window_map(&f->window, 7 * PAGE, 2 * PAGE, new, 0), 0);
	emb_window_commit(&f->window);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(faults(f->window.base + i * PAGE), !(i == 1 || i == 4 || i >= 7));
	close(old);
	close(new);
	window_close(f);
}

static void mapping_taken_back_in_its_batch(void **state)
{
	struct fixture *f = window_open();
	int old = numbered_file('a', 2), new = numbered_file('p', 2);

	assert_int_equal(emb_window_map(&f->window, 0, 2 * PAGE, old, 0), 0);
	emb_window_begin(&f->window);
	assert_int_equal(emb_window_map(&f->window, 4 * PAGE, 2 * PAGE, new, 0), 0);
	emb_window_unmap(&f->window, 4 * PAGE, 2 * PAGE);
	emb_window_commit(&f->window);
	assert_int_equal(f->window.base[0], 'a');
	assert_true(faults(f->window.base + 4 * PAGE));
	close(old);
	close(new);
	window_close(f);
}

static void hugetlb_file_needs_huge_multiples(void **state)
{
	struct emb_window window;
	size_t huge = 2u << 20;
	int fault_fd;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	void *probe = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)(2 * huge)) == 0)
		probe = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (probe == MAP_FAILED) {
		print_message("no free 2 MiB huge pages\n");
		if (fd >= 0)
			close(fd);
		skip();
	}
	memset(probe, 'h', 2 * huge);
	munmap(probe, 2 * huge);
	fault_fd = fe_eventfd();
	assert_int_equal(emb_window_init(&window, 8 * huge, fault_fd), 0);
	assert_int_equal(emb_window_map(&window, PAGE, huge, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&window, 0, PAGE, fd, 0), -EINVAL);
	assert_int_equal(emb_window_map(&window, huge, 2 * huge, fd, 0), 0);
	assert_int_equal(window.base[huge], 'h');
	/* A page that cannot be cut out by 4 KiB is replaced whole. */
	assert_int_equal(ftruncate(fd, (off_t)huge), 0);
	assert_int_equal(window.base[2 * huge + 5], 0);
	assert_int_equal(window.base[huge], 'h');
	assert_int_equal(mini_eventfd(fault_fd), 1);
	emb_window_unmap(&window, huge, 2 * huge);
	emb_window_fini(&window);
	close(fault_fd);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservation_is_aligned_and_faults),
		cmocka_unit_test(mapping_shows_the_file_at_its_offset),
		cmocka_unit_test(unmapping_restores_the_reservation),
		cmocka_unit_test(stale_addresses_show_zeros_where_asked_for),
		cmocka_unit_test(range_that_is_given_away_outlives_the_window),
		cmocka_unit_test(illegal_ranges_are_refused),
		cmocka_unit_test(failed_mapping_leaves_no_hole),
		cmocka_unit_test(replacement_has_nothing_between),
		cmocka_unit_test(several_replacements_in_one_batch),
		cmocka_unit_test(mapping_taken_back_in_its_batch),
		cmocka_unit_test(hugetlb_file_needs_huge_multiples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
