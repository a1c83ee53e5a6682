# SPDX-License-Identifier: BSD-3-Clause
"""The cells that net_vvu is measured in, and that its data is checked in: kinds of ring, sizes
of frames, ways that they go. One table for the benchmark and for the test."""
import collections
import itertools

RINGS = ("split", "packed")
SIZES = (64, 256, 1518, "imix", 9000)
DIRECTIONS = ("to_backend", "to_frontend", "both", "forward")
FRONTENDS = (1, 2, 4, 8)
# Of more than one frontend: the usual shapes in these sizes and directions.
FRONTENDS_SIZES = (64, 1518)
FRONTENDS_DIRECTIONS = ("to_backend", "to_frontend")

JUMBO = 9000
ETHERNET_HEADER = 14

# What a frontend and its back-end agree on.
Shape = collections.namedtuple("Shape", "ring mrg in_order")
SHAPES = tuple(Shape(*values) for values in itertools.product(RINGS, (True, False), (True, False)))
USUAL = tuple(shape for shape in SHAPES if shape.mrg and shape.in_order)

# size: bytes without FCS, or "imix": 64, 594 and 1514 as 7:4:1.
Cell = collections.namedtuple("Cell", "shape size direction frontends")

# Processes with the same buffers. ports: shape of each port; room: bytes of data in a buffer;
# loop: frames that go round on each port where both ends send.
Group = collections.namedtuple("Group", "name ports room mtu loop cells")


def on(value):
    return "on" if value else "off"


def pieces(group):
    """Buffers that the longest frame takes."""
    longest = max(1514 if cell.size == "imix" else cell.size for cell in group.cells)
    return -(-longest // group.room)


def name(shape):
    return f"{shape.ring:<6} mrg {on(shape.mrg):<3} in-order {on(shape.in_order):<3}"


def describe(cell):
    """The cell as members of a JSON object."""
    return {"ring": cell.shape.ring, "mrg": cell.shape.mrg, "in_order": cell.shape.in_order,
            "size": cell.size, "direction": cell.direction, "frontends": cell.frontends}


def frontend_args(shape):
    """Arguments of net_virtio_user."""
    return (f"packed_vq={int(shape.ring == 'packed')},mrg_rxbuf={int(shape.mrg)},"
            f"in_order={int(shape.in_order)}")


def agreed(shape, log, port):
    """Whether the log of net_virtio_user (pmd.net.virtio at level info) says of a port that it
    moves packets as that shape has it; what is not offered is left out without a word."""
    rx = f"Rx path on port {port}\n"
    lines = [line for line in log.splitlines(keepends=True) if line.endswith(rx)]
    if not lines:
        return False
    if shape.ring == "packed":
        return "packed ring" in lines[-1] and ("mergeable" in lines[-1]) == shape.mrg
    if shape.in_order:
        return "inorder" in lines[-1]
    return "packed" not in lines[-1] and ("mergeable" in lines[-1]) == shape.mrg


def group_of(title, shapes, sizes, directions, **settings):
    """One frontend, two where frames are forwarded: each shape has two ports."""
    cells = [Cell(shape, size, direction, 2 if direction == "forward" else 1)
             for shape in shapes for size in sizes for direction in directions]
    return Group(title, [shape for shape in shapes for _ in range(2)], cells=cells, **settings)


def groups(shapes=SHAPES, sizes=SIZES, directions=DIRECTIONS, frontends=FRONTENDS):
    """All cells of these, in groups. Frames that are longer than a usual buffer are in several
    where the ring allows that, and else in long ones."""
    short = [size for size in sizes if size != JUMBO]
    several = [count for count in frontends if count > 1]
    usual = {"room": 2048, "mtu": 0, "loop": 256}
    found = []
    if short:
        found.append(group_of("usual", shapes, short, directions, **usual))
    if JUMBO in sizes:
        mtu = JUMBO - ETHERNET_HEADER
        # A ring of 256 usual buffers holds 51 such frames.
        found.append(group_of("merged", [shape for shape in shapes if shape.mrg], [JUMBO],
                              directions, room=2048, mtu=mtu, loop=48))
        found.append(group_of("long", [shape for shape in shapes if not shape.mrg], [JUMBO],
                              directions, room=9216, mtu=mtu, loop=48))
    if several:
        own = [shape for shape in shapes if shape in USUAL]
        cells = [Cell(shape, size, direction, count) for shape in own
                 for size in FRONTENDS_SIZES if size in sizes
                 for direction in FRONTENDS_DIRECTIONS if direction in directions
                 for count in several]
        ports = [shape for shape in own for _ in range(max(several))]
        found.append(Group("frontends", ports, cells=cells, **usual))
    return [group for group in found if group.cells]


def ports_of(group, cell):
    """Port numbers, the same in both processes."""
    return [number for number, shape in enumerate(group.ports)
            if shape == cell.shape][:cell.frontends]
