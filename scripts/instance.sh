# shellcheck shell=bash
#
# An instance is one cluster with one gateway and the folders they need. `up` has the one
# below var/, each `test` makes its own in /tmp. The functions of cluster.sh, demo.sh and
# gateway.sh work on the instance that these variables name:
#
#   INSTANCE          what the server and the gateway read and write; anyone may pass through
#   INSTANCE_SOCKET   folder of the Unix socket
#   INSTANCE_SECRETS  passwords, for us alone
#   INSTANCE_LOG      logs
#   INSTANCE_RUN      numbers of ports and processes
#   INSTANCE_KIND     demo or test

instance_of_up() {
    INSTANCE_KIND=demo
    INSTANCE_SECRETS=$VAR/secrets
    INSTANCE_LOG=$VAR/log
    INSTANCE_RUN=$VAR/run
    mkdir -p "$INSTANCE_RUN"
    find_home
    find_socket_folder
}

# The instance of `up` without creating anything, for commands that need it to be running.
instance_of_up_if_running() {
    [[ -O $VAR && -f $VAR/run/pg_port && -e $VAR/home ]] ||
        die "the demo is not set up here: run ./setup.sh up"
    instance_of_up
    PG_PORT=$(cat "$INSTANCE_RUN/pg_port")
    cluster_is_running || die "the demo is not running: run ./setup.sh up"
}

# As root the server and the gateway run as other users. A working copy below a folder that
# is closed to them, /root for one, cannot hold their files; then var/home is a link to a
# folder that can.
find_home() {
    local home=$VAR/home
    if [[ ! -e $home ]]; then
        rm -f "$home"
        if am_root && ! others_can_enter "$VAR"; then
            local elsewhere
            elsewhere=/var/lib/pgtenancy-$(checkout_hash)
            [[ -d $elsewhere ]] || mkdir -m 711 "$elsewhere"
            ln -s "$elsewhere" "$home"
        else
            mkdir -m 711 "$home"
        fi
    fi
    INSTANCE=$(cd "$home" && pwd -P)
    [[ -O $INSTANCE ]] || die "$INSTANCE belongs to somebody else: remove the link $home"
}

others_can_enter() {
    runuser -u postgres -- test -x "$1" && as_gateway_user test -x "$1"
}

# The name of a Unix socket is limited to 107 bytes, of which .s.PGSQL.12345 takes 15, and in the
# server's settings a comma or a quote in it would mean something.
find_socket_folder() {
    local recorded
    INSTANCE_SOCKET=$INSTANCE/socket
    if ((${#INSTANCE_SOCKET} > 90)) || [[ $INSTANCE_SOCKET == *[!a-zA-Z0-9/._-]* ]]; then
        recorded=$(cat "$INSTANCE_RUN/socket_folder" 2>/dev/null || true)
        if [[ -z $recorded || ! -d $recorded || -L $recorded ]]; then
            recorded=$(mktemp -d /tmp/pgtenancy.XXXXXX)
            printf '%s\n' "$recorded" >"$INSTANCE_RUN/socket_folder"
        fi
        INSTANCE_SOCKET=$recorded
    fi
    make_server_folder "$INSTANCE_SOCKET"
}

# A folder that belongs to the server's user and that root, or that user, alone can enter.
make_server_folder() {
    [[ -d $1 ]] || mkdir -m 700 "$1"
    if am_root; then chown postgres: "$1"; fi
    chmod 700 "$1"
}

# A password is made once and then kept.
ensure_secret() {
    local file=$INSTANCE_SECRETS/$1
    [[ -s $file ]] && return 0
    (umask 077 && random_password >"$file.new")
    mv "$file.new" "$file"
}

# PGPASSFILE for people and tools: one line for each role that has a password.
write_pgpass() {
    local file=$INSTANCE_SECRETS/pgpass secret
    (
        umask 077
        for secret in "$INSTANCE_SECRETS"/*; do
            [[ $secret == */pgpass* || $secret == *.new ]] ||
                printf '127.0.0.1:%s:*:%s:%s\n' "$PG_PORT" "$(basename "$secret")" "$(cat "$secret")"
        done >"$file.new"
    )
    mv "$file.new" "$file"
}
