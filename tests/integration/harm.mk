# SPDX-License-Identifier: Apache-2.0

.PHONY: harm
HARM_OS    ?= bookworm trixie
LOWERINGS  ?= 300
CHANGES    ?= 50
harm: ## 300 lowerings of honest loads, 50 predictions and what came of them, in the guests (as root)
	@set -o pipefail; for os in $(HARM_OS); do \
	        tests/vm/run --os $$os --disk 1024 --memory 6144 --timeout 7200 \
	                tests/integration/harm.sh $(LOWERINGS) | tee build/harm-$$os.log && \
	        tests/vm/run --os $$os --disk 1024 --memory 3072 --timeout 7200 \
	                tests/integration/outcome.sh $(CHANGES) | tee build/outcome-$$os.log || exit; \
	done
