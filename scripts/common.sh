# shellcheck shell=bash
#
# What every script here shares: messages, who we are, locks, free ports, quoting.
# Sourced by setup.sh, which sets ROOT.

: "${ROOT:?setup.sh sets ROOT}"
VAR=$ROOT/var
PG_MAJOR=15
# A PostgreSQL in another place is for those who must not change the system's.
PG_BIN=${TENANCY_PG_BIN:-/usr/lib/postgresql/$PG_MAJOR/bin}

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# What must happen when this process ends, however it ends: the last one registered goes first.
# Handlers may run twice and must not mind.
EXIT_HANDLERS=()
on_exit() { EXIT_HANDLERS=("$1" ${EXIT_HANDLERS[@]+"${EXIT_HANDLERS[@]}"}); }
run_exit_handlers() {
    local status=$? handler
    trap '' INT TERM HUP
    set +e
    for handler in ${EXIT_HANDLERS[@]+"${EXIT_HANDLERS[@]}"}; do
        "$handler"
    done
    exit "$status"
}
trap run_exit_handlers EXIT
trap 'exit 129' HUP
trap 'printf "\ninterrupted\n" >&2; exit 130' INT
trap 'exit 143' TERM

am_root() { [[ $EUID -eq 0 ]]; }

# Runs a command as root: directly, or through sudo for an ordinary user.
as_root() {
    if am_root; then
        "$@"
    else
        [[ -x $(command -v sudo) ]] ||
            die "this needs root and there is no sudo: run as root, or install sudo. The command was: $*"
        sudo -- "$@"
    fi
}

# Runs a command as the user that PostgreSQL runs as: it refuses to run as root.
# From /, because that user need not be able to read the folder we stand in.
as_server() {
    if am_root; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        (cd / && exec "$@")
    fi
}

# var/ with the folders that everything else expects; they belong to whoever set up first.
prepare_var() {
    mkdir -p "$VAR" || die "cannot make $VAR"
    [[ -O $VAR ]] ||
        die "$VAR belongs to $(stat -c %U "$VAR"): run this as that user, or remove the folder after './setup.sh down'"
    mkdir -p "$VAR"/{log,stamp,test}
    [[ -d $VAR/secrets ]] || mkdir -m 700 "$VAR/secrets"
    chmod 700 "$VAR/secrets"
}

# Runs a command with its output in var/log/NAME.log, and shows the end of that when it fails.
logged() {
    local log=$VAR/log/$1.log
    shift
    if ! "$@" >"$log" 2>&1; then
        printf '\n' >&2
        tail -n 40 "$log" >&2
        die "this failed: $*  (all of its output: $log)"
    fi
}

# Takes a lock for the rest of this process: exclusive_lock FD FILE WHAT. The number is
# fixed by the caller, so that daemons can be started with it closed and do not hold the lock.
exclusive_lock() {
    local fd=$1 what=$3
    eval "exec $fd>>\"\$2\""
    if ! flock -n "$fd"; then
        step "waiting for another $what of this working copy"
        flock "$fd"
    fi
}

port_is_free() {
    perl -MIO::Socket::INET -e '
        exit(IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0],
                                   Proto => "tcp", Listen => 1, ReuseAddr => 1) ? 0 : 1)' "$1"
}

# require_port_number NAME VALUE, require_free_port NAME VALUE: for a port that somebody asked for.
require_port_number() {
    if [[ ! $2 =~ ^[0-9]{1,5}$ ]] || ((10#$2 < 1 || 10#$2 > 65535)); then
        die "$1=$2 is not a port number (1 to 65535)"
    fi
}

require_free_port() {
    port_is_free "$2" ||
        die "port $2 ($1) is taken: name another, or none for the first free one"
}

# 32 random bytes as 43 letters that need no quoting anywhere.
random_password() {
    head -c 32 /dev/urandom | base64 -w0 | tr '+/' '-_' | tr -d '='
}

# One short name for this working copy, the same on every run.
checkout_hash() {
    printf '%s' "$ROOT" | sha256sum | cut -c1-8
}

# 'text' for any POSIX shell.
shell_quote() {
    local quote="'\\''"
    printf "'%s'" "${1//\'/$quote}"
}

# Percent-encodes everything but unreserved characters and the slash, for a libpq URI.
uri_encode() {
    local LC_ALL=C text=$1 out='' character i
    for ((i = 0; i < ${#text}; i++)); do
        character=${text:i:1}
        case $character in
            [a-zA-Z0-9._~/-]) out+=$character ;;
            *) printf -v character '%%%02X' "'$character"; out+=$character ;;
        esac
    done
    printf '%s' "$out"
}

# A digest of the contents and names of files; its change means that something must be done again.
digest_of() {
    # sha256sum reads names from find, sorted so that the order on disk does not matter.
    find "$@" -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# A process is named by its number and its start time: numbers are used again.
process_start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name in brackets may hold blanks; fields count from the last bracket (state is the third).
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    # Dead already, and only waiting for its parent to notice.
    [[ $1 != Z ]] || return 1
    printf '%s' "${20}"
}

write_pid_file() {
    printf '%s %s\n' "$2" "$(process_start_time "$2")" >"$1"
}

# Prints the number of the process that a file written by write_pid_file names, when it lives.
live_pid() {
    local pid start
    [[ -r $1 ]] && read -r pid start <"$1" || return 1
    [[ -n $start && $(process_start_time "$pid") == "$start" ]] || return 1
    printf '%s' "$pid"
}
