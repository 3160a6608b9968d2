# SPDX-License-Identifier: Apache-2.0
from sapmcu.cli import main

main()
