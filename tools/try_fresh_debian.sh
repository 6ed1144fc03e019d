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
# Exit code 0: `./vedette up` was ready, answered /healthz/ with 200, had its agent connected and
# stopped without a process left behind, twice as root and once as nobody, who was told what had to
# be left out; and `./vedette test` succeeded. With `-- none` the tests are left out.
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

# Fail, and show what the console said.
broken() {
    cat "$log"
    fail "$1"
}

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
        kill -0 "$console" 2>/dev/null || broken './vedette up ended'
        [ $(($(date +%s) - began)) -lt "$READY_WITHIN" ] ||
            broken "./vedette up was not ready within $READY_WITHIN s"
        sleep 1
    done
    namespace=$(readlink "/proc/$console/ns/mnt")
    cat "$log"
    printf '== ready %s after ./vedette up\n' "$(since "$began")"
}

# Ask the console with this data directory: /healthz/ answers 200 and names every program.
assert_healthy() {
    printf '== health: '
    inside .venv/bin/python - "$1" <<'PYTHON' || broken "the console with $1 is not healthy"
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

context = ssl.create_default_context(cafile=f"{sys.argv[1]}/keys/authority.pem")
address = f"https://127.0.0.1:{os.environ.get('VEDETTE_WEB_PORT', '8443')}/healthz/"
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)
expected = {"web", "gateway", "sessions", "ingester", "worker", "beat", "redis", "database"}
deadline = time.monotonic() + 60
while True:
    try:
        with opener.open(address, timeout=10) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if status == 200 or time.monotonic() > deadline:
        break
    time.sleep(1)
print(status, text.decode())
sys.exit(status != 200 or set(json.loads(text)["programs"]) != expected)
PYTHON
}

# The agent with this data directory is connected, and says of each event source that it runs, or
# why it does not.
assert_agent_connected() {
    printf '== agent: '
    inside .venv/bin/python - "$1" <<'PYTHON' || broken "the agent with $1 is not connected"
import json
import subprocess
import sys
import time

command = [".venv/bin/python", "-m", "agent", "--home", f"{sys.argv[1]}/agent", "status", "--json"]
deadline = time.monotonic() + 60
while True:
    said = subprocess.run(command, capture_output=True, text=True).stdout
    status = json.loads(said) if said.strip() else {}
    sources = status.get("report", {}).get("sources", [])
    if (status.get("link") == "connected" and sources) or time.monotonic() > deadline:
        break
    time.sleep(1)
print(status.get("link", "does not answer"))
for source in sources:
    print(f"   {source['name']}: {source['state']} {source['reason']}")
silent = [s for s in sources if s["state"] != "running" and not s["reason"]]
sys.exit(status.get("link") != "connected" or not sources or bool(silent))
PYTHON
}

assert_said() { grep -q "$1" "$log" || broken "./vedette up did not say '$1'"; }

assert_not_said() { ! grep -q "$1" "$log" || broken "./vedette up said '$1'"; }

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
data=$(sed -n 's/^VEDETTE_DATA=//p' "$variables" | tail -n 1)
data=${data:-data}

printf '== first start\n'
start_console
assert_healthy "$data"
assert_agent_connected "$data"
assert_said 'Enrolling an agent'
assert_not_said 'Not root'
printf '== what this root lacks\n'
inside ./vedette doctor || true
stop_console
assert_said 'Stopped; all data is kept'

printf '== second start\n'
start_console
assert_healthy "$data"
assert_agent_connected "$data"
assert_not_said 'Enrolling an agent'
stop_console

printf '== without root\n'
start_console setpriv --reuid=65534 --regid=65534 --clear-groups env VEDETTE_DATA=/tmp/nobody
assert_healthy /tmp/nobody
assert_agent_connected /tmp/nobody
assert_said 'Not root: the agent cannot use'
stop_console

[ "${1:-}" = none ] && exit 0
began=$(date +%s)
inside ./vedette test "$@" || fail "./vedette test ended with code $?"
printf '== tests: %s\n' "$(since "$began")"
