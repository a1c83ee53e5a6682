/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vvu-device/fd_check.h"

static void eventfd_passes_and_becomes_non_blocking(void **state)
{
	struct vhu_reason reason;
	int fd = make_eventfd();

	assert_int_equal(vvu_fd_check_eventfd(fd, "CALL", &reason), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

static void everything_else_is_no_eventfd(void **state)
{
	struct vhu_reason reason;
	int pair[2], ends[2], i, memfd = make_memfd(4096);

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	const int fds[] = { memfd, ends[0], ends[1], pair[0] };

	for (i = 0; i < 4; i++) {
		assert_int_equal(vvu_fd_check_eventfd(fds[i], "SET_VRING_CALL", &reason),
				 -EINVAL);
		assert_non_null(strstr(reason.text, "SET_VRING_CALL: descriptor is not an "
						    "eventfd but "));
	}
	close(memfd);
	close(ends[0]);
	close(ends[1]);
	close(pair[0]);
	close(pair[1]);
	assert_true(vvu_fd_check_eventfd(memfd, "SET_VRING_CALL", &reason) < 0);
}

static void only_unix_stream_sockets_are_channels(void **state)
{
	struct vhu_reason reason;
	int pair[2], inet, event = make_eventfd();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(vvu_fd_check_stream(pair[0], "REQ", &reason), 0);
	assert_true(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(vvu_fd_check_stream(pair[0], "REQ", &reason), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	inet = socket(AF_INET, SOCK_STREAM, 0);
	if (inet >= 0) {
		assert_int_equal(vvu_fd_check_stream(inet, "REQ", &reason), -EINVAL);
		close(inet);
	}
	assert_int_equal(vvu_fd_check_stream(event, "REQ", &reason), -ENOTSOCK);
	assert_non_null(strstr(reason.text, "REQ: descriptor is not a socket"));
	close(event);
}

static void memfd_is_memory_with_or_without_seals(void **state)
{
	struct vhu_reason reason;
	struct vvu_file file;
	int fd = make_memfd(3 * 4096);

	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), 0);
	assert_int_equal(file.size, 3 * 4096);
	assert_int_equal(file.page, sysconf(_SC_PAGESIZE));
	assert_int_not_equal(file.ino, 0);
	close(fd);
	fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), 0);
	close(fd);
}

static void regular_file_is_memory(void **state)
{
	char path[] = "/tmp/vvu-fd-check-XXXXXX";
	struct vhu_reason reason;
	struct vvu_file file;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), 0);
	close(fd);
}

static void hugetlbfs_file_has_its_own_page(void **state)
{
	struct vhu_reason reason;
	struct vvu_file file;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | (21u << MFD_HUGE_SHIFT));

	if (fd < 0) {
		print_message("no huge pages of 2 MiB here\n");
		skip();
	}
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), 0);
	assert_int_equal(file.page, 2 * MIB);
	close(fd);
}

static void what_has_no_storage_is_no_memory(void **state)
{
	struct vhu_reason reason;
	struct vvu_file file;
	int ends[2], fd;

	fd = make_eventfd();
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), -EINVAL);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(vvu_fd_check_file(ends[0], "T", &file, &reason), -EINVAL);
	close(ends[0]);
	close(ends[1]);
	fd = open("/dev/zero", O_RDWR);
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "not a regular file"));
	close(fd);
	fd = open("/proc/self/oom_score_adj", O_RDWR);
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "proc"));
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	assert_int_equal(vvu_fd_check_file(fd, "T", &file, &reason), -EINVAL);
	close(fd);
	assert_int_equal(vvu_fd_check_file(-1, "T", &file, &reason), -EBADF);
}

static void read_only_file_is_no_memory(void **state)
{
	struct vhu_reason reason;
	struct vvu_file file;
	char path[40];
	int fd = make_memfd(4096), ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY);
	assert_true(ro >= 0);
	assert_int_equal(vvu_fd_check_file(ro, "T", &file, &reason), -EACCES);
	close(ro);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eventfd_passes_and_becomes_non_blocking),
		cmocka_unit_test(everything_else_is_no_eventfd),
		cmocka_unit_test(only_unix_stream_sockets_are_channels),
		cmocka_unit_test(memfd_is_memory_with_or_without_seals),
		cmocka_unit_test(regular_file_is_memory),
		cmocka_unit_test(hugetlbfs_file_has_its_own_page),
		cmocka_unit_test(what_has_no_storage_is_no_memory),
		cmocka_unit_test(read_only_file_is_no_memory),
	};

	return cmocka_run_group_tests_name("fd_check", tests, NULL, NULL);
}
