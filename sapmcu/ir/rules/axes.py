# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that pool, reduce or normalise over axes."""
