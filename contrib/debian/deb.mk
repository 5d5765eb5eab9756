# SPDX-License-Identifier: Apache-2.0
# The Debian packages, each made in the Debian that the tests boot.
.PHONY: deb
deb: ## Debian packages for bookworm and trixie, below build/deb (as root)
	contrib/debian/build bookworm
	contrib/debian/build trixie
