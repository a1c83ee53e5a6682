# SPDX-License-Identifier: BSD-3-Clause
"""Boots virtual machines for tests and runs commands in them. Standard library only.

kernel, cpio, image, images   what a guest boots
qemu, accel, qmp, agent, vm   one virtual machine
kernel_log, logs              what a failure leaves behind
pair                          the two machines of the project: frontend and backend
"""
