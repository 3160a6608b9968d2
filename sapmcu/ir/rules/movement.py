# SPDX-License-Identifier: Apache-2.0
"""Rules of ops that only move data."""
