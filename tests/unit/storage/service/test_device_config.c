/* SPDX-License-Identifier: BSD-3-Clause */
/* What all devices have in common in their descriptions, and functions by uuid. */
#include "test.h"

#include <sys/stat.h>

#include "storage/service/device_config.h"
#include "storage/service/function.h"

#define WORKERS 3

static json_t *description;

static int read_text(const char *text, struct device_config *config, struct vhu_reason *reason)
{
	json_decref(description);
	description = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(description);
	return device_config_read(description, WORKERS, "fake7", config, reason);
}

static void defaults_are_filled_in(void **state)
{
	struct device_config config;
	struct vhu_reason reason;

	assert_int_equal(read_text("{\"socket-path\":\"/s\"}", &config, &reason), 0);
	assert_string_equal(config.target.name, "fake7");
	assert_string_equal(config.target.socket_path, "/s");
	assert_int_equal(config.target.socket_fd, -1);
	assert_null(config.target.device);
	assert_int_equal(config.target.queues, WORKERS);
	assert_null(config.target.map);
	assert_false(config.target.packed);
	assert_int_equal(config.target.socket_mode, 0);
	assert_int_equal(json_object_size(config.own), 0);
	device_config_free(&config);
}

static void common_keys_are_taken_and_others_left_to_the_type(void **state)
{
	struct device_config config;
	struct vhu_reason reason;

	assert_int_equal(read_text("{\"name\":\"disk-1\",\"socket-path\":\"/s\",\"queues\":5,"
				   "\"map\":[2,0],\"packed\":true,\"socket-mode\":\"0666\","
				   "\"socket-group\":\"4711\",\"word\":\"w\"}",
				   &config, &reason),
			 0);
	assert_string_equal(config.target.name, "disk-1");
	assert_int_equal(config.target.queues, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(config.target.map[i], i % 2 ? 0 : 2);
	assert_true(config.target.packed);
	assert_int_equal(config.target.socket_mode, 0666);
	assert_int_equal(config.target.socket_group, 4711);
	assert_int_equal(json_object_size(config.own), 1);
	assert_string_equal(json_string_value(json_object_get(config.own, "word")), "w");
	device_config_free(&config);
}

static void function_by_address(void **state)
{
	struct device_config config;
	struct vhu_reason reason;

	assert_int_equal(read_text("{\"device\":\"0000:0A:05.0\"}", &config, &reason), 0);
	assert_string_equal(config.target.device, "0000:0a:05.0");
	device_config_free(&config);
}

static void wrong_descriptions_are_named(void **state)
{
	static const struct {
		const char *text, *part;
	} wrong[] = {
		{ "[]", "not an object" },
		{ "{}", "fake7: needs one of socket-path, fd and device" },
		{ "{\"fd\":3,\"socket-path\":\"/s\"}", "more than one" },
		{ "{\"fd\":-1}", "fd: -1" },
		{ "{\"device\":\"5\"}", "\"5\" is neither a PCI address nor a uuid" },
		{ "{\"socket-path\":\"/s\",\"queues\":0}", "queues: 0" },
		{ "{\"socket-path\":\"/s\",\"queues\":257}", "queues: 257" },
		{ "{\"socket-path\":\"/s\",\"map\":[3]}",
		  "map: entry 0 is not a number from 0 to 2" },
		{ "{\"socket-path\":\"/s\",\"packed\":1}", "packed: neither" },
		{ "{\"socket-path\":\"/s\",\"name\":\"a b\"}", "name: \"a b\"" },
		{ "{\"socket-path\":\"/s\",\"name\":\"\"}", "name: is empty" },
		{ "{\"socket-path\":\"/s\",\"socket-group\":\"no-such-group\"}", "no-such-group" },
		{ "{\"fd\":3,\"socket-mode\":\"0600\"}", "socket-mode is for socket-path only" },
		{ "{\"fd\":3,\"socket-group\":\"0\"}", "socket-group is for socket-path only" },
	};
	struct device_config config;
	struct vhu_reason reason;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_text(wrong[i].text, &config, &reason), -EINVAL);
		ASSERT_SAYS(reason, wrong[i].part);
		device_config_free(&config);
	}
}

/* ---- functions by uuid ---- */

#define UUID "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

static char sysfs[64];

static void put(const char *function, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", sysfs, function, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void add_function(const char *function, const char *vendor, const char *device,
			 const char *driver)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", sysfs, function);
	assert_int_equal(mkdir(path, 0700), 0);
	put(function, "vendor", vendor);
	put(function, "device", device);
	if (driver == NULL)
		return;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", sysfs, function);
	snprintf(target, sizeof(target), "/drivers/%s", driver);
	assert_int_equal(symlink(target, path), 0);
}

