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
case $mode in
list) "$generator" --list ;;
print) "$generator" "${2:?a page is expected}" ;;
write)
    mkdir -p docs
    for page in $("$generator" --list); do
        "$generator" "$page" >"docs/$page"
        echo "docs/$page"
    done
    ;;
esac
