/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proc.h"

#define GET_FEATURES	1
#define SET_OWNER	3

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

static int create_error(const struct vvu_emb_config *config, struct vhu_reason *reason)
{
	struct vvu_emb *emb = NULL;
	int err;

	reason->text[0] = '\0';
	err = vvu_emb_create(config, &emb, reason);
	if (err == 0)
		vvu_emb_destroy(emb);
	else
		assert_null(emb);
	return err;
}

static void frontend_waits_for_backend_up(void **state)
{
	struct mini_driver mini;
	struct vvu_device_status status;
	int sock;

	mini_create(&mini);
	sock = fe_connect(mini.path);
	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	mini_start(&mini);
	assert_int_equal(mini_status(&mini), 0);
	vvu_emb_query(mini.emb, &status);
	assert_int_equal(status.connections, 0);
	mini_backend_up(&mini, true);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	close(sock);
	mini_destroy(&mini);
}

static void second_frontend_waits_for_the_first(void **state)
{
	struct mini_driver mini;
	int first, second;

	mini_create(&mini);
	first = fe_session(&mini);
	second = fe_connect(mini.path);
	fe_send(second, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 0);
	close(first);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), 0);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 0);
	mini_backend_up(&mini, true);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	close(second);
	mini_destroy(&mini);
}

static void socket_has_the_mode_asked_for(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	struct stat st;

	config.socket_mode = 0600;
	mini_create_with(&mini, &config);
	assert_int_equal(stat(mini.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	mini_destroy(&mini);
	assert_int_equal(stat(mini.path, &st), -1);
	mini_create(&mini);
	assert_int_equal(stat(mini.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	mini_destroy(&mini);
}

static void stale_socket_is_replaced(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	close(listen_at(mini.path));
	assert_int_equal(access(mini.path, F_OK), 0);
	mini_create_with(&mini, &config);
	close(fe_session(&mini));
	mini_destroy(&mini);
}

static void live_socket_is_refused(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	struct vhu_reason reason;
	int live = listen_at(mini.path);

	/* Also once its queue is full */
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(create_error(&config, &reason), -EADDRINUSE);
		assert_non_null(strstr(reason.text, mini.path));
	}
	assert_int_equal(access(mini.path, F_OK), 0);
	close(live);
	unlink(mini.path);
}

static void file_that_is_no_socket_is_left_alone(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	struct vhu_reason reason;
	char dir[] = "/tmp/vvu-test-dir-XXXXXX";

	assert_non_null(mkdtemp(dir));
	config.socket_path = dir;
	assert_int_equal(create_error(&config, &reason), -EADDRINUSE);
	assert_non_null(strstr(reason.text, "not a socket"));
	assert_int_equal(rmdir(dir), 0);
}

static void socket_of_a_successor_is_not_removed(void **state)
{
	struct mini_driver mini;
	int successor;

	mini_create(&mini);
	unlink(mini.path);
	successor = listen_at(mini.path);
	mini_destroy(&mini);
	assert_int_equal(access(mini.path, F_OK), 0);
	close(successor);
	unlink(mini.path);
}

static void bad_configuration_names_the_field(void **state)
{
	struct mini_driver mini;
	const struct vvu_emb_config good = mini_config(&mini);
	struct vvu_emb_config config;
	struct vhu_reason reason;
	char path[200];
	unsigned int fds = proc_open_fds(), maps;

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(create_error(&good, &reason), 0);
	maps = proc_mappings();

	config = good;
	config.socket_path = path;
	assert_int_equal(create_error(&config, &reason), -ENAMETOOLONG);
	assert_non_null(strstr(reason.text, "199"));
	path[108] = '\0';
	assert_int_equal(create_error(&config, &reason), -ENAMETOOLONG);
	config.socket_path = NULL;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "socket_path"));
	config.socket_path = "";
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	config.socket_path = "/nonexistent/directory/socket";
	assert_int_equal(create_error(&config, &reason), -ENOENT);

	config = good;
	config.virtio_id = 64;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "virtio_id: 64"));
	config = good;
	config.max_vhost_queues = 257;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "257"));
	config = good;
	config.vectors = 2049;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "2049"));
	config = good;
	config.bar_size = 3u << 20;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "0x300000"));
	config = good;
	config.socket_mode = 01777;
	assert_int_equal(create_error(&config, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "socket_mode"));

	assert_int_equal(proc_open_fds(), fds);
	assert_int_equal(proc_mappings(), maps);
	assert_int_equal(access(mini.path, F_OK), -1);
}

