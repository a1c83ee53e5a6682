/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_target.h"

int main(int argc, char **argv)
{
	return program_main(&fake_type, argc, argv);
}
