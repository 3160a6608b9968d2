# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of two tensors, with broadcasting."""