static void message_in_single_bytes(void **state)
{
	struct mini_driver mini;
	const uint32_t hdr[3] = { GET_FEATURES, VHU_VERSION, 0 };
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	for (unsigned int i = 0; i < sizeof(hdr); i++) {
		mini_run(&mini);
		assert_int_equal(mini_used(&mini, VVU_RXQ), 0);
		assert_int_equal(send(sock, (const char *)hdr + i, 1, 0), 1);
	}
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	close(sock);
	mini_destroy(&mini);
}

static void too_many_descriptors_disconnect(void **state)
{
	struct mini_driver mini;
	struct vvu_device_status status;
	int fds[VHU_MAX_FDS + 1];
	unsigned int open_fds;
	int sock;

	mini_create(&mini);
	sock = fe_session(&mini);
	for (unsigned int i = 0; i < VHU_MAX_FDS + 1; i++)
		fds[i] = fe_eventfd();
	open_fds = proc_open_fds();
	fe_send(sock, SET_OWNER, VHU_VERSION, NULL, 0, fds, VHU_MAX_FDS + 1);
	mini_run(&mini);
	assert_true(fe_closed(sock));
	/* The connection's own is closed too. */
	assert_int_equal(proc_open_fds(), open_fds - 1);
	vvu_emb_query(mini.emb, &status);
	assert_non_null(strstr(status.last_disconnect.text, "9 descriptors"));
	close(sock);
	for (unsigned int i = 0; i < VHU_MAX_FDS + 1; i++)
		close(fds[i]);
	mini_destroy(&mini);
}

static void unexpected_descriptors_are_closed(void **state)
{
	struct mini_driver mini;
	unsigned int open_fds;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	open_fds = proc_open_fds();
	fe_send(sock, SET_OWNER, VHU_VERSION, NULL, 0, &fd, 1);
	mini_run(&mini);
	assert_true(fe_closed(sock));
	assert_int_equal(proc_open_fds(), open_fds - 1);
	close(sock);
	close(fd);
	mini_destroy(&mini);
}

/* No rxq buffer: the socket is not read, the poll fd is quiet, nothing is lost. */
static void back_pressure_stops_reading(void **state)
{
	struct mini_driver mini;
	const uint32_t hdr[3] = { SET_OWNER, VHU_VERSION, 0 };
	struct pollfd poll_fd;
	uint8_t msg[MINI_BUFFER_SIZE];
	unsigned int sent = 0, received = 0;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	while (sent < 100000 &&
	       send(sock, hdr, sizeof(hdr), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(hdr)) {
		sent++;
		if (sent % 100 == 0)
			mini_run(&mini);
	}
	assert_true(sent > MINI_BUFFERS && sent < 100000);
	mini_run(&mini);
	poll_fd = (struct pollfd){ .fd = vvu_emb_poll_fd(mini.emb), .events = POLLIN };
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	assert_int_equal(mini_used(&mini, VVU_RXQ), MINI_BUFFERS);
	for (unsigned int i = 0; i < 10 * sent && received < sent; i++) {
		if (mini_receive(&mini, msg, sizeof(msg)) > 0)
			received++;
		else
			mini_run(&mini);
	}
	assert_int_equal(received, sent);
	close(sock);
	mini_destroy(&mini);
}

static void hang_up_is_seen_under_back_pressure(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	for (unsigned int i = 0; i < 2 * MINI_BUFFERS; i++)
		fe_send(sock, SET_OWNER, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	close(sock);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), 0);
	mini_destroy(&mini);
}

static int accept_within(struct mini_driver *mini, int listener, int ms)
{
	for (int waited = 0; waited <= ms; waited += 20) {
		int sock = accept(listener, NULL, NULL);

		if (sock >= 0)
			return sock;
		mini_wait(mini, 20);
	}
	return -1;
}

static void client_connects_and_reconnects(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	int listener, sock;

	config.client = true;
	config.reconnect_ms = 20;
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_wait(&mini, 50);
	/* Nobody there yet, and no wish for anybody either. */
	listener = listen_at(mini.path);
	assert_int_equal(accept_within(&mini, listener, 60), -1);
	mini_backend_up(&mini, true);
	sock = accept_within(&mini, listener, 5000);
	assert_true(sock >= 0);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini, GET_FEATURES, NULL, 0);

	/* The frontend restarts. */
	close(sock);
	close(listener);
	unlink(mini.path);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), 0);
	mini_backend_up(&mini, true);
	mini_wait(&mini, 100);
	mini_wait(&mini, 100);
	listener = listen_at(mini.path);
	sock = accept_within(&mini, listener, 5000);
	assert_true(sock >= 0);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	close(sock);
	close(listener);
	unlink(mini.path);
	mini_destroy(&mini);
}

