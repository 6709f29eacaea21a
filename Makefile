# `make help` lists every target. A help text follows `## `; one that begins with [COMMAND] shows
# that command in place of `make TARGET`.

LUAS     := lua5.4 lua5.3 luajit
LUA      ?= lua5.4
ifeq ($(origin CC),default)
CC       := gcc
endif
BUILD    ?= build
PREFIX   ?= /usr/local

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wcast-qual -Wmissing-prototypes -Wstrict-prototypes -Wundef \
            -Wwrite-strings -Wpointer-arith -Wold-style-definition
CSTD     := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -Icsrc
LDSHARED := -shared -Wl,-z,nodelete -Wl,--no-undefined-version
INSTRUMENT ?=

include_lua5.4 := $(shell pkg-config --cflags lua5.4 2>/dev/null)
include_lua5.3 := $(shell pkg-config --cflags lua5.3 2>/dev/null)
include_luajit := $(shell pkg-config --cflags luajit 2>/dev/null)

libs_core       := -lcrypto -lm
libs_http       := -lcurl -lssl -lm
libs_store      := -lsqlite3 -lzip -lm
libs_server     := -lmicrohttpd -lm
libs_simulation := -lsqlite3 -lcrypto -lm

# Which floors' sources go into which shared object; csrc/core is linked into each.
sources_core   := csrc/io/clock.c csrc/io/poll.c csrc/io/term.c csrc/io/shared_limits.c \
    csrc/io/boot.c
sources_server := $(wildcard csrc/io/httpd*.c) csrc/io/faulty_response.c csrc/io/clock.c
sources_http   := $(filter-out csrc/io/httpd%,$(wildcard csrc/io/http*.c)) csrc/io/clock.c
sources_store  := $(wildcard csrc/io/journal*.c csrc/io/archive*.c csrc/io/partial_file.c) csrc/io/lock_holder.c csrc/io/boot.c \
    csrc/io/clock.c csrc/io/folder.c
sources_simulation := $(wildcard csrc/mock/*.c csrc/mock/*/*.c) csrc/io/journal_lock.c \
    csrc/io/lock_holder.c

# Embeds the page /_mock/ as a C string.
extra_simulation := $(BUILD)/obj/mock/control/panel_html.o

core_objects := $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(wildcard csrc/core/*.c))
modules      := $(foreach so,core http store server simulation,$(if $(wildcard csrc/binding/$(so)_*.c),$(so)))

.PHONY: build
build: ## build for Lua 5.4, Lua 5.3 and LuaJIT; plain `make` does the same
build: $(foreach lua,$(LUAS),$(foreach so,$(modules),$(BUILD)/$(lua)/gitlab_pipelines/$(so).so))

$(BUILD)/obj/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARNINGS) $(INSTRUMENT) -MMD -MP -c -o $@ $<

$(BUILD)/obj/mock/control/panel_html.o: csrc/mock/control/panel.html csrc/mock/control/panel.h
	@mkdir -p $(@D)
	@{ echo '#include "mock/control/panel.h"'; echo 'const char gp_panel_html[] ='; \
	   sed 's/\\/\\\\/g; s/"/\\"/g; s/?/\\?/g; s/.*/"&\\n"/' $<; echo ';'; } >$(@:.o=.c)
	$(CC) $(CSTD) $(CFLAGS) $(WARNINGS) $(INSTRUMENT) -c -o $@ $(@:.o=.c)

$(BUILD)/obj/libgpcore.a: $(core_objects)
	@rm -f $@ && ar rcs $@ $^

# One rule per Lua for the binding, one per Lua and module for the shared object.
define lua_rules
$(BUILD)/obj/$(1)/%.o: csrc/binding/%.c
	@mkdir -p $$(@D)
	$$(CC) $$(CSTD) $$(include_$(1)) $$(CFLAGS) $$(WARNINGS) $$(INSTRUMENT) -MMD -MP -c -o $$@ $$<
$(foreach so,$(modules),$(call so_rules,$(1),$(so)))
endef
define so_rules

$(BUILD)/$(1)/gitlab_pipelines/$(2).so: $(BUILD)/obj/$(1)/lgp.o \
    $(patsubst csrc/binding/%.c,$(BUILD)/obj/$(1)/%.o,$(wildcard csrc/binding/$(2)_*.c)) \
    $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(sources_$(2))) $(extra_$(2)) $(BUILD)/obj/libgpcore.a
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(INSTRUMENT) $$(LDSHARED) -o $$@ $$^ $$(libs_$(2))
endef
$(foreach lua,$(LUAS),$(eval $(call lua_rules,$(lua))))

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

version_lua5.4 := 5.4
version_lua5.3 := 5.3
version_luajit := 5.1

# The two search paths of the checkout, for `eval "$(make -s env)"`.
lua_path  = $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;
lua_cpath = $(abspath $(BUILD))/$(LUA)/?.so;;
.PHONY: env
env: ## [eval "$(make -s env LUA=lua5.4)"] use this checkout in a shell: sets LUA_PATH and LUA_CPATH
	@echo "export LUA_PATH='$(lua_path)'"
	@echo "export LUA_CPATH='$(lua_cpath)'"

.PHONY: deps
deps: ## install the Debian packages that are missing
	@scripts/deps.sh build run test lint

# One spec or all: make spec SPEC=spec/client/client_spec.lua LUA=luajit
SPEC ?= spec
.PHONY: spec
spec: ## [make spec SPEC=spec/core/uri_spec.lua LUA=luajit] run one spec file or folder under one Lua
spec: build
	@BUILD=$(BUILD) scripts/spec.sh $(LUA) $(SPEC)

