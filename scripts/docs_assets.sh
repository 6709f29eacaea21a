#!/usr/bin/env bash
# Fetches the files for the pages /docs and /redoc of the simulated GitLab from the npm registry
# into a folder outside the source tree. Each package's licence is kept beside its files.
# usage: scripts/docs_assets.sh FOLDER
set -eu
folder=$1
swagger_ui=5.35.0
redoc=2.5.4
if ! command -v npm >/dev/null; then
    echo "docs-assets: npm not found; install it (Debian: apt-get install npm) and retry" >&2
    exit 1
fi
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# package, version, file within the package, name to save it as
fetch() {
    local archive="$work/$1-$2.tgz"
    if [ ! -e "$archive" ]; then
        (cd "$work" && npm pack --silent "$1@$2" >/dev/null) || {
            echo "docs-assets: npm cannot fetch $1@$2" >&2
            exit 1
        }
    fi
    tar -xzOf "$archive" "package/$3" >"$work/file"
    mv "$work/file" "$folder/$4"
    chmod 644 "$folder/$4"
}

fetch swagger-ui-dist $swagger_ui swagger-ui.css swagger-ui.css
fetch swagger-ui-dist $swagger_ui swagger-ui-bundle.js swagger-ui-bundle.js
fetch swagger-ui-dist $swagger_ui LICENSE swagger-ui.LICENSE
fetch redoc $redoc bundles/redoc.standalone.js redoc.standalone.js
fetch redoc $redoc LICENSE redoc.LICENSE
echo "docs-assets: swagger-ui-dist $swagger_ui and redoc $redoc are in $folder"
