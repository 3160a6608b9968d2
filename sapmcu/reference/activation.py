# SPDX-License-Identifier: Apache-2.0
"""Activations: LUTs and clamps."""
