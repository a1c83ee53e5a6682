/* SPDX-License-Identifier: BSD-3-Clause */
#include "privileges.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "device_config.h"
#include "storage/target/worker.h"

#define WAIT_MS	2000

static int user_number(const char *text, struct identity *identity, struct vhu_reason *reason)
{
	const struct passwd *entry = getpwnam(text);
	unsigned long number;
	char *end;

	if (entry == NULL) {
		errno = 0;
		number = strtoul(text, &end, 10);
		if (*text < '0' || *text > '9' || *end != '\0' || errno || number >= UINT32_MAX) {
			vhu_reason_set(reason, "user: there is no user \"%s\"", text);
			return -EINVAL;
		}
		identity->user = (uint32_t)number;
		entry = getpwuid(identity->user);
	} else {
		identity->user = entry->pw_uid;
	}
	identity->has_user = true;
	if (entry != NULL) {
		identity->group = entry->pw_gid;
		identity->has_group = true;
	}
	return 0;
}

int identity_read(const char *user, const char *group, struct identity *identity,
		  struct vhu_reason *reason)
{
	int err;

	*identity = (struct identity){ .has_user = false };
	if (user != NULL) {
		err = user_number(user, identity, reason);
		if (err < 0)
			return err;
	}
	if (group != NULL) {
		identity->has_group = true;
		return device_group(group, &identity->group, reason);
	}
	/* Root's group would be left to somebody who is meant not to be root. */
	if (identity->has_user && !identity->has_group) {
		vhu_reason_set(reason, "user: %s has no group of its own: give \"group\" too",
			       user);
		return -EINVAL;
	}
	return 0;
}

int privileges_no_new(struct vhu_reason *reason)
{
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return 0;
	err = -errno;
	vhu_reason_set(reason, "no_new_privs: %s", strerror(-err));
	return err;
}

int privileges_become(const struct identity *identity, struct vhu_reason *reason)
{
	const char *what = "group";
	int err = 0;

	if (!identity->has_user && !identity->has_group)
		return 0;
	/* In this order: who is no longer root cannot change the rest. */
	if (setgroups(0, NULL) < 0 ||
	    (identity->has_group &&
	     setresgid(identity->group, identity->group, identity->group) < 0)) {
		err = -errno;
	} else if (identity->has_user &&
		   setresuid(identity->user, identity->user, identity->user) < 0) {
		err = -errno;
		what = "user";
	}
	if (err < 0)
		vhu_reason_set(reason, "%s %u: %s", what,
			       what[0] == 'u' ? identity->user : identity->group, strerror(-err));
	return err;
}

/* ---- capabilities ---- */

static atomic_uint dropped;

/* Without libc and library: this runs in signal handlers. */
static void drop_here(int number)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capset, &header, none) == 0)
		atomic_fetch_add(&dropped, 1);
}

/* One field of a thread's status, or "" if the thread is gone. */
static void status_field(const char *tid, const char *name, char value[64])
{
	size_t length = strlen(name);
	char path[300], line[256];
	FILE *file;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			snprintf(value, 64, "%.63s",
				 line + length + 1 + strspn(line + length + 1, "\t "));
			value[strcspn(value, "\n")] = '\0';
			break;
		}
	}
	fclose(file);
}

/*
 * Call @each for every other thread; how many there are. The kernel's own of io_uring are left
 * out: they take no signals, and act with what the thread has that submits.
 */
static int for_each_thread(int (*each)(const char *tid, void *arg), void *arg)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char name[64];
	int count = 0, err = 0;

	if (dir == NULL)
		return -errno;
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == gettid())
			continue;
		status_field(entry->d_name, "Name", name);
		if (strncmp(name, "iou-", 4) == 0 || name[0] == '\0')
			continue;
		err = each(entry->d_name, arg);
		count++;
	}
	closedir(dir);
	return err < 0 ? err : count;
}

static int tell(const char *tid, void *arg)
{
	return syscall(SYS_tgkill, getpid(), atoi(tid), WORKER_SIGNAL) < 0 ? -errno : 0;
}

static int check(const char *tid, void *arg)
{
	struct vhu_reason *reason = arg;
	char name[64], effective[64], permitted[64];

	status_field(tid, "CapEff", effective);
	status_field(tid, "CapPrm", permitted);
	if (strspn(effective, "0") == strlen(effective) &&
	    strspn(permitted, "0") == strlen(permitted))
		return 0;
	status_field(tid, "Name", name);
	vhu_reason_set(reason, "thread %s (%s) keeps its capabilities", tid, name);
	return -EPERM;
}

int privileges_drop(struct vhu_reason *reason)
{
	struct sigaction action = { .sa_handler = drop_here, .sa_flags = SA_RESTART };
	const struct timespec pause = { .tv_nsec = 1000000 };
	int told, err;

	atomic_store(&dropped, 0);
	sigaction(WORKER_SIGNAL, &action, NULL);
	told = for_each_thread(tell, NULL);
	for (int i = 0; told > 0 && i < WAIT_MS && atomic_load(&dropped) < (unsigned int)told; i++)
		nanosleep(&pause, NULL);
	signal(WORKER_SIGNAL, SIG_IGN);
	capng_clear(CAPNG_SELECT_ALL);
	if (told < 0 || capng_apply(CAPNG_SELECT_CAPS) != 0) {
		vhu_reason_set(reason, "capabilities cannot be given up");
		return -EPERM;
	}
	err = for_each_thread(check, reason);
	return err < 0 ? err : 0;
}
