#!/usr/bin/env bash
#
# Claim 3 through a real pgbouncer in transaction mode: two clients that stay connected share one connection to the
# server, and nothing of one is there for the other. pgbouncer listens on a Unix socket of its own and nowhere else.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# Debian's package would start a service when it is installed; unpacked it only lies there.
if ! PGBOUNCER=$(PATH=$PATH:/usr/sbin command -v pgbouncer) || [[ ${TENANCY_TEST_UNPACK_PGBOUNCER:-} ]]; then
    mkdir "$SCRATCH/packages" "$SCRATCH/unpacked"
    (cd "$SCRATCH/packages" && apt-get download pgbouncer libc-ares2 libevent-2.1-7) >"$SCRATCH/download" 2>&1 ||
        give_up "there is no pgbouncer, and it could not be fetched: $(cat "$SCRATCH/download")"
    for package in "$SCRATCH"/packages/*.deb; do
        dpkg-deb -x "$package" "$SCRATCH/unpacked"
    done
    PGBOUNCER=$SCRATCH/unpacked/usr/sbin/pgbouncer
    LIBRARIES=("$SCRATCH"/unpacked/usr/lib/*-linux-gnu)
    export LD_LIBRARY_PATH=${LIBRARIES[0]}
fi

password=$(quiet_psql -c "select password from tests.login where name = 'shop_gateway'")
cat >"$SCRATCH/pgbouncer.ini" <<INI
[databases]
$PGDATABASE = host=127.0.0.1 port=$PGPORT dbname=$PGDATABASE
[pgbouncer]
listen_addr =
unix_socket_dir = $SCRATCH/socket
listen_port = 6432
auth_type = scram-sha-256
auth_file = $SCRATCH/users
pool_mode = transaction
default_pool_size = 1
max_client_conn = 20
query_wait_timeout = 30
logfile = $SCRATCH/socket/log
pidfile =
INI
printf '"shop_gateway" "%s"\n' "$password" >"$SCRATCH/users"
mkdir -m 700 "$SCRATCH/socket"
if [[ $EUID -eq 0 ]]; then chown -R postgres: "$SCRATCH/socket" "$SCRATCH/users" "$SCRATCH/pgbouncer.ini"; fi
chmod 600 "$SCRATCH/users"

stop_pgbouncer() {
    [[ ${BOUNCER:-} ]] || return 0
    kill -TERM "$BOUNCER" 2>/dev/null
    wait "$BOUNCER" 2>/dev/null
}
at_end stop_pgbouncer
if [[ $EUID -eq 0 ]]; then
    # setpriv becomes pgbouncer, so that its number is the one that we know.
    setpriv --reuid=postgres --regid=postgres --init-groups "$PGBOUNCER" -q "$SCRATCH/pgbouncer.ini" >/dev/null 2>&1 &
else
    "$PGBOUNCER" -q "$SCRATCH/pgbouncer.ini" >/dev/null 2>&1 &
fi
BOUNCER=$!

pooled_psql() {
    PGHOST=$SCRATCH/socket PGPORT=6432 PGUSER=shop_gateway PGPASSWORD=$password PGPASSFILE=/dev/null \
        exec psql -X -q -A -t -v VERBOSITY=sqlstate "$@"
}
tries=0
until (pooled_psql -c 'select 1') >/dev/null 2>&1; do
    kill -0 "$BOUNCER" 2>/dev/null || give_up "pgbouncer ended: $(cat "$SCRATCH/socket/log")"
    ((++tries < 2000)) || give_up "pgbouncer does not answer: $(cat "$SCRATCH/socket/log")"
done

state="select concat_ws('|', current_setting('tenancy.user_id'), current_setting('tenancy.tenant_id'), current_setting('tenancy.session_id'), tenancy.bypassing(), current_user);"
nothing='|||f|shop_gateway'
ann="select tenancy.attach('$(token ann)');"
bob="select tenancy.attach('$(token bob)');"
eve="select tenancy.attach('$(token eve)');"

session_open one pooled_psql
session_open two pooled_psql
is "$(session two 'select pg_backend_pid();')" "$(session one 'select pg_backend_pid();')" \
    'two clients share one connection to the server'

# The counter-proof: the way in which many applications keep their tenant is shared as well.
session one "set shop.tenant = '1';" >/dev/null
is "$(session two "select current_setting('shop.tenant');")" 1 'a tenant kept in a setting of the session is there for the other client'
session one 'reset all;' >/dev/null

session one "begin; $ann" >/dev/null
is "$(session one 'select count(*) from shop.patient;')" 5 'one client works as ann'
session one 'commit;' >/dev/null
is "$(session two "$state")" "$nothing" 'after her commit the other finds nothing of her'
is "$(session two "begin; $bob select array_agg(distinct tenant_id) from shop.patient; commit;")" '{2}' 'and works as bob'
is "$(session one "$state")" "$nothing" 'of whom the first finds nothing'

session one "begin; $eve rollback;" >/dev/null
is "$(session two "$state")" "$nothing" 'after a rollback nothing is left of a bypass'
is "$(session one "begin; $eve select 1 / 0; rollback;")" 'ERROR:  22012' 'after an error'
is "$(session two "$state")" "$nothing" 'neither'

# Without BEGIN: statements of one message are one transaction. psql sends those that \; joins as one.
is "$(session one "${ann%;} \\; select array_agg(distinct tenant_id) from shop.patient;")" '{1}' 'attach and query go out together'
is "$(session two "$state")" "$nothing" 'and leave nothing'

# What ann tries to leave behind.
for statement in "set search_path = pg_temp" "set my.own = 'ann'" "prepare hers as select 1" "listen gossip" "create temporary table hers (x int)" \
    "declare hers cursor with hold for select note from shop.patient" "select pg_advisory_lock(1)" "set role tenancy_admin" "set session authorization default"; do
    is "$(session one "begin; $ann $statement; rollback;")" 'ERROR:  42501' "inside her transaction is refused: $statement"
done
is "$(session two "select concat_ws('|', current_setting('search_path'), coalesce(current_setting('my.own', true), ''), (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors), to_regclass('pg_temp.hers'), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()));")" \
    "\"\$user\", public||0|0|0" 'the other client finds none of it'

# A client that is killed inside its transaction.
session one "begin; $eve" >/dev/null
is "$(session one 'select tenancy.bypassing();')" t 'a client in the middle of a bypass'
session_kill one
is "$(session two "$state")" "$nothing" 'is killed, and the next one finds nothing of it'
is "$(session two "begin; $bob select array_agg(distinct tenant_id) from shop.patient; commit;")" '{2}' 'and sees its own rows'

# Many turns on the one connection.
session_open one pooled_psql
wrong=0
for ((turn = 0; turn < 100; turn++)); do
    [[ $(session one "begin; $ann select array_agg(distinct tenant_id) from shop.patient; commit;") == '{1}' ]] || wrong=$((wrong + 1))
    [[ $(session two "begin; $bob select array_agg(distinct tenant_id) from shop.patient; commit;") == '{2}' ]] || wrong=$((wrong + 1))
done
is "$wrong" 0 'of 200 transactions in turns none had a wrong row'
session_close one
session_close two
finish
