# SPDX-License-Identifier: BSD-3-Clause
"""What scripts and tests rely on when they tell a testpmd something."""
import sys

from dpdk import dpdkrun

# A testpmd that is slow: to read, to do, and to say that it is done.
SLOW = r"""
import sys, time
def put(text):
    sys.stdout.write(text)
    sys.stdout.flush()
put("testpmd> ")
for line in sys.stdin:
    time.sleep(0.3)
    put(line.strip() + "\r\n")
    time.sleep(0.3)
    put(f"{line.strip()} is done\n")
    time.sleep(0.3)
    put("testpmd> ")
"""


def test_prompt_of_the_command_before_is_not_the_next_one_s():
    with dpdkrun.Runner("slow-testpmd") as runner:
        testpmd = runner.start("slow", [sys.executable, "-c", SLOW], interactive=True).ready()
        assert "first is done" in testpmd.do("first", "is done")
        assert "second is done" in testpmd.do("second")
        assert "third is done" in testpmd.do("third")
        testpmd.popen.stdin.close()
        assert testpmd.wait(20) == 0
