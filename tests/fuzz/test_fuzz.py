# SPDX-License-Identifier: BSD-3-Clause
"""A short run of every fuzz target from its seeds; VVU_FUZZ_SECONDS makes it a long one."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("VVU_BUILD_FUZZ", "build/fuzz")
SECONDS = int(os.environ.get("VVU_FUZZ_SECONDS", "10"))


@pytest.mark.parametrize("target", ["fuzz_codec", "fuzz_frontend", "fuzz_txq", "fuzz_caps",
                                    "fuzz_split", "fuzz_packed", "fuzz_inflight",
                                    "fuzz_scsi", "fuzz_scsi_queues", "fuzz_blk"])
def test_target(target, tmp_path):
    seeds, found = tmp_path / "seeds", BUILD / "corpus" / target
    subprocess.run([sys.executable, HERE / "seeds.py", seeds], check=True)
    found.mkdir(parents=True, exist_ok=True)
    dictionary = tmp_path / "dictionary"
    dictionary.write_bytes(subprocess.run([BUILD / "tools" / "vvu-messages", "--fuzz-dict"],
                                          check=True, stdout=subprocess.PIPE).stdout)
    run = subprocess.run(
        [BUILD / "tests" / "fuzz" / target, f"-max_total_time={SECONDS}", "-timeout=10",
         "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1", f"-dict={dictionary}",
         f"-artifact_prefix={BUILD}/", str(found), str(seeds / target)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS + 120,
        env=dict(os.environ, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"))
    text = run.stdout.decode(errors="replace")
    assert run.returncode == 0, text[-8000:]
    executed = int(re.search(r"stat::number_of_executed_units:\s+(\d+)", text).group(1))
    assert executed > 1000, text[-2000:]
