#!/usr/bin/env bash
# Runs every static check, each counted as one case.
set -u
cd "$(dirname "$0")/.."
worst=0
check() { scripts/check.sh "$@" || worst=1; }

sources() { git ls-files 'csrc/*.c' 'csrc/*.h' 'spec/c/*.c' 'bench/*.c'; }
format() { sources | xargs clang-format --dry-run --Werror; }
tidy() {
    git ls-files 'csrc/*.c' | xargs -P 2 -n 6 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$@" -- \
        -std=c11 -D_GNU_SOURCE -Icsrc '"$(pkg-config --cflags lua5.4)" tidy
}
# Both compilers, with -Werror, in separate build folders.
warnings() { make -j2 BUILD="build/warn-$1" CC="$1" CFLAGS='-O2 -Werror' build; }
export -f sources format tidy warnings

check luacheck luacheck -q lua spec examples scripts bench bin/gitlab-pipelines
check clang-format bash -c format
check clang-tidy bash -c tidy
check gcc-warnings bash -c 'warnings gcc'
check clang-warnings bash -c 'warnings clang'
# Reads calls from the objects of the preceding build.
check floors lua5.4 scripts/floors.lua . build/warn-gcc/obj
check codespell codespell -q 3 -S 'spec/fuzz/corpus' -I scripts/codespell_ignore.txt \
    csrc lua docs spec README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md
check shell bash -c 'for f in scripts/*.sh bench/*.sh .ci/run; do [ ! -e "$f" ] || bash -n "$f" || exit 1; done'
exit $worst
