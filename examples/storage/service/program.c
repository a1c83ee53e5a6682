/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "methods.h"
#include "options.h"
#include "sandbox.h"
#include "vvu-device/host_ops.h"

#define EXIT_WRONG_OPTION 2

void *program_device(struct program *program, const json_t *params, struct vhu_reason *reason)
{
	const json_t *name = json_object_get(params, "name");

	if (!json_is_string(name)) {
		vhu_reason_set(reason, "name: %s", name == NULL ? "is missing" : "not a string");
		return NULL;
	}
	return devices_find(program->devices, json_string_value(name), reason);
}

static int watch(struct program *program, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(program->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* eventfd: a signal came; -1 until the program has started. */
static volatile sig_atomic_t signal_fd = -1;

/*
 * Whichever thread has it. Before everything is open there is nothing to finish, and a server
 * that does not answer may be waited for: it ends there and then.
 */
static void note_signal(int number)
{
	int saved = errno;

	if (signal_fd < 0)
		_exit(EXIT_FAILURE);
	/* It fails only when the counter is full, and then it is readable as it is. */
	eventfd_write(signal_fd, 1);
	errno = saved;
}

static int take_signals(struct program *program, struct vhu_reason *reason)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };
	int err;

	signal(SIGPIPE, SIG_IGN);
	program->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	program->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (program->epoll_fd < 0 || program->signal_fd < 0) {
		err = -errno;
		vhu_reason_set(reason, "epoll or eventfd: %s", strerror(-err));
		return err;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	return watch(program, program->signal_fd);
}

static int create_workers(struct program *program, struct vhu_reason *reason)
{
	const struct settings *settings = &program->settings;
	struct worker_pool_config config = {
		.threads = settings->threads,
		.cpus = settings->cpus,
		.mode = settings->mode,
		.poll_us = settings->poll_us,
	};

	return worker_pool_create(&config, &program->pool, reason);
}

static unsigned int count_rdma(const struct program *program, const json_t *description)
{
	/* With JSON-RPC alone there is none. */
	if (description == NULL || program->type->count_rdma == NULL)
		return 0;
	return program->type->count_rdma(description);
}

/* Those that use RDMA devices, or all others. */
static int add_devices(struct program *program, bool on_rdma, struct vhu_reason *reason)
{
	size_t index;
	json_t *device;
	int err = 0;

	json_array_foreach(program->settings.devices, index, device) {
		if ((count_rdma(program, device) > 0) != on_rdma)
			continue;
		err = devices_add(program->devices, device, NULL, NULL, reason);
		if (err < 0)
			return err;
	}
	return 0;
}

static int open_rpc(struct program *program, struct vhu_reason *reason)
{
	int err;

	program->methods = methods_table(program->type);
	if (program->methods == NULL)
		return -ENOMEM;
	err = rpc_open(program->settings.rpc_socket, program->settings.rpc_mode, program->methods,
		       program, &program->rpc, reason);
	return err < 0 ? err : watch(program, rpc_fd(program->rpc));
}

/* What a library may still have to load cannot be loaded later. */
static void load_libraries(void)
{
	struct addrinfo *addresses = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &addresses) == 0)
		freeaddrinfo(addresses);
}

static int give_up_privileges(const struct program *program, struct vhu_reason *reason)
{
	int err = privileges_become(&program->identity, reason);

	return err < 0 || !program->settings.sandbox ? err : privileges_drop(reason);
}

/* Everything is open: from here on with as little as possible. */
static int filter_calls(const struct program *program, struct vhu_reason *reason)
{
	if (!program->settings.sandbox)
		return 0;
	if (sandbox_missing() != NULL) {
		program_log(VVU_LOG_WARNING, "system calls are not filtered: %s",
			    sandbox_missing());
		return 0;
	}
	load_libraries();
	return sandbox_enter(reason);
}

static int watch_watchdog(struct program *program, struct vhu_reason *reason)
{
	int err = watchdog_create(program->pool, &program->watchdog);

	if (err == 0 && program->watchdog != NULL)
		err = watch(program, watchdog_fd(program->watchdog));
	if (err < 0)
		vhu_reason_set(reason, "watchdog: %s", strerror(-err));
	return err;
}

