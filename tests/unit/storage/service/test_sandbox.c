/* SPDX-License-Identifier: BSD-3-Clause */
/* What a process can still do in the sandbox, and what no longer; each try in a child. */
#include "test.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "storage/service/privileges.h"
#include "storage/service/sandbox.h"
#include "storage/target/worker.h"

/* What a child ends with that could not even get where its try begins. */
#define NOT_THERE 99

/* Ends with 0 or an errno. */
static int in_child(int (*attempt)(void))
{
	struct vhu_reason reason;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (privileges_no_new(&reason) < 0 || sandbox_enter(&reason) < 0)
			_exit(NOT_THERE);
		_exit(attempt() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_killed(int (*attempt)(void))
{
	int status = in_child(attempt);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void assert_ends_with(int (*attempt)(void), int expected)
{
	int status = in_child(attempt);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static int try_execve(void)
{
	char path[] = "/bin/true", *argv[] = { path, NULL };

	return execv(path, argv);
}

static int try_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_mount(void)
{
	return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int try_setuid(void)
{
	return (int)syscall(SYS_setuid, 0);
}

static int try_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static void calls_of_intruders_kill(void **state)
{
	assert_killed(try_execve);
	assert_killed(try_ptrace);
	assert_killed(try_mount);
	assert_killed(try_setuid);
	assert_killed(try_unshare);
}

static int try_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child < 0 ? -1 : 0;
}

static int try_mknod(void)
{
	return (int)syscall(SYS_mknodat, AT_FDCWD, "/tmp/x", 0, 0);
}

static int try_raw_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED ?
		       -1 :
		       0;
}

static int try_code_of_data(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int try_terminal(void)
{
	char key = 'x';

	return ioctl(0, TIOCSTI, &key);
}

static int try_signal_parent(void)
{
	return kill(getppid(), SIGUSR1);
}

static int try_limits(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_CORE, &limit);
}

static void calls_that_are_not_needed_fail(void **state)
{
	assert_ends_with(try_fork, ENOSYS);
	assert_ends_with(try_mknod, ENOSYS);
	assert_ends_with(try_raw_socket, ENOSYS);
	assert_ends_with(try_code, ENOSYS);
	assert_ends_with(try_code_of_data, ENOSYS);
	assert_ends_with(try_terminal, ENOSYS);
	assert_ends_with(try_signal_parent, ENOSYS);
	assert_ends_with(try_limits, ENOSYS);
}

static void *hold(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, hold, NULL);
	return errno ? -1 : pthread_join(thread, NULL);
}

static int try_file(void)
{
	char path[] = "/tmp/sandbox-test-XXXXXX";
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || fdatasync(fd) < 0)
		return -1;
	return unlink(path);
}

static int try_sockets(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int try_name(void)
{
	struct addrinfo *addresses = NULL;
	int err = getaddrinfo("localhost", "nbd", NULL, &addresses);

	/* Whether there is a name server, or a file of services, is not the question. */
	if (err == EAI_SYSTEM)
		return -1;
	if (err == 0)
		freeaddrinfo(addresses);
	return 0;
}

static void what_a_service_does_goes_on(void **state)
{
	assert_ends_with(try_thread, 0);
	assert_ends_with(try_file, 0);
	assert_ends_with(try_sockets, 0);
	assert_ends_with(try_name, 0);
}

/* A thread that was there before, as workers are. */
static int pipe_to_thread[2];

static void *late(void *arg)
{
	char byte;

	if (read(pipe_to_thread[0], &byte, 1) == 1)
		_exit(try_mknod() < 0 ? errno : 0);
	_exit(NOT_THERE);
}

static void threads_that_were_there_are_in_it_too(void **state)
{
	struct vhu_reason reason;
	pthread_t thread;
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (pipe(pipe_to_thread) < 0 || pthread_create(&thread, NULL, late, NULL) != 0 ||
		    privileges_no_new(&reason) < 0 || sandbox_enter(&reason) < 0 ||
		    write(pipe_to_thread[1], "x", 1) != 1)
			_exit(NOT_THERE);
		pthread_join(thread, NULL);
		_exit(NOT_THERE);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ENOSYS);
}

/* ---- privileges ---- */

static pthread_barrier_t masked;

static void *wait_for_ever(void *arg)
{
	sigset_t set;

	sigfillset(&set);
	if (arg == NULL)
		sigdelset(&set, WORKER_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	pthread_barrier_wait(&masked);
	for (;;)
		pause();
	return NULL;
}

/* How privileges_drop() ends with a thread beside. */
static int drop_with(void *blocks_all)
{
	struct vhu_reason reason;
	pthread_t thread;
	int status;
	pid_t child = fork();

	if (child == 0) {
		pthread_barrier_init(&masked, NULL, 2);
		if (pthread_create(&thread, NULL, wait_for_ever, blocks_all) != 0)
			_exit(NOT_THERE);
		pthread_barrier_wait(&masked);
		_exit(-privileges_drop(&reason));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void every_thread_gives_up_its_capabilities(void **state)
{
	assert_int_equal(drop_with(NULL), 0);
}

static void a_thread_that_keeps_them_is_an_error(void **state)
{
	if (geteuid() != 0) {
		print_message("skipped: not root, there is nothing to keep\n");
		skip();
	}
	assert_int_equal(drop_with(&pipe_to_thread), EPERM);
}

static void users_and_groups_by_name_and_number(void **state)
{
	struct identity identity;
	struct vhu_reason reason;

	assert_int_equal(identity_read(NULL, NULL, &identity, &reason), 0);
	assert_false(identity.has_user || identity.has_group);
	assert_int_equal(identity_read("root", NULL, &identity, &reason), 0);
	assert_true(identity.has_user && identity.has_group);
	assert_int_equal(identity.user, 0);
	assert_int_equal(identity.group, 0);
	assert_int_equal(identity_read("54321", "root", &identity, &reason), 0);
	assert_int_equal(identity.user, 54321);
	assert_int_equal(identity.group, 0);
	assert_int_equal(identity_read("54321", NULL, &identity, &reason), -EINVAL);
	ASSERT_SAYS(reason, "group");
	assert_int_equal(identity_read("no-such-user", NULL, &identity, &reason), -EINVAL);
	ASSERT_SAYS(reason, "no-such-user");
	assert_int_equal(identity_read("-1", NULL, &identity, &reason), -EINVAL);
	assert_int_equal(identity_read("4294967295", "0", &identity, &reason), -EINVAL);
	assert_int_equal(identity_read(NULL, "no-such-group", &identity, &reason), -EINVAL);
	ASSERT_SAYS(reason, "no-such-group");
}

int main(void)
{
	const struct CMUnitTest filter[] = {
		cmocka_unit_test(calls_of_intruders_kill),
		cmocka_unit_test(calls_that_are_not_needed_fail),
		cmocka_unit_test(what_a_service_does_goes_on),
		cmocka_unit_test(threads_that_were_there_are_in_it_too),
	};
	const struct CMUnitTest privileges[] = {
		cmocka_unit_test(every_thread_gives_up_its_capabilities),
		cmocka_unit_test(a_thread_that_keeps_them_is_an_error),
		cmocka_unit_test(users_and_groups_by_name_and_number),
	};
	int failed = 0;

	if (sandbox_missing() == NULL)
		failed = cmocka_run_group_tests(filter, NULL, NULL);
	else
		print_message("no filter: %s\n", sandbox_missing());
	return failed + cmocka_run_group_tests(privileges, NULL, NULL);
}
