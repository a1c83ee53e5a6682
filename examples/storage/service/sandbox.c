/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox.h"

#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_calls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* The type of an ioctl: bits 8 to 15 of the request. */
#define IOCTL_TYPE		0xff00u
#define IOCTL_VFIO		(';' << 8)
#define IOCTL_BLOCK		(0x12 << 8)
#define IOCTL_RDMA		(0x1b << 8)

const char *sandbox_missing(void)
{
#ifdef SANITIZED
	/* Its runtime clones processes and traces them to look for leaks. */
	return "this build has a sanitizer";
#else
	return NULL;
#endif
}

static int add(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	for (; *names != NULL; names++) {
		int number = seccomp_syscall_resolve_name(*names);
		int err;

		if (number == __NR_SCMP_ERROR)
			continue;
		err = seccomp_rule_add(filter, action, number, 0);
		/* A number below zero stands for a call of other architectures. */
		if (err < 0 && number >= 0)
			return err;
	}
	return 0;
}

static int allow_if(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp condition)
{
	int number = seccomp_syscall_resolve_name(name);

	return number < 0 ? 0 :
			    seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

/* Calls that are harmless with some arguments and not with others. */
static int add_conditions(scmp_filter_ctx filter)
{
	const struct {
		const char *name;
		struct scmp_arg_cmp condition;
	} rules[] = {
		/* A thread, not a process. clone3 has its flags in memory: libc falls back. */
		{ "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD) },
		/* No new code: nothing is loaded or compiled any more. */
		{ "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ "mmap2", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0) },
		{ "prctl", SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME, 0) },
		/* Ask for limits, but not set them. */
		{ "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0, 0) },
		/* abort() and pthread_kill(), but no signals to others */
		{ "tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0) },
		{ "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0) },
		{ "socket", SCMP_A0(SCMP_CMP_EQ, AF_INET, 0) },
		{ "socket", SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0) },
		/* libc's resolver asks which addresses the machine has. */
		{ "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0) },
		{ "ioctl", SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0) },
		{ "ioctl", SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0) },
		{ "ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE, IOCTL_VFIO) },
		{ "ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE, IOCTL_BLOCK) },
		{ "ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE, IOCTL_RDMA) },
	};
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
		err = allow_if(filter, rules[i].name, rules[i].condition);
	return err;
}

int sandbox_enter(struct vhu_reason *reason)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (filter == NULL) {
		vhu_reason_set(reason, "seccomp: no filter can be made");
		return -ENOMEM;
	}
	/* All threads, not the calling one alone. */
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err == 0)
		err = add(filter, SCMP_ACT_ALLOW, sandbox_allowed);
	if (err == 0)
		err = add(filter, SCMP_ACT_KILL_PROCESS, sandbox_deadly);
	if (err == 0)
		err = add_conditions(filter);
	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	if (err < 0)
		vhu_reason_set(reason, "seccomp: %s", strerror(-err));
	return err;
}