static void client_pauses_between_attempts(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	int listener;

	config.client = true;
	config.reconnect_ms = 60000;
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	mini_wait(&mini, 1000);
	assert_non_null(strstr(mini.log, "connect"));
	listener = listen_at(mini.path);
	assert_int_equal(accept_within(&mini, listener, 100), -1);
	/* Not even when the driver asks again */
	mini_backend_up(&mini, false);
	mini_backend_up(&mini, true);
	assert_int_equal(accept_within(&mini, listener, 100), -1);
	close(listener);
	unlink(mini.path);
	mini_destroy(&mini);
}

static void devices_in_one_process_are_apart(void **state)
{
	struct mini_driver mini[4];
	int sock[4];

	for (unsigned int i = 0; i < 4; i++) {
		mini_create(&mini[i]);
		sock[i] = fe_session(&mini[i]);
	}
	close(sock[1]);
	mini_set_common(&mini[2], 20, 1, 0);
	for (unsigned int i = 0; i < 4; i++)
		mini_run(&mini[i]);
	assert_int_equal(mini_status(&mini[0]), 3);
	assert_int_equal(mini_status(&mini[1]), 0);
	assert_int_equal(mini_status(&mini[2]), 0);
	assert_int_equal(mini_status(&mini[3]), 3);
	assert_false(fe_closed(sock[0]));
	assert_true(fe_closed(sock[2]));
	fe_send(sock[3], SET_OWNER, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini[3], SET_OWNER, NULL, 0);
	assert_int_equal(mini_used(&mini[0], VVU_RXQ), 0);
	for (unsigned int i = 0; i < 4; i++) {
		mini_destroy(&mini[i]);
		if (i != 1)
			close(sock[i]);
	}
}

static void thousand_devices_leave_nothing(void **state)
{
	struct mini_driver mini;
	unsigned int fds, maps;
	int memfd = fe_memfd(1u << 20);

	mini_create(&mini);
	mini_destroy(&mini);
	fds = proc_open_fds();
	maps = proc_mappings();
	for (unsigned int i = 0; i < 1000; i++) {
		mini_create(&mini);
		if (i % 10 == 0) {
			int sock = fe_session(&mini);

			fe_set_mem_table(&mini, sock, memfd, 1u << 20);
			mini_irq(&mini, i / 10 % 19);
			close(sock);
		}
		mini_destroy(&mini);
	}
	assert_int_equal(proc_open_fds(), fds);
	/* Allocators keep a few. */
	assert_in_range(proc_mappings(), 0, maps + 16);
	close(memfd);
}

static void thousand_frontends_leave_nothing(void **state)
{
	struct mini_driver mini;
	struct vvu_device_status status;
	unsigned int fds = 0, maps = 0;
	int memfd = fe_memfd(1u << 20);
	int call = fe_eventfd(), kick = fe_eventfd();

	mini_create(&mini);
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t queue = i % MINI_QUEUES;
		int sock = fe_session(&mini);

		fe_set_mem_table(&mini, sock, memfd, 1u << 20);
		fe_send(sock, 12, VHU_VERSION, &queue, 8, &kick, 1);
		fe_expect(&mini, 12, NULL, 8);
		fe_send(sock, 13, VHU_VERSION, &queue, 8, &call, 1);
		fe_expect(&mini, 13, NULL, 8);
		close(sock);
		mini_run(&mini);
		if (i == 20) {
			fds = proc_open_fds();
			maps = proc_mappings();
		}
	}
	assert_int_equal(proc_open_fds(), fds);
	assert_in_range(proc_mappings(), 0, maps + 16);
	vvu_emb_query(mini.emb, &status);
	assert_int_equal(status.connections, 1000);
	mini_destroy(&mini);
	close(memfd);
	close(call);
	close(kick);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frontend_waits_for_backend_up),
		cmocka_unit_test(second_frontend_waits_for_the_first),
		cmocka_unit_test(socket_has_the_mode_asked_for),
		cmocka_unit_test(stale_socket_is_replaced),
		cmocka_unit_test(live_socket_is_refused),
		cmocka_unit_test(file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(socket_of_a_successor_is_not_removed),
		cmocka_unit_test(bad_configuration_names_the_field),
		cmocka_unit_test(message_in_single_bytes),
		cmocka_unit_test(too_many_descriptors_disconnect),
		cmocka_unit_test(unexpected_descriptors_are_closed),
		cmocka_unit_test(back_pressure_stops_reading),
		cmocka_unit_test(hang_up_is_seen_under_back_pressure),
		cmocka_unit_test(client_connects_and_reconnects),
		cmocka_unit_test(client_pauses_between_attempts),
		cmocka_unit_test(devices_in_one_process_are_apart),
		cmocka_unit_test(thousand_devices_leave_nothing),
		cmocka_unit_test(thousand_frontends_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