static int make_sysfs(void **state)
{
	static const char *const parts[] = { "", "/bus", "/bus/pci", "/bus/pci/devices" };
	char path[256];

	snprintf(sysfs, sizeof(sysfs), "/tmp/service-sysfs-%d", getpid());
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", sysfs, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	return 0;
}

static int remove_sysfs(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", sysfs);
	return system(command);
}

/* Functions have uuids that end in their device number, 05 is in use, 06 has the one above. */
static int read_uuid(const char *address, uint8_t uuid[16], void *arg)
{
	unsigned int *opened = arg;

	(*opened)++;
	function_parse_uuid(UUID, uuid);
	if (strcmp(address, "0000:00:05.0") == 0)
		return -EBUSY;
	if (strcmp(address, "0000:00:06.0") != 0)
		uuid[15] = 0;
	return 0;
}

static void function_is_found_by_uuid(void **state)
{
	char address[VHR_PCI_ADDRESS_MAX];
	struct vhu_reason reason;
	unsigned int opened = 0;

	add_function("0000:00:02.0", "0x8086\n", "0x106b\n", "vfio-pci");
	add_function("0000:00:03.0", "0x1af4\n", "0x1041\n", "vfio-pci");
	add_function("0000:00:04.0", "0x1af4\n", "0x106b\n", "vfio-pci");
	add_function("0000:00:05.0", "0x1af4\n", "0x1058\n", "vfio-pci");
	add_function("0000:00:06.0", "0x1af4\n", "0x107d\n", "vfio-pci");
	add_function("0000:00:07.0", "0x1af4\n", "0x1075\n", "vfio-pci");
	assert_int_equal(function_find_at(sysfs, read_uuid, &opened, UUID, address, &reason), 0);
	assert_string_equal(address, "0000:00:06.0");
	/* Neither another's, nor another kind, nor one after it is touched. */
	assert_int_equal(opened, 3);
	assert_int_equal(function_find_at(sysfs, read_uuid, &opened,
					  "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", address, &reason),
			 0);
}

static void what_was_seen_is_told_when_none_matches(void **state)
{
	char address[VHR_PCI_ADDRESS_MAX];
	struct vhu_reason reason;
	unsigned int opened = 0;

	assert_int_equal(function_find_at(sysfs, read_uuid, &opened, UUID, address, &reason),
			 -ENODEV);
	ASSERT_SAYS(reason, "there is no virtio-vhost-user function");
	add_function("0000:00:04.0", "0x1af4\n", "0x106b\n", "vfio-pci");
	add_function("0000:00:05.0", "0x1af4\n", "0x106b\n", "vfio-pci");
	add_function("0000:00:08.0", "0x1af4\n", "0x106b\n", NULL);
	add_function("0000:00:09.0", "0x1af4\n", "0x106b\n", "pci-stub");
	assert_int_equal(function_find_at(sysfs, read_uuid, &opened, UUID, address, &reason),
			 -ENODEV);
	ASSERT_SAYS(reason, UUID);
	ASSERT_SAYS(reason, "0000:00:04.0 is f81d4fae-7dec-11d0-a765-00a0c91e6b00");
	ASSERT_SAYS(reason, "0000:00:05.0: Device or resource busy");
	ASSERT_SAYS(reason, "0000:00:08.0 has driver none");
	assert_int_equal(opened, 2);
}

static void uuids_are_spelled_in_one_way(void **state)
{
	static const char *const wrong[] = {
		"", "f81d4fae", "f81d4fae7dec11d0a76500a0c91e6bf6", UUID "0",
		"g81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765000a0c91e6bf6-",
	};
	uint8_t uuid[16];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(function_parse_uuid(wrong[i], uuid), -EINVAL);
	assert_int_equal(function_parse_uuid(UUID, uuid), 0);
	assert_memory_equal(uuid,
			    "\xf8\x1d\x4f\xae\x7d\xec\x11\xd0\xa7\x65\x00\xa0\xc9\x1e\x6b\xf6", 16);
}

static int forget(void **state)
{
	json_decref(description);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(common_keys_are_taken_and_others_left_to_the_type),
		cmocka_unit_test(function_by_address),
		cmocka_unit_test(wrong_descriptions_are_named),
		cmocka_unit_test_setup_teardown(function_is_found_by_uuid, make_sysfs,
						remove_sysfs),
		cmocka_unit_test_setup_teardown(what_was_seen_is_told_when_none_matches, make_sysfs,
						remove_sysfs),
		cmocka_unit_test(uuids_are_spelled_in_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
