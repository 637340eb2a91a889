#!/usr/bin/env bash
#
# The rules that read the server's files and its connections: pg_hba.conf, postgresql.conf, who is connected from where.
# A cluster of its own is set up badly, one line at a time.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"

ask() { psql -X -q -A -t "$@" 2>&1 | sed '/^$/d'; }
found() { ask -c "select object from tenancy.check(array['$1']::name[])"; }
hba=$cluster/data/pg_hba.conf
cp "$hba" "$SCRATCH/pg_hba.before"
# pg_hba.conf with this line at its end; the rule reads the file, so nothing need be loaded anew.
with_line() { { cat "$SCRATCH/pg_hba.before"; printf '%s\n' "$1"; } | unprivileged tee "$hba" >/dev/null; }

start_cluster || give_up "the cluster did not start: $(cat "$cluster/log")"
ask -c 'create extension tenancy' -c "create role gateway login password 'gateway' in role tenancy_gateway" -c 'create role auditor login bypassrls' >/dev/null

# ---------------------------------------------------------------- pg_hba.conf
is "$(found hba_trust_or_md5)" '' 'a file with scram-sha-256 throughout is no finding'
last=$(($(wc -l <"$hba") + 1))
for line in 'host all all 0.0.0.0/0 trust' 'local postgres gateway trust' 'host sameuser all ::/0 ident' 'hostnossl all all all password' 'host replication all 10.0.0.0/8 trust' 'local +gateway all trust'; do
    with_line "$line"
    is "$(found hba_trust_or_md5)" "$hba line $last" "a line '$line' is found"
    like "$(ask -c "select mend from tenancy.check(array['hba_trust_or_md5']::name[])")" "^-- in $hba, line $last: .* in the place of " 'its mend names file, line and method'
done
for line in 'local all all peer' 'local all all ident' 'hostssl all all all password' 'host elsewhere all all trust' 'host all all all md5' 'host all all all reject' 'host all all all cert'; do
    with_line "$line"
    is "$(found hba_trust_or_md5)" '' "a line '$line' is no finding"
done
with_line 'host all all all md5'
ask -c "set password_encryption = 'md5'; alter role gateway password 'gateway'" >/dev/null 2>&1
is "$(found hba_trust_or_md5)" "$hba line $last" 'a line with md5 is found once a role has an md5 hash'
ask -c "set password_encryption = 'scram-sha-256'; alter role gateway password 'gateway'" >/dev/null
with_line ''
is "$(found hba_trust_or_md5)" '' 'with the line gone there is no finding'

# ---------------------------------------------------------------- settings
is "$(found risky_setting)" 'setting session_preload_libraries' 'a library that nobody loads before is found'
ask -c "$(ask -c "select mend from tenancy.check(array['risky_setting']::name[])")"
is "$(found risky_setting)" '' 'its mend makes it silent'
is "$(ask -c 'show session_preload_libraries')" tenancy 'and loads the library'
ask -c 'alter database postgres reset session_preload_libraries'
stop_cluster
start_cluster -c shared_preload_libraries=tenancy -c session_preload_libraries= || give_up "the cluster did not start: $(cat "$cluster/log")"
is "$(found risky_setting)" '' 'loaded with the server it is no finding'
stop_cluster
start_cluster -c session_preload_libraries=auto_explain || give_up "the cluster did not start: $(cat "$cluster/log")"
ask -c "$(ask -c "select mend from tenancy.check(array['risky_setting']::name[])")"
is "$(found risky_setting)|$(ask -c 'show session_preload_libraries')" '|auto_explain, tenancy' 'the mend keeps the libraries that were there'
ask -c 'alter database postgres reset session_preload_libraries'
for bad in tenancy.seal=off session_replication_role=replica lo_compat_privileges=on password_encryption=md5 log_parameter_max_length_on_error=64 'log_statement=all' 'log_min_duration_statement=0'; do
    stop_cluster
    start_cluster -c shared_preload_libraries=tenancy -c "$bad" || give_up "the cluster did not start: $(cat "$cluster/log")"
    case $bad in log_statement* | log_min*) name=log_parameter_max_length ;; *) name=${bad%%=*} ;; esac
    is "$(found risky_setting)" "setting $name" "a server with $bad is found"
    ask -c "$(ask -c "select mend from tenancy.check(array['risky_setting']::name[])")"
    is "$(found risky_setting)" '' 'the mend, stored with the database, makes it silent'
    ask -c "alter database postgres reset $name"
done
# That parameters are in the log is no theory.
stop_cluster
start_cluster -c shared_preload_libraries=tenancy -c log_statement=all || give_up "the cluster did not start: $(cat "$cluster/log")"
printf '%s\n' 'select length(:token::text);' >"$SCRATCH/query.sql"
send() { "$bin/pgbench" -n -t 1 -M extended -D "token=$1" -f "$SCRATCH/query.sql" >/dev/null 2>&1; }
send 4711471147
like "$(cat "$cluster/log")" '[Pp]arameters: .1 = .4711471147' 'where the rule finds it, the log holds a parameter'
ask -c "$(ask -c "select mend from tenancy.check(array['risky_setting']::name[])")"
send 8150815081
is "$(grep -c 8150815081 "$cluster/log")" 0 'after the mend it does not'
ask -c 'alter database postgres reset log_parameter_max_length'

# ---------------------------------------------------------------- who is connected from where
address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 -E '^[0-9]+(\.[0-9]+){3}$')
with_line "host all all 127.0.0.1/32 scram-sha-256"$'\n'"host all all ${address:-127.0.0.1}/32 scram-sha-256"
stop_cluster
start_cluster -c shared_preload_libraries=tenancy -c "'listen_addresses=127.0.0.1${address:+,$address}'" || give_up "the cluster did not start: $(cat "$cluster/log")"
is "$(found bypassing_role_connected_from_network)" '' 'a superuser on the socket is no finding'
session_open local psql -X -q -A -t -h 127.0.0.1
is "$(session local 'select client_addr from pg_stat_activity where pid = pg_backend_pid();')" 127.0.0.1 'a superuser comes in over the loopback device'
is "$(found bypassing_role_connected_from_network)" '' 'which is no finding'
if [[ $address ]]; then
    session_open far psql -X -q -A -t -h "$address"
    is "$(session far 'select client_addr from pg_stat_activity where pid = pg_backend_pid();')" "$address" 'a superuser comes in over the network'
    is "$(found bypassing_role_connected_from_network)" "role $PGUSER from $address" 'which is found'
    session_close far
    # A name with a second line in it must not become a second line of the mend, which people run as it is printed.
    hostile=$'two\n; drop table rows'
    ask -c "create role \"$hostile\" login bypassrls password 'hostile'"
    PGUSER=$hostile PGPASSWORD=hostile session_open far psql -X -q -A -t -h "$address"
    is "$(session far 'select 1;')" 1 'a role of a strange name comes in over the network'
    is "$(ask -c "select count(*) || ' ' || bool_or(mend ~ '[\r\n]') from tenancy.check(array['bypassing_role_connected_from_network']::name[])")" '1 false' 'which is found; the mend is one line'
    session_close far
    PGUSER=gateway PGPASSWORD=gateway session_open far psql -X -q -A -t -h "$address"
    is "$(session far 'select 1;')" 1 'the gateway comes in over the network'
    is "$(found bypassing_role_connected_from_network)" '' 'which is no finding'
    session_close far
fi
session_close local
finish
