/* SPDX-License-Identifier: BSD-3-Clause */
#include "sigbus.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Ranges are in a list that only grows, so that the handler walks it without a lock; a
 * range given up keeps its place with start 0 and is taken again by the next register.
 */
struct vvu_sigbus_range {
	struct vvu_sigbus_range *next;
	atomic_uintptr_t start;		/* 0: not in use */
	atomic_size_t length;
	atomic_int fault_fd;
	atomic_bool faulted;
	atomic_uint_least64_t fault_offset;
};

static _Atomic(struct vvu_sigbus_range *) ranges;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int users;
static bool installed;
static struct sigaction previous;
static struct sigaction above;	/* found over ours when the last range went */

/* Page sizes there are on Linux, and their multiples that make fewer mappings. */
static const size_t unit_bytes[] = {
	(size_t)4 << 10, (size_t)64 << 10, (size_t)2 << 20, (size_t)16 << 20,
	(size_t)32 << 20, (size_t)512 << 20, (size_t)1 << 30, (size_t)16 << 30,
};

static bool zero_fill(uintptr_t start, size_t length)
{
	return mmap((void *)start, length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) != MAP_FAILED;
}

/*
 * Replace the page of @addr. The kernel refuses to cut a huge page (EINVAL), and to cut a
 * mapping when the process has too many (ENOMEM); a larger unit helps in both cases. What
 * it takes too much belongs to a frontend that is disconnected for this.
 */
static bool replace_page(uintptr_t addr, uintptr_t start, size_t length)
{
	for (size_t i = 0; i < sizeof(unit_bytes) / sizeof(unit_bytes[0]); i++) {
		uintptr_t from = addr & ~(uintptr_t)(unit_bytes[i] - 1);
		uintptr_t to = from + unit_bytes[i];

		if (from < start)
			from = start;
		if (to > start + length || to < from)
			to = start + length;
		if (zero_fill(from, to - from))
			return true;
	}
	return zero_fill(start, length);
}

static void pass_on(int signo, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(signo, info, context);
		return;
	}
	if (previous.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
		previous.sa_handler(signo);
		return;
	}
	/*
	 * The default is to die. A faulting access runs into it again on return; a signal
	 * that somebody sent has to be sent again.
	 */
	signal(signo, SIG_DFL);
	if (info->si_code <= 0)
		raise(signo);
}

static void handler(int signo, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	int saved_errno = errno;
	struct vvu_sigbus_range *range = NULL;

	/* si_code above 0: the kernel's own, si_addr is a fault address. */
	if (info->si_code > 0)
		range = atomic_load_explicit(&ranges, memory_order_acquire);
	for (; range != NULL; range = range->next) {
		uintptr_t start = atomic_load_explicit(&range->start, memory_order_acquire);
		size_t length = atomic_load_explicit(&range->length, memory_order_relaxed);
		uint64_t one = 1;

		if (start == 0 || addr < start || addr - start >= length)
			continue;
		if (!replace_page(addr, start, length))
			break;
		if (!atomic_load(&range->faulted))
			atomic_store(&range->fault_offset, addr - start);
		atomic_store(&range->faulted, true);
		if (write(atomic_load(&range->fault_fd), &one, sizeof(one)) < 0)
			errno = 0;
		errno = saved_errno;
		return;
	}
	pass_on(signo, info, context);
	errno = saved_errno;
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handler;
}

static int install(void)
{
	struct sigaction action = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};
	struct sigaction current;

	if (users > 0)
		return 0;
	if (sigaction(SIGBUS, NULL, &current) < 0)
		return -errno;
	/* Left in place, and the handler that came after it may chain to it: no second time. */
	if (is_ours(&current) || (installed && current.sa_handler == above.sa_handler))
		return 0;
	/* Known before ours runs for the first time: pass_on() needs it. */
	previous = current;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	installed = true;
	return 0;
}

static void uninstall(void)
{
	if (sigaction(SIGBUS, NULL, &above) < 0)
		return;
	/* Somebody came after us and may chain to us: taking ours out would cut the chain. */
	if (is_ours(&above) && sigaction(SIGBUS, &previous, NULL) == 0)
		installed = false;
}

static struct vvu_sigbus_range *unused_range(void)
{
	struct vvu_sigbus_range *range = atomic_load_explicit(&ranges, memory_order_relaxed);

	while (range != NULL && atomic_load_explicit(&range->start, memory_order_relaxed) != 0)
		range = range->next;
	if (range != NULL)
		return range;
	range = calloc(1, sizeof(*range));
	if (range == NULL)
		return NULL;
	range->next = atomic_load_explicit(&ranges, memory_order_relaxed);
	atomic_store_explicit(&ranges, range, memory_order_release);
	return range;
}

int vvu_sigbus_register(void *start, size_t length, int fault_fd, struct vvu_sigbus_range **out)
{
	struct vvu_sigbus_range *range;
	int err;

	pthread_mutex_lock(&lock);
	err = install();
	if (err == 0) {
		range = unused_range();
		if (range == NULL) {
			err = -ENOMEM;
		} else {
			atomic_store(&range->faulted, false);
			atomic_store(&range->fault_fd, fault_fd);
			atomic_store(&range->length, length);
			atomic_store_explicit(&range->start, (uintptr_t)start,
					      memory_order_release);
			users++;
			*out = range;
		}
		if (err < 0 && users == 0)
			uninstall();
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void vvu_sigbus_unregister(struct vvu_sigbus_range *range)
{
	if (range == NULL)
		return;
	pthread_mutex_lock(&lock);
	atomic_store(&range->start, 0);
	if (--users == 0)
		uninstall();
	pthread_mutex_unlock(&lock);
}

bool vvu_sigbus_take(struct vvu_sigbus_range *range, uint64_t *offset)
{
	if (!atomic_load(&range->faulted))
		return false;
	*offset = atomic_load(&range->fault_offset);
	atomic_store(&range->faulted, false);
	return true;
}
