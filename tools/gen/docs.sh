#!/bin/sh
# Writes the generated pages of docs/ from the tables in the code.
#
#   tools/gen/docs.sh [BUILD]                 writes all pages (BUILD: build/release)
#   tools/gen/docs.sh --list BUILD            names them
#   tools/gen/docs.sh --print BUILD PAGE      prints one
set -eu
cd "$(dirname "$0")/../.."
mode=write
case ${1:-} in
--list | --print)
    mode=${1#--}
    shift
    ;;
esac
generator=${1:-build/release}/bin/weir_docs
weir=${1:-build/release}/bin/weir
pages() { # connectors.md comes from the program itself: only it knows all plug-ins
    "$generator" --list
    echo connectors.md
}
page() { if [ "$1" = connectors.md ]; then "$weir" connectors --markdown; else "$generator" "$1"; fi; }
case $mode in
list) pages ;;
print) page "${2:?a page is expected}" ;;
write)
    mkdir -p docs
    for page in $(pages); do
        page "$page" >"docs/$page"
        echo "docs/$page"
    done
    ;;
esac
