/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crash.h"

void *
crash_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

void
crash_begin(void)
{
	raise(SIGSTOP);
}

void
crash_end(void)
{
	raise(SIGSTOP);
}

static pid_t
start_child(void (*run)(void *arg), void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	run(arg);
	_exit(0);
}

/* The signal that it stopped with; 0: ended as it should; -1: this system cannot do it. */
static int
wait_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status)) {
		int sig = WSTOPSIG(status);

		if (sig != SIGSTOP && sig != SIGTRAP) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fail_msg("the child got signal %d", sig);
		}
		return sig;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no process can be traced here (emulation, or not allowed)\n");
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child ended with status 0x%x", (unsigned int)status);
	return 0;
}

struct snapshots {
	unsigned char *bytes;
	size_t size;
	unsigned int num;
	unsigned int room;
};

static void
take_snapshot(struct snapshots *s, const void *memory)
{
	if (s->num != 0 && memcmp(s->bytes + (s->num - 1) * s->size, memory, s->size) == 0)
		return;
	if (s->num == s->room) {
		s->room = s->room == 0 ? 64 : 2 * s->room;
		s->bytes = realloc(s->bytes, s->room * s->size);
		assert_non_null(s->bytes);
	}
	memcpy(s->bytes + s->num * s->size, memory, s->size);
	s->num++;
}

int
crash_everywhere(void *memory, size_t size, void (*run)(void *arg), void (*state)(void *arg),
		 void *arg)
{
	struct snapshots s = { .size = size };
	unsigned char *before = malloc(size);
	pid_t pid = start_child(run, arg);
	bool stepping = false;
	unsigned int i;
	int ret;

	assert_non_null(before);
	memcpy(before, memory, size);
	while ((ret = wait_child(pid)) > 0) {
		if (ret == SIGSTOP)
			stepping = !stepping;
		if (stepping)
			take_snapshot(&s, memory);
		if (ptrace(stepping ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, NULL) < 0) {
			print_message("no single steps of a process here: %s\n", strerror(errno));
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			ret = -1;
			break;
		}
	}
	for (i = 0; ret == 0 && i < s.num; i++) {
		memcpy(memory, s.bytes + i * size, size);
		state(arg);
	}
	memcpy(memory, before, size);
	free(before);
	free(s.bytes);
	return ret < 0 ? -1 : (int)s.num;
}
