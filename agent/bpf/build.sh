#!/bin/sh
# Build recorder.blob and recorder.manifest.json from recorder.bpf.c and kernel.h.
#
# Needs clang, bpftool and the libbpf headers (Debian: clang bpftool libbpf-dev). No kernel headers
# and no type dump of the running kernel: the same compiler gives the same bytes on every machine.
# Usage: build.sh [output directory]; the default is the directory of this script.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
output=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$here"
include=/usr/include/$(uname -m)-linux-gnu
bpftool=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool)
clang -O2 -g -Wall -Werror -target bpf -I "$include" -ffile-prefix-map="$here"=. \
	-c recorder.bpf.c -o "$work/recorder.o"
"$bpftool" gen skeleton -L "$work/recorder.o" >"$work/recorder.skeleton.h"
python3 pack_blob.py "$work/recorder.skeleton.h" "$output" "$(clang --version | head -n 1)"