/* Each ring and each store has descriptors of its own. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		program_log(VVU_LOG_INFO, "RLIMIT_NOFILE: %s", strerror(errno));
}

static int start(struct program *program, struct vhu_reason *reason)
{
	const struct settings *settings = &program->settings;
	unsigned int rdma;
	int err;

	if (json_array_size(settings->devices) == 0 && settings->rpc_socket == NULL) {
		vhu_reason_set(reason, "no device: see --socket-path, --fd, --device, --config and "
				       "--rpc-socket");
		return -EINVAL;
	}
	raise_limit();
	err = identity_read(settings->user, settings->group, &program->identity, reason);
	if (err == 0)
		err = notify_take_sockets((json_t *)(uintptr_t)settings->devices, reason);
	if (err == 0 && settings->sandbox)
		err = privileges_no_new(reason);
	if (err == 0)
		err = take_signals(program, reason);
	if (err == 0)
		err = create_workers(program, reason);
	if (err == 0)
		err = devices_create(program->type, program->pool, &program->devices, reason);
	if (err == 0)
		err = watch(program, devices_fd(program->devices));
	rdma = count_rdma(program, settings->devices);
	if (err == 0 && rdma > 0)
		err = program->type->allow_rdma(rdma, reason);
	if (err == 0)
		err = add_devices(program, false, reason);
	if (err == 0 && settings->rpc_socket != NULL)
		err = open_rpc(program, reason);
	if (err == 0)
		err = watch_watchdog(program, reason);
	if (err == 0)
		err = give_up_privileges(program, reason);
	if (err == 0)
		err = add_devices(program, true, reason);
	if (err == 0)
		err = filter_calls(program, reason);
	if (err == 0)
		signal_fd = program->signal_fd;
	return err;
}

static void end(struct program *program)
{
	if (!program->ending && program->started) {
		program_log(VVU_LOG_INFO, "ending");
		notify_stopping();
	}
	program->ending = true;
	devices_end(program->devices);
}

static void on_signal(struct program *program)
{
	eventfd_t count;

	if (eventfd_read(program->signal_fd, &count) < 0)
		return;
	if (program->ending || count > 1) {
		program_log(VVU_LOG_ERROR, "told to end again: requests under way are lost");
		_exit(EXIT_FAILURE);
	}
	end(program);
}

static void on_readable(struct program *program, int fd)
{
	if (fd == program->signal_fd)
		on_signal(program);
	else if (fd == devices_fd(program->devices))
		devices_run(program->devices);
	else if (program->watchdog != NULL && fd == watchdog_fd(program->watchdog))
		watchdog_run(program->watchdog);
	else
		rpc_run(program->rpc);
}

static void run(struct program *program)
{
	struct epoll_event event[8];

	while (!program->ending || devices_count(program->devices) > 0) {
		int count = epoll_wait(program->epoll_fd, event, 8, -1);

		for (int i = 0; i < count; i++)
			on_readable(program, event[i].data.fd);
		if (devices_count(program->devices) != program->told && !program->ending) {
			program->told = devices_count(program->devices);
			notify_status(program->told);
		}
		/* A device that had a job when the end was told is removed after it. */
		if (program->ending || devices_deserted(program->devices))
			end(program);
	}
}

/* Also after a start that failed half way. */
static void stop(struct program *program)
{
	if (program->devices != NULL) {
		end(program);
		run(program);
		/* No job, and so no request that is kept, is left: their answers go out. */
		if (program->rpc != NULL)
			rpc_run(program->rpc);
		rpc_close(program->rpc);
		devices_destroy(program->devices);
	}
	free(program->methods);
	if (program->pool != NULL)
		worker_pool_destroy(program->pool);
	watchdog_destroy(program->watchdog);
	signal_fd = -1;
	if (program->signal_fd >= 0)
		close(program->signal_fd);
	if (program->epoll_fd >= 0)
		close(program->epoll_fd);
}

int program_main(const struct program_type *type, int argc, char **argv)
{
	struct program program = { .type = type, .epoll_fd = -1, .signal_fd = -1 };
	struct vhu_reason reason = { "" };
	json_t *config = NULL;
	int err;

	log_init(type->name);
	err = options_read(type, argc, argv, &config, &reason);
	if (err == OPTIONS_DONE)
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (err == OPTIONS_RUN)
		err = settings_read(config, &program.settings, &reason);
	if (err == 0) {
		log_set_level(program.settings.log_level);
		err = start(&program, &reason);
	}
	if (err == 0) {
		program.started = true;
		program_log(VVU_LOG_INFO, "ready");
		program.told = devices_count(program.devices);
		notify_ready(program.told);
		run(&program);
	} else {
		program_log(VVU_LOG_ERROR, "%s", reason.text[0] ? reason.text : strerror(-err));
	}
	stop(&program);
	json_decref(config);
	if (err == 0)
		return EXIT_SUCCESS;
	return err == -EINVAL || err == -EEXIST ? EXIT_WRONG_OPTION : EXIT_FAILURE;
}
