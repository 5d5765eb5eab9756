# SPDX-License-Identifier: Apache-2.0

.PHONY: demo
demo: ## the main job on real input, before your eyes (as root)
	@tests/demo/run
