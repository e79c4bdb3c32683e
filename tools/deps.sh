#!/bin/sh
# Installs the Debian packages that Weir is built from. One list, two parts: what the product needs, and what its tests need.
# May be run again at any time: it installs only what is missing, and says what it does.
#
#   tools/deps.sh            installs what is missing (needs root, or sudo)
#   tools/deps.sh --check    installs nothing; exit code 1 and the missing names when something is missing
#   tools/deps.sh --product  the product's part alone (also with --check)
#   tools/deps.sh --list     prints the list
set -eu

product="
build-essential cmake ninja-build pkg-config
libyaml-dev libicu-dev libpcre2-dev libxxhash-dev liblz4-dev libedit-dev libssl-dev libjemalloc-dev libprotobuf-c-dev protobuf-c-compiler libuv1-dev
libmicrohttpd-dev libjansson-dev libcurl4-openssl-dev libzookeeper-st-dev
tzdata
"
tests="
ccache clang-14 clang-format-14 libclang-rt-14-dev llvm-14 libcmocka-dev
sqlite3 libsqlite3-dev postgresql python3 python3-pytest git
zookeeper default-jre-headless openssh-server openssh-client iproute2 nftables
"

mode=install
wanted="$product $tests"
for argument in "$@"; do
    case $argument in
    --check) mode=check ;;
    --list) mode=list ;;
    --product) wanted=$product ;;
    *)
        echo "deps.sh: unknown option '$argument'; expected --check, --product or --list" >&2
        exit 2
        ;;
    esac
done

if [ $mode = list ]; then
    for package in $wanted; do echo "$package"; done
    exit 0
fi
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "deps.sh: this is no Debian system; install the counterparts of: $(echo $wanted)" >&2
    exit 1
fi

missing=""
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    [ $mode = check ] || echo "deps.sh: all packages are installed"
    exit 0
fi
if [ $mode = check ]; then
    echo "deps.sh: missing:$missing" >&2
    exit 1
fi

as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "deps.sh: not root and no sudo; run as root: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "deps.sh: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
# The package index may be absent or stale on a fresh machine: refresh it once when the first try fails.
install_missing || {
    echo "deps.sh: refreshing the package index"
    $as_root apt-get update -q >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    install_missing || { cat "$log" >&2; exit 1; }
}
echo "deps.sh: done"
