# SPDX-License-Identifier: Apache-2.0
#
# The virtual machines of the tests, and the packages of the host.

.PHONY: vm-bookworm vm-trixie vm-selftest deps

vm-bookworm: ## the Debian 12 that the tests boot, made once
vm-trixie: ## the Debian 13 that the tests boot, made once
vm-bookworm vm-trixie: vm-%:
	tests/vm/tree $*

vm-selftest: ## that both Debians boot, with and without systemd
	for os in bookworm trixie; do for init in "" --systemd; do \
	tests/vm/run --os $$os $$init --disk 2048 tests/vm/selftest.sh || exit; done; done

deps: ## installs what building, running and testing need (as root)
	contrib/deps build test vm demo
