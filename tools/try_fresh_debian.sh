#!/bin/sh
# Tries the two commands of the README in a Debian that never saw the project.
#
#   tools/try_fresh_debian.sh ROOT [options] [-- options of pytest]
#
# ROOT is made by `debootstrap --variant=minbase bookworm ROOT`; it stays as it is (an overlay, or
# a copy, takes the changes). The working tree goes in without what git ignores. Needs root.
#
#   --copy FILE[:PLACE]      copy a file or folder of this machine into the root, for example the
#                            configuration of apt and pip that a network needs
#   --bind FOLDER[:PLACE]    show a folder of this machine there, read-only
#   --env NAME=VALUE         set a variable there, for example PIP_CERT or VEDETTE_WEB_PORT
#   --keep                   leave the changed root behind and say where
#
# With `-- none` only `./vedette up` is tried. Exit code 0: everything worked.
set -eu

fail() {
    printf 'try_fresh_debian: %s\n' "$1" >&2
    exit 1
}

# Mounts are made in a mount namespace of their own: nothing stays mounted, however this ends.
if [ "${VEDETTE_OWN_MOUNTS:-}" != yes ]; then
    [ "$(id -u)" = 0 ] || fail 'this needs root'
    VEDETTE_OWN_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
fi

READY_WITHIN=900

base=
copies=
binds=
keep=
variables=$(mktemp)
while [ $# -gt 0 ]; do
    case $1 in
        --copy) copies="$copies $2"; shift 2 ;;
        --bind) binds="$binds $2"; shift 2 ;;
        --env) printf '%s\n' "$2" >>"$variables"; shift 2 ;;
        --keep) keep=yes; shift ;;
        --) shift; break ;;
        -*) fail "unknown option $1" ;;
        *) base=$1; shift ;;
    esac
done
[ -x "$base/bin/sh" ] || fail "not a Debian root: '$base'"

repository=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vedette-fresh-XXXXXX")
root=$work/root
log=$work/up.log
console=

finish() {
    code=$?
    trap - EXIT
    [ -z "$console" ] || kill -KILL "$console" 2>/dev/null || true
    rm -f "$variables"
    if [ -n "$keep" ]; then
        mkdir "$work/kept" && cp -a "$root/vedette" "$work/kept" && cp -a "$log" "$work/kept"
        printf 'Kept: %s\n' "$work/kept"
    fi
    umount --recursive --lazy "$root" || true
    if [ -n "$keep" ]; then rm -rf "$work/upper" "$work/lower"; else rm -rf "$work"; fi
    exit "$code"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

make_root() {
    mkdir "$root" "$work/upper" "$work/lower"
    if ! mount -t overlay overlay \
        -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/lower" "$root" 2>/dev/null; then
        cp -a "$base/." "$root"
        mount --bind "$root" "$root"
    fi
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    [ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # Debian's installer and every container runtime write this file; debootstrap does not.
    [ -e "$root/etc/hosts" ] ||
        printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(uname -n)" >"$root/etc/hosts"
}

take_along() {
    for pair in $copies; do
        target=$root${pair#*:}
        mkdir -p "$(dirname "$target")"
        cp -RLT "${pair%%:*}" "$target"
    done
    for pair in $binds; do
        mkdir -p "$root${pair#*:}"
        mount --bind -o ro "${pair%%:*}" "$root${pair#*:}"
    done
}

copy_repository() {
    mkdir -p "$root/vedette"
    # shellcheck disable=SC2016 # the inner shell expands it
    (cd "$repository" && git ls-files --cached --others --exclude-standard -z |
        xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
        tar --create --null --files-from - --file -) | tar --extract --directory "$root/vedette"
    # A user's clone is one, and some tests ask git which files belong to it.
    git -C "$root/vedette" init --quiet
}

# The words to enter with: an environment that owes this machine nothing but what --env says.
write_door() {
    {
        printf '#!/bin/sh\ncd /vedette\nexec env -i HOME=/root LANG=C.UTF-8 \\\n'
        printf '  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\\n'
        sed "s/'/'\\\\''/g; s/.*/  '&' \\\\/" "$variables"
        printf '  "$@"\n'
    } >"$root/door"
    chmod +x "$root/door"
}

# Its root becomes the root of a mount namespace, as on a machine or in a container: below a mere
# chroot the kernel, and with it the recorder, would still see the paths outside.
enter() {
    # shellcheck disable=SC2016 # the inner shell expands it
    exec unshare --mount --propagation private /bin/sh -c '
        cd "$0" && pivot_root . . && umount -l . && exec /door "$@"' "$root" "$@"
}

inside() { (enter "$@"); }

since() { printf '%s s' "$(($(date +%s) - $1))"; }

still_running() {
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/mnt" 2>/dev/null)" = "$namespace" ] || continue
        printf '  %s %s\n' "${process#/proc/}" "$(tr '\0' ' ' <"$process/cmdline")"
    done
}

# Start it; the words before `./vedette up`, if any, say as whom and with what.
start_console() {
    : >"$log"
    began=$(date +%s)
    enter "$@" ./vedette up >"$log" 2>&1 &
    console=$!
    until grep -q 'Ready after' "$log"; do
        kill -0 "$console" 2>/dev/null || { cat "$log"; fail './vedette up ended'; }
        [ $(($(date +%s) - began)) -lt "$READY_WITHIN" ] ||
            { cat "$log"; fail "./vedette up was not ready within $READY_WITHIN s"; }
        sleep 1
    done
    namespace=$(readlink "/proc/$console/ns/mnt")
    cat "$log"
    printf '== ready %s after ./vedette up\n' "$(since "$began")"
}

ask_health() {
    inside .venv/bin/python - <<'PYTHON'
import os
import ssl
import urllib.request

data = os.environ.get("VEDETTE_DATA", "data")
context = ssl.create_default_context(cafile=f"{data}/keys/authority.pem")
port = os.environ.get("VEDETTE_WEB_PORT", "8443")
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)
with opener.open(f"https://127.0.0.1:{port}/healthz/", timeout=10) as answer:
    print(answer.status, answer.read().decode())
PYTHON
}

stop_console() {
    began=$(date +%s)
    kill -INT "$console"
    wait "$console" || fail "./vedette up ended with code $? after SIGINT"
    console=
    left=$(still_running)
    [ -z "$left" ] || fail "processes are left: $left"
    printf '== stopped in %s, no process is left\n' "$(since "$began")"
}

make_root
take_along
copy_repository
write_door
printf '== first start\n'
start_console
printf '== health: '
ask_health
printf '== the agent here, and what this root lacks\n'
inside .venv/bin/python -m agent --home "${VEDETTE_AGENT_HOME:-data/agent}" status || true
inside ./vedette doctor || true
stop_console
printf '== second start\n'
start_console
stop_console
printf '== without root\n'
start_console setpriv --reuid=65534 --regid=65534 --clear-groups env VEDETTE_DATA=/tmp/nobody
stop_console
[ "${1:-}" = none ] && exit 0
began=$(date +%s)
inside ./vedette test "$@"
printf '== tests: %s\n' "$(since "$began")"
