# Two commands for everybody: `make demo` and `make test`; `make cuda` for those with a GPU. The others serve maintainers.
#
# `scripts/setup.sh` makes sure that the HDF5 C library is there and writes how to build into
# .deps/build.env: either against the system's library, or with the `static-io` feature.

BUILD = . .deps/build.env && cargo
LANGEVIN = target/release/langevin

.PHONY: demo test setup build cuda check-cuda check results bench

demo: build
	@scripts/demo.sh $(LANGEVIN) out/demo

test: setup
	$(BUILD) test --release --workspace $$LANGEVIN_FEATURES

build: setup
	$(BUILD) build --release $$LANGEVIN_FEATURES

# The same program, with --device cuda too, as target/release/langevin-cuda: it starts without a GPU,
# and looks for one when asked.
cuda: setup
	scripts/cuda/setup.sh
	. .deps/cuda.env && $(BUILD) build --release --features cuda $$LANGEVIN_FEATURES
	cp -f $(LANGEVIN) $(LANGEVIN)-cuda

# Lints of what only programs for GPUs have, and whether NVRTC compiles their kernels; after `make cuda`, without a GPU.
check-cuda:
	. .deps/cuda.env && $(BUILD) clippy --release --features cuda $$LANGEVIN_FEATURES -- -D warnings
	. .deps/cuda.env && $(BUILD) test --release -p langevin-kernels --features cuda --lib -- cuda twins

setup: .deps/build.env

.deps/build.env: scripts/setup.sh
	@scripts/setup.sh

check: setup
	cargo fmt --all --check
	$(BUILD) clippy --release --workspace --all-targets $$LANGEVIN_FEATURES -- -D warnings

# The README's tables, from the files in docs/results.
results: build
	$(LANGEVIN) results README.md

# Side by side with the peers; needs Python with the packages named in benches/peers/README.md.
bench: build
	benches/peers/all.sh
