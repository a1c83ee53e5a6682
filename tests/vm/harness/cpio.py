# SPDX-License-Identifier: BSD-3-Clause
"""The "newc" archive that the kernel unpacks as its first file system.

It needs no device nodes (devtmpfs makes them), and so it is made without root.
"""
import stat


class Cpio:
    def __init__(self, out):
        self.out, self.inode = out, 0

    def add(self, name, data=b"", mode=stat.S_IFREG | 0o755):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        self._write(b"070701" + b"".join(b"%08x" % field for field in fields) + encoded)
        self._write(data)

    def directory(self, name):
        self.add(name, mode=stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self.add(name, target.encode(), stat.S_IFLNK | 0o777)

    def finish(self):
        self.add("TRAILER!!!", mode=0)

    def _write(self, data):
        self.out.write(data)
        self.out.write(bytes(-len(data) % 4))
