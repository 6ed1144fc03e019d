#!/bin/sh
# Installs the Vedette agent on this computer and enrols it with one console.
#
#   --prefix DIRECTORY  where the program goes (default /opt/vedette-agent)
#   --home DIRECTORY    where settings, data and logs go (default: the system's folders)
#   --no-service        do not install the systemd unit
#   --replace           join again, as another endpoint, where this computer is enrolled already
#
# Run it again to update the agent: identity and data stay.
# It carries an enrolment token: treat it like a password.
set -eu
umask 077

#VALUES#

default_prefix=/opt/vedette-agent
unit=/etc/systemd/system/vedette-agent.service
systemd=/run/systemd/system
prefix=$default_prefix
home=
stopped=
service=yes
replace=

fail() {
    printf 'vedette: %s\n' "$1" >&2
    exit 1
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix) [ $# -ge 2 ] || fail '--prefix needs a directory'; prefix=$2; shift 2 ;;
            --home) [ $# -ge 2 ] || fail '--home needs a directory'; home=$2; shift 2 ;;
            --no-service) service=no; shift ;;
            --replace) replace=--force; shift ;;
            *) fail "unknown option $1" ;;
        esac
    done
    case $prefix in
        /?*) ;;
        *) fail '--prefix needs an absolute path' ;;
    esac
    case $home/ in
        /*) ;;
        *) fail '--home needs an absolute path' ;;
    esac
    case $home/ in
        "$prefix"/*) fail '--home must not be inside of --prefix, which every update replaces' ;;
    esac
}

check_computer() {
    [ "$(uname -s)" = Linux ] || fail "this agent is for Linux, and this is $(uname -s)"
    [ "$(uname -m)" = "$machine" ] || fail "this agent is for $machine, and this is $(uname -m)"
    if [ -z "$home" ] && [ "$(id -u)" != 0 ]; then
        fail 'run this as root, or give --prefix and --home to try the agent without'
    fi
    interpreter=$(command -v "python$python" || command -v python3) ||
        fail "Python $python is needed: install it first (on Debian: apt-get install python3)"
    found=$("$interpreter" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$found" = "$python" ] || fail "Python $python is needed, and $interpreter is $found"
}

fetch_program() {
    printf 'Fetching the agent from %s\n' "$console"
    "$interpreter" -I - "$console" "$work" "$bundle_sha256" <<'PYTHON'
import hashlib
import pathlib
import ssl
import sys
import tarfile
import urllib.error
import urllib.request

console, work, expected = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=str(work / "ca.pem"))
token = (work / "token").read_text(encoding="ascii")
request = urllib.request.Request(
    f"https://{console}/bundle", headers={"Authorization": f"Bearer {token}"}
)
# No proxy: the token goes to the console and to nobody else.
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)
try:
    with opener.open(request, timeout=120) as answer:
        content = answer.read()
except urllib.error.HTTPError as error:
    sys.exit(f"vedette: the console refused: {error.read(500).decode('utf-8', 'replace')}")
except OSError as error:
    sys.exit(f"vedette: the console cannot be reached: {error}")
if hashlib.sha256(content).hexdigest() != expected:
    sys.exit("vedette: the agent that arrived is not the one that was announced")
archive = work / "bundle.tar.gz"
archive.write_bytes(content)
program = work / "program"
with tarfile.open(archive) as members:
    # Members are plain files with relative names: anything else is not ours.
    for member in members:
        path = pathlib.PurePosixPath(member.name)
        if not member.isfile() or path.is_absolute() or ".." in path.parts:
            sys.exit(f"vedette: unexpected member {member.name}")
        target = program / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(members.extractfile(member).read())
PYTHON
}

install_program() {
    printf 'Installing into %s\n' "$prefix"
    if [ -e "$prefix" ] && [ ! -e "$prefix/.vedette-agent" ]; then
        [ -z "$(ls -A "$prefix")" ] || fail "$prefix holds something else: choose another --prefix"
    fi
    printf 'This folder belongs to the Vedette agent; uninstalling the agent removes it.\n' \
        >"$work/program/.vedette-agent"
    mkdir -p "$(dirname "$prefix")"
    rm -rf "$prefix.new"
    cp -R "$work/program" "$prefix.new"
    # An interpreter of its own: what is installed on this computer stays out of the agent.
    "$interpreter" -I -m venv --without-pip "$prefix.new/.venv"
    chmod -R u=rwX,go=rX "$prefix.new"
    rm -rf "$prefix"
    mv "$prefix.new" "$prefix"
}

# The program is about to change under a running agent, and only an agent that has ended can join
# again; it is started at the end.
stop_service() {
    if [ "$prefix$home" != "$default_prefix" ] || [ ! -d "$systemd" ] || [ ! -e "$unit" ]; then
        return
    fi
    printf 'Stopping vedette-agent.service\n'
    stopped=yes
    systemctl stop vedette-agent.service
}

clean_up() {
    rm -rf "$work"
    # Whatever went wrong, the computer is not left without its agent.
    if [ -n "$stopped" ]; then
        systemctl start vedette-agent.service || :
    fi
}

run_agent() (
    cd "$prefix"
    if [ -n "$home" ]; then
        exec .venv/bin/python -m agent --home "$home" "$@" </dev/null
    fi
    exec .venv/bin/python -m agent "$@" </dev/null
)

enrol() {
    settings=${home:+$home/etc}
    if [ -z "$replace" ] && [ -e "${settings:-/etc/vedette-agent}/enrolment.json" ]; then
        printf 'This computer is enrolled already; its identity stays.\n'
        return
    fi
    printf 'Enrolling\n'
    run_agent enroll --console "$console" --ca "$work/ca.pem" --token-file "$work/token" $replace
}

start_service() {
    install -m 644 "$prefix/vedette-agent.service" "$unit"
    systemctl daemon-reload
    systemctl enable vedette-agent.service
    systemctl restart vedette-agent.service
    stopped=
    printf 'The agent runs as vedette-agent.service.\n'
}

# The shell reads a script as it arrives: this call is the last line, so that a download that was
# cut off runs nothing.
install_agent() {
    read_options "$@"
    check_computer
    work=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    printf '%s\n' "$authority" >"$work/ca.pem"
    printf '%s' "$token" >"$work/token"
    fetch_program
    stop_service
    install_program
    enrol
    if [ "$service$home" = yes ] && [ "$prefix" = "$default_prefix" ] && [ -d "$systemd" ]; then
        start_service
    else
        printf 'The agent is installed. Run it with:\n  cd %s && .venv/bin/python -m agent%s run\n' \
            "$prefix" "${home:+ --home $home}"
    fi
}

install_agent "$@"
