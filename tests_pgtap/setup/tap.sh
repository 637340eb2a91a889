# shellcheck shell=bash
#
# For tests that are shell scripts: TAP, the fixture's logins, and psql sessions that stay open. Sourced by them.
# They run like the .sql files: the superuser's connection is in the environment, the fixture is loaded.

TAP_COUNT=0
TAP_FAILED=0
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/tap.XXXXXX")
chmod 711 "$SCRATCH"
TAP_ENDINGS=()

# What must happen when the script ends, however it ends; the last one registered goes first.
at_end() { TAP_ENDINGS=("$1" ${TAP_ENDINGS[@]+"${TAP_ENDINGS[@]}"}); }
end_all() {
    local ending
    trap '' INT TERM HUP
    for ending in ${TAP_ENDINGS[@]+"${TAP_ENDINGS[@]}"}; do
        "$ending"
    done
    rm -rf "$SCRATCH"
}
trap end_all EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# is HAVE WANT SENTENCE
is() {
    TAP_COUNT=$((TAP_COUNT + 1))
    if [[ $1 == "$2" ]]; then
        printf 'ok %d - %s\n' "$TAP_COUNT" "$3"
    else
        TAP_FAILED=$((TAP_FAILED + 1))
        printf 'not ok %d - %s\n' "$TAP_COUNT" "$3"
        printf '%s\n' "have: $1" "want: $2" | sed 's/^/#   /'
    fi
}

# like HAVE REGEX SENTENCE
like() {
    if [[ $1 =~ $2 ]]; then is yes yes "$3"; else is "$1" "something like $2" "$3"; fi
}

finish() {
    printf '1..%d\n' "$TAP_COUNT"
    ((TAP_FAILED == 0))
}

# Ends this file as failed; the ones after it are run.
give_up() {
    is "$*" '' 'what this test needs is there'
    finish
    exit 1
}

# psql without anybody's configuration, one value per line, errors with their SQLSTATE.
quiet_psql() { psql -X -q -A -t -v VERBOSITY=verbose "$@" 2>&1; }

# The name of a login becomes its connection: as_login shop_gateway psql …
as_login() {
    local login=$1 password
    shift
    password=$(quiet_psql -c "select password from tests.login where name = '$login'")
    PGUSER=$login PGPASSWORD=$password PGPASSFILE=/dev/null "$@"
}

# token USER: signs a user of the shop in.
token() { as_login shop_gateway quiet_psql -c "select token from tenancy.login('$1', '$1-secret')"; }

# Runs a server's program as somebody who is not root.
unprivileged() {
    if [[ $EUID -eq 0 ]]; then (cd / && exec runuser -u postgres -- "$@"); else (cd / && exec "$@"); fi
}

# ---------------------------------------------------------------- sessions that stay open
# session_open NAME COMMAND…: starts a psql whose answers session NAME SQL reads. No waiting but for the answer.
declare -A SESSION_IN SESSION_OUT SESSION_PID
session_open() {
    local name=$1
    shift
    mkfifo "$SCRATCH/$name.in" "$SCRATCH/$name.out"
    "$@" <"$SCRATCH/$name.in" >"$SCRATCH/$name.out" 2>&1 &
    SESSION_PID[$name]=$!
    local in out
    exec {in}>"$SCRATCH/$name.in" {out}<"$SCRATCH/$name.out"
    SESSION_IN[$name]=$in
    SESSION_OUT[$name]=$out
    rm -f "$SCRATCH/$name.in" "$SCRATCH/$name.out"
}

# session NAME SQL: runs it there and prints its answer on one line.
session() {
    local line answer=
    printf '%s\n\\echo --done--\n' "$2" >&"${SESSION_IN[$1]}"
    while IFS= read -r -t 60 -u "${SESSION_OUT[$1]}" line; do
        if [[ $line == --done-- ]]; then
            printf '%s' "$answer"
            return 0
        fi
        [[ -z $line ]] || answer+="${answer:+ }$line"
    done
    printf '%s' "$answer (the session is gone)"
    return 1
}

# The client goes away without a word, as when its process is killed.
session_kill() {
    kill -KILL "${SESSION_PID[$1]}"
    wait "${SESSION_PID[$1]}" 2>/dev/null
    session_forget "$1"
}

session_close() {
    local in=${SESSION_IN[$1]}
    exec {in}>&-
    wait "${SESSION_PID[$1]}"
    SESSION_IN[$1]=
    session_forget "$1"
}

session_forget() {
    local in=${SESSION_IN[$1]} out=${SESSION_OUT[$1]}
    if [[ $in ]]; then exec {in}>&-; fi
    exec {out}<&-
    unset "SESSION_IN[$1]" "SESSION_OUT[$1]" "SESSION_PID[$1]"
}