# Installs missing packages before the sub-make needs them.
.PHONY: test
test: ## run every spec under the three Luas; installs what is missing
	@scripts/deps.sh build run test
	@$(MAKE) --no-print-directory build
	@BUILD=$(BUILD) scripts/spec.sh all

.PHONY: demo
demo: ## release several projects against the simulated GitLab
demo: ## [make demo FAIL=web] show a release that fails
	@scripts/deps.sh build run
	@$(MAKE) --no-print-directory -q build 2>/dev/null || echo "building, this once"
	@$(MAKE) --no-print-directory -j$(shell nproc) build >/dev/null
	@scripts/demo.sh $(FAIL)

.PHONY: lint
lint: ## luacheck, clang-format, clang-tidy, codespell, warnings, floors
	@scripts/deps.sh build run test lint
	@scripts/lint.sh

.PHONY: sanitize
sanitize: ## run every spec under ASan and UBSan
	@scripts/deps.sh build run test lint
	@scripts/sanitize.sh

.PHONY: coverage
coverage: ## measure how much C and Lua the specs reach; fail below bounds
	@scripts/deps.sh build run test
	@scripts/coverage.sh

.PHONY: mutation
mutation: ## invert each condition of the retry decisions; a spec must fail each time
mutation: build
	@lua5.4 spec/mutation/run.lua

.PHONY: fuzz
fuzz: ## run each fuzzer of spec/fuzz for a minute
	@scripts/deps.sh build lint
	@scripts/check.sh fuzz scripts/fuzz.sh 60

.PHONY: proofs
proofs: ## run the long matrices: every seed and every case (GP_FULL=1)
	@scripts/deps.sh build run test
	@$(MAKE) --no-print-directory build >/dev/null
	@BUILD=$(BUILD) scripts/proofs.sh $(LUA)

.PHONY: examples
examples: ## run every example and every documented command
	@scripts/deps.sh build run test
	@$(MAKE) --no-print-directory build >/dev/null
	@scripts/examples.sh

.PHONY: ci
ci: ## run everything that must pass before a merge
ci: test ci-rest

.PHONY: ci-rest
ci-rest:
	@scripts/deps.sh build run test lint
	@$(MAKE) --no-print-directory -k -j3 --output-sync=target lint sanitize coverage fuzz examples pages-here \
	    openapi-lint-here

.PHONY: bench
bench: ## measure against other programs; one row each
	@scripts/deps.sh build run test bench
	@$(MAKE) --no-print-directory build >/dev/null
	@BUILD=$(BUILD) bench/run.sh

.PHONY: docs-assets
docs-assets: ## fetch Swagger UI and ReDoc (npm) for /docs and /redoc
	@scripts/docs_assets.sh $(BUILD)/docs-assets

.PHONY: pages pages-here
pages: ## test /docs, /redoc and /_mock/ in Chromium; installs chromium and npm
	@scripts/deps.sh build run test
	@$(MAKE) --no-print-directory build >/dev/null
	@BUILD=$(BUILD) scripts/pages.sh install
# The same, without installing anything: a browser is too large to install for every `make ci`.
pages-here:
	@BUILD=$(BUILD) scripts/pages.sh here

.PHONY: api-md
api-md: ## regenerate docs/API.md from the route table
api-md: build
	@BUILD=$(BUILD) scripts/api_md.sh

.PHONY: openapi-lint
openapi-lint: ## check the contract with @redocly/cli and spectral (npm)
openapi-lint: build
	@BUILD=$(BUILD) scripts/openapi_lint.sh
# Counted as one case; skipped, and passes, without npm.
.PHONY: openapi-lint-here
openapi-lint-here:
	@BUILD=$(BUILD) scripts/check.sh openapi-lint scripts/openapi_lint.sh

.PHONY: install
install: ## [make install PREFIX=/usr/local] install below PREFIX: bin, share/lua, lib/lua
install: build
	@PREFIX='$(DESTDIR)$(PREFIX)' BUILD=$(BUILD) scripts/install.sh

# For luarocks: one Lua, whose headers and folders luarocks names.
.PHONY: rock rock-install
rock:
	@$(MAKE) --no-print-directory LUAS=rock include_rock='-I$(LUA_INCDIR)' build
rock-install:
	@rm -rf '$(INST_LUADIR)/gitlab_pipelines' '$(INST_LIBDIR)/gitlab_pipelines'
	@install -d '$(INST_LUADIR)' '$(INST_LIBDIR)/gitlab_pipelines' '$(INST_BINDIR)'
	@cp -R lua/gitlab_pipelines '$(INST_LUADIR)/'
	@install -m 755 $(BUILD)/rock/gitlab_pipelines/*.so '$(INST_LIBDIR)/gitlab_pipelines/'
	@install -m 755 bin/gitlab-pipelines '$(INST_BINDIR)/'

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { \
	    shown[++n] = "make " $$1; text[n] = $$2; \
	    if (match($$2, /^\[[^]]*\] /)) { \
	        shown[n] = substr($$2, 2, RLENGTH - 3); text[n] = substr($$2, RLENGTH + 1) } \
	    if (length(shown[n]) > width) width = length(shown[n]) } \
	    END { for (i = 1; i <= n; i++) printf "  %-*s  %s\n", width, shown[i], text[i] }' \
	    $(firstword $(MAKEFILE_LIST))
