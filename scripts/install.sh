#!/bin/sh
# Installs into PREFIX/bin, PREFIX/share/lua/<version> and PREFIX/lib/lua/<version>.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
install -d "$PREFIX/bin"
install -m 755 bin/gitlab-pipelines "$PREFIX/bin/gitlab-pipelines"
for pair in lua5.4:5.4 lua5.3:5.3 luajit:5.1; do
    lua=${pair%%:*} version=${pair##*:}
    [ -d "$build/$lua/gitlab_pipelines" ] || continue
    # Modules of an older version that are folders now, or gone, would be found before the new ones.
    rm -rf "$PREFIX/share/lua/$version/gitlab_pipelines" "$PREFIX/lib/lua/$version/gitlab_pipelines"
    (cd lua && find gitlab_pipelines -name '*.lua') | while read -r file; do
        install -D -m 644 "lua/$file" "$PREFIX/share/lua/$version/$file"
    done
    install -d "$PREFIX/lib/lua/$version/gitlab_pipelines"
    install -m 755 "$build/$lua"/gitlab_pipelines/*.so "$PREFIX/lib/lua/$version/gitlab_pipelines/"
done
if [ -d "$build/docs-assets" ]; then
    install -d "$PREFIX/share/gitlab-pipelines/docs-assets"
    install -m 644 "$build/docs-assets"/* "$PREFIX/share/gitlab-pipelines/docs-assets/"
fi
echo "installed into $PREFIX"
