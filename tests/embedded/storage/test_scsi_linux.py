# SPDX-License-Identifier: BSD-3-Clause
"""Linux uses SCSI disks: file system, fio with checksums, commands with exact answers, disks
that come and go."""
import re

import pytest

from harness import filesystem, fio

SIZE = 64 << 20
BLOCKS = SIZE // 512


@pytest.fixture
def program(vhost_scsi):
    return vhost_scsi("--lun", f'{{"store": "ram:{SIZE}", "serial": "serial-of-lun-0"}}',
                      "--name", "scsi0", rpc=True)


@pytest.fixture
def function(program, plug):
    found = plug(program.socket, "vhost-user-scsi-pci")
    found.wait_luns([0])
    return found


@pytest.fixture
def path(function):
    return f"/dev/{function.luns()[0][0]}"


@pytest.fixture
def node(function):
    return f"/dev/{function.luns()[0][1]}"


def test_file_system(vm, path):
    assert int(vm.text(f"blockdev --getsize64 {path}")) == SIZE
    filesystem.fill_and_check(vm, filesystem.partition(vm, path))


def test_fio_verify(vm, path):
    jobs = [{"rw": rw, "bs": bs, "iodepth": depth, "size": size, "fsync": 32}
            for rw in ("write", "randwrite")
            for bs, depth, size in (("512", 1, "128k"), ("4k", 32, "2m"), ("64k", 8, "8m"),
                                    ("1m", 4, "16m"))]
    assert len(fio.run(vm, path, jobs)) == len(jobs)


def test_inquiry(vm, node):
    said = vm.text(f"sg_inq {node}")
    assert "Peripheral device type: disk" in said
    assert "CmdQue=1" in said and "RMB=0" in said
    assert "Unit serial number: serial-of-lun-0" in said


def test_supported_pages(vm, node):
    """Those that SBC-3 wants of a disk with thin provisioning, and 0 first."""
    said = vm.text(f"sg_vpd -H --page=0 {node}")
    data = bytes.fromhex("".join(re.findall(r"^ *[0-9a-f]+ +((?:[0-9a-f]{2}[ -]+)+)", said,
                                            re.M)).replace("-", " "))
    pages = list(data[4:4 + int.from_bytes(data[2:4], "big")])
    assert pages == sorted(pages) and pages[0] == 0
    assert {0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2} <= set(pages)


def test_capacity(vm, node):
    said = vm.text(f"sg_readcap --16 {node}")
    assert f"Last LBA={BLOCKS - 1} " in said
    assert "Logical block length=512 bytes" in said
    assert "lbpme=1" in said


def test_luns(vm, node):
    said = vm.text(f"sg_luns --decode {node}")
    assert "number of luns: 1" in said.lower() or "1 lun" in said.lower(), said


def test_unit_is_ready_and_flushes(vm, node):
    vm.run(f"sg_turs {node} && sg_sync {node} && sg_start --start {node}")


def test_unmapped_blocks_are_zeroes(vm, path, node):
    vm.run(f"tr '\\0' u </dev/zero | dd of={path} bs=4k count=16 iflag=fullblock oflag=direct")
    vm.run(f"sg_unmap --force --lba=8 --num=16 {node}")
    assert vm.text(f"dd if={path} bs=512 skip=8 count=16 iflag=direct 2>/dev/null "
                   "| tr -d '\\0' | wc -c") == "0"
    assert vm.text(f"dd if={path} bs=512 count=128 iflag=direct 2>/dev/null "
                   "| tr -d '\\0' | wc -c") == str(112 * 512)


def test_write_same(vm, path, node):
    vm.run("tr '\\0' w </dev/zero | head -c 512 >/tmp/block")
    vm.run(f"sg_write_same --10 --in=/tmp/block --lba=100 --num=50 {node}")
    assert vm.text(f"dd if={path} bs=512 skip=99 count=52 iflag=direct 2>/dev/null "
                   "| tr -d '\\0' | wc -c") == str(50 * 512)


def test_compare_and_write(vm, path, node):
    """Writes where it compares equal; else MISCOMPARE, which sg3_utils makes status 14."""
    vm.run("(head -c 512 /dev/zero; tr '\\0' c </dev/zero | head -c 512) >/tmp/pair")
    command = f"sg_compare_and_write --in=/tmp/pair --lba=7 --num=1 --xferlen=1024 {node}"
    vm.run(f"dd if=/dev/zero of={path} bs=512 seek=7 count=1 oflag=direct")
    vm.run(command)
    assert vm.text(f"dd if={path} bs=512 skip=7 count=1 iflag=direct 2>/dev/null "
                   "| tr -d c | wc -c") == "0"
    assert vm.run(command, check=False).code == 14


def test_beyond_the_end(vm, node):
    """LOGICAL BLOCK ADDRESS OUT OF RANGE."""
    result = vm.run(f"sg_raw -r 512 {node} 88 00 00 00 00 00 00 02 00 00 00 00 00 01 00 00",
                    check=False)
    assert result.code != 0
    assert b"Logical block address out of range" in result.err + result.out


def test_reservation(vm, node):
    out = f"sg_persist --out {node}"
    vm.run(f"{out} --register --param-sark=abc")
    assert "0xabc" in vm.text(f"sg_persist --in --read-keys {node}")
    vm.run(f"{out} --reserve --param-rk=abc --prout-type=1")
    assert "Write Exclusive" in vm.text(f"sg_persist --in --read-reservation {node}")
    vm.run(f"{out} --release --param-rk=abc --prout-type=1")
    vm.run(f"{out} --clear --param-rk=abc")
    assert "NO registered reservation keys" in vm.text(f"sg_persist --in --read-keys {node}")


def test_reset(vm, path, node):
    vm.run(f"sg_reset --device {node}")
    fio.run(vm, path, [{"rw": "randwrite", "bs": "4k", "size": "256k", "iodepth": 4}])


def test_disks_come_and_go(vm, program, function):
    """The guest finds and loses them by itself."""
    program.rpc("lun.add", name="scsi0", lun=3, store="ram:8M")
    disk, _ = function.wait_luns([0, 3])[3]
    assert int(vm.text(f"blockdev --getsize64 /dev/{disk}")) == 8 << 20
    fio.run(vm, f"/dev/{disk}", [{"rw": "write", "bs": "64k", "size": "4m", "iodepth": 4}])
    program.rpc("lun.remove", name="scsi0", target=0, lun=3)
    function.wait_luns([0])


def test_size(vm, program, path):
    program.rpc("lun.resize", name="scsi0", target=0, lun=0, size=SIZE * 2)
    vm.wait_for(f'test "$(blockdev --getsize64 {path})" = {SIZE * 2}', 30)
