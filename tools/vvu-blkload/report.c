/* SPDX-License-Identifier: BSD-3-Clause */
#include "../json_out.h"
#include "report.h"

static uint64_t per_second(const struct load *load, uint64_t count)
{
	if (!load->measured_ns)
		return 0;
	return (uint64_t)((unsigned __int128)count * 1000000000u / load->measured_ns);
}

static void report_kind(const struct load *load, const char *key, const struct tally *tally)
{
	static const struct {
		const char *key;
		double per_mille;
	} percentiles[] = { { "p50", 500 }, { "p90", 900 }, { "p99", 990 },
			    { "p99.9", 999 }, { "p99.99", 999.9 } };
	const struct histogram *latency = &tally->latency;

	json_open(key, '{');
	json_u64("ios", latency->count);
	json_u64("bytes", tally->bytes);
	json_u64("iops", per_second(load, latency->count));
	json_u64("bytes_per_s", per_second(load, tally->bytes));
	json_open("latency_ns", '{');
	json_u64("min", tally->least_ns);
	json_u64("mean", latency->count ? latency->sum / latency->count : 0);
	json_u64("max", latency->max);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
		uint64_t value = histogram_percentile(latency, percentiles[i].per_mille);

		/* The middle of a bucket may be below all that is in it. */
		json_u64(percentiles[i].key, value > tally->least_ns ? value : tally->least_ns);
	}
	json_close();
	json_close();
}

static void report_workload(const struct options *options)
{
	json_open("workload", '{');
	json_string("rw", options_mode_name(options->mode));
	json_u64("bs", options->block_bytes);
	json_u64("segment", options->segment_bytes);
	json_u64("iodepth", options->depth);
	json_u64("queues", options->queues);
	json_u64("offset", options->offset_bytes);
	json_u64("mix", options->mix_percent);
	json_u64("flush_every", options->flush_every);
	json_string("wait", options->call ? "call" : "poll");
	json_bool("huge", options->huge);
	json_s64("cpu", options->cpu);
	json_u64("runtime_ns", options->runtime_ns);
	json_u64("ramp_ns", options->ramp_ns);
	json_u64("ios", options->ios);
	json_u64("seed", options->seed);
	json_close();
}

static void report_device(const struct load *load, const struct disk *disk)
{
	const struct device *device = &disk->device;

	json_open(NULL, '{');
	json_string("socket", device->path);
	json_u64("capacity_bytes", device->capacity_bytes);
	json_u64("block_bytes", device->block_bytes);
	json_u64("features", device->features);
	json_u64("protocol_features", device->protocol_features);
	json_bool("packed", device_has(device, VIRTIO_F_RING_PACKED));
	json_bool("event_idx", device_has(device, VIRTIO_RING_F_EVENT_IDX));
	json_bool("indirect", device_has(device, VIRTIO_RING_F_INDIRECT_DESC));
	json_u64("ring_size", disk->lane[0].vq.config.size);
	json_u64("region_bytes", device->blocks * load->options->block_bytes);
	json_u64("ios", disk->measured);
	json_u64("iops", per_second(load, disk->measured));
	json_close();
}

void report(const struct load *load)
{
	static const char *const keys[] = { [IO_READ] = "read", [IO_WRITE] = "write",
					    [IO_FLUSH] = "flush" };
	uint64_t ios = 0, bytes = 0;

	for (unsigned int i = 0; i < IO_KINDS; i++) {
		ios += load->tally[i].latency.count;
		bytes += load->tally[i].bytes;
	}
	json_open(NULL, '{');
	report_workload(load->options);
	json_open("devices", '[');
	for (unsigned int i = 0; i < load->options->devices; i++)
		report_device(load, &load->disk[i]);
	json_close();
	json_u64("measured_ns", load->measured_ns);
	json_u64("ios", ios);
	json_u64("iops", per_second(load, ios));
	json_u64("bytes_per_s", per_second(load, bytes));
	json_u64("workload_ios", load->workload_ios);
	for (unsigned int i = 0; i < IO_KINDS; i++)
		report_kind(load, keys[i], &load->tally[i]);
	json_u64("rounds", load->rounds);
	json_u64("empty_rounds", load->empty_rounds);
	json_u64("kicks", load->kicks);
	json_u64("wakeups", load->wakeups);
	json_open("errors", '{');
	json_u64("failed", load->failed);
	json_u64("wrong_blocks", load->wrong_blocks);
	if (load->first_error[0])
		json_string("first", load->first_error);
	json_close();
	if (load->options->verify)
		json_u64("checked_blocks", load->checked_blocks);
	json_close();
}
