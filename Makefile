# SPDX-License-Identifier: Apache-2.0
#
# The front door. Each target first installs what the machine lacks (.ci/setup says so), then calls
# CMake with a preset; build/<preset>/ is the result.
#
#   make             build the release            make bench     run the benchmarks
#   make demo        find a real leak             make format    clang-format every C file
#   make test        build and run every test     make install   PREFIX=/usr/local DESTDIR=
#   make clean       remove build/

PREFIX ?= /usr/local
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# Ninja when it is there; looked up when the recipe runs, since set-up may just have installed it.
configure = CMAKE_GENERATOR=$$(command -v ninja >/dev/null && echo Ninja || echo 'Unix Makefiles') \
	cmake --preset $(1) $(2) >/dev/null
build = cmake --build --preset $(1) --parallel $(JOBS) $(if $(2),--target $(2))
# Warnings of a compiler newer than ours are for CI to refuse, not for a newcomer.
werror = -DMEMREC_WERROR=$(if $(CI),ON,OFF)

.PHONY: all demo test bench install format clean

all:
	@.ci/setup build
	@$(call configure,release,-DCMAKE_INSTALL_PREFIX=$(PREFIX))
	@$(call build,release,memrec memrec_static memanalyze)

demo:
	@.ci/setup demo
	@$(call configure,release)
	@$(call build,release,memrec memanalyze leaky)
	@.ci/demo build/release

test:
	@.ci/setup test
	@$(call configure,dev,$(werror))
	@$(call build,dev)
	@ctest --preset dev --no-label-summary

bench: all
	@cmake --build --preset release --target bench

install: all
	@DESTDIR=$(DESTDIR) cmake --install build/release

format:
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format -i

clean:
	@rm -rf build
