# SPDX-License-Identifier: BSD-3-Clause
project = "vhost-relay"
copyright = "the authors of vhost-relay"  # pylint: disable=redefined-builtin
extensions = ["myst_parser"]
html_theme = "alabaster"
html_theme_options = {"description": "a VM as the device of another VM", "page_width": "1100px"}
myst_heading_anchors = 3
