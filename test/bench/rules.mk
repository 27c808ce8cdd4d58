# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of guests, which test/bench/full/table builds.
TEST_SKIP += test/bench/full/%
