#!/usr/bin/env bash
#
# A server that loads the library only when a function of it is called. Then a client has a connection without our check
# hooks for a moment, and can put any value under the names of our settings before. A cluster of its own shows what
# becomes of them; another start shows that configuration files and the command line cannot set a context either.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1 | sed '/^$/d'; }
as_gateway() { PGUSER=gateway PGPASSWORD=gateway ask "$@"; }

ask <<'SQL'
create role gateway login password 'gateway';
create extension tenancy;
grant tenancy_gateway to gateway;
create view accounts as select 1::bigint as user_id, 'ann'::text as user_name, null::text as password_hash, false as is_admin;
create view memberships as select 1::bigint as user_id, 1::bigint as tenant_id, 'one'::text as tenant_name;
select tenancy.use_directory('accounts', 'memberships');
create table thing (id int primary key, tenant_id bigint);
insert into thing values (1, 1), (2, 2);
create temporary table quiet as select * from tenancy.protect('thing');
insert into tenancy.session (token_hash, user_id, tenant_id, expires_at) values (sha256(convert_to(repeat('A', 43), 'UTF8')), '1', '1', 'infinity');
SQL
attach="select tenancy.attach(repeat('A', 43))"

is "$(ask -c 'show shared_preload_libraries')" '' 'this server loads no library before'
is "$(as_gateway -c begin -c "$attach" -c 'select id from thing')" 1 'the extension works'

# ---------------------------------------------------------------- placeholders set before the library is there
for forged in "tenancy.tenant_id = '2'" "tenancy.user_id = '2'" 'tenancy.bypass = on' "tenancy.session_id = '11111111-1111-1111-1111-111111111111'"; do
    name=${forged%% *}
    like "$(as_gateway -c "set $forged" -c "show $name")" '^(2|on|1111.*)$' "before the library is there a client can set $forged"
    is "$(as_gateway -c "set $forged" -c 'set role tenancy_user' -c 'select count(*) from thing')" $'WARNING:  42501\nERROR:  42501' 'the load throws it away with a warning, and no row is shown'
    is "$(as_gateway -c "set $forged" -c 'set role tenancy_admin' -c 'select count(*) from thing')" $'WARNING:  42501\nERROR:  42501' 'to tenancy_admin neither'
    is "$(as_gateway -c begin -c "set local $forged" -c "$attach" -c 'select id from thing' -c 'select tenancy.bypassing()')" $'WARNING:  42501\n1\nf' 'attach gives its own context'
    is "$(PGOPTIONS="-c ${forged// /}" as_gateway -c 'set role tenancy_admin' -c 'select count(*) from thing' | tail -n 1)" 'ERROR:  42501' 'by PGOPTIONS it is no other'
done
is "$(as_gateway -c 'set tenancy.seal = off' -c begin -c "$attach" -c 'listen gossip')" $'WARNING:  42501\nERROR:  42501' 'a seal switched off before is on'
is "$(PGOPTIONS='-c tenancy.seal=off' as_gateway -c begin -c "$attach" -c 'listen gossip' | tail -n 1)" 'ERROR:  42501' 'by PGOPTIONS too'
is "$(as_gateway -c "set tenancy.session_idle_timeout = 0" -c "select tenancy.bypassing()" -c 'show tenancy.session_idle_timeout')" $'WARNING:  42501\nf\n1h' 'an idle limit lifted before is there'
is "$(as_gateway -c "set tenancy.invented = 1" -c "select tenancy.bypassing()" -c 'show tenancy.invented' | tail -n 1)" 'ERROR:  42704' 'an invented setting is gone'

# Functions that read our settings load the library first.
is "$(as_gateway -c "set tenancy.user_id = '1'" -c 'set role tenancy_user' -c "select tenancy.revoke('$(ask -c 'select id from tenancy.session')')" | tail -n 1)" 'ERROR:  42501' \
    'a forged user ends no session'
is "$(as_gateway -c 'set tenancy.session_retention = 0' -c "set tenancy.session_idle_timeout = '1us'" -c 'select tenancy.clean_sessions()' | tail -n 1)" 0 \
    'and forged limits delete none'

# ---------------------------------------------------------------- stored with the role or the database
# On a connection without the library only superusers may store a name that the server does not know, and nobody checks its value.
is "$(as_gateway -c "alter role gateway set tenancy.tenant_id = '2'" -c "alter role gateway set tenancy.bypass = on" -c 'alter role gateway set tenancy.seal = off')" \
    $'ERROR:  42501\nERROR:  42501\nERROR:  42501' 'the gateway cannot store forged settings with its role'
ask -c "alter role gateway set tenancy.tenant_id = '2'" -c "alter role gateway set tenancy.bypass = on" -c 'alter role gateway set tenancy.seal = off' >/dev/null
is "$(as_gateway -c 'show tenancy.bypass')" on 'a superuser can, and they are there when it connects'
is "$(as_gateway -c 'set role tenancy_admin' -c 'select count(*) from thing' | tail -n 1)" 'ERROR:  42501' 'but with the library no row is shown'
is "$(as_gateway -c begin -c "$attach" -c 'select id from thing' -c 'select tenancy.bypassing()' | tail -n 2)" $'1\nf' 'attach gives its own context'
is "$(as_gateway -c begin -c "$attach" -c 'listen gossip' | tail -n 1)" 'ERROR:  42501' 'and the seal is on'
ask -c "alter database postgres set tenancy.bypass = on" >/dev/null
is "$(as_gateway -c 'set role tenancy_admin' -c 'select count(*) from thing' | tail -n 1)" 'ERROR:  42501' 'stored with the database they do no more'
is "$(as_gateway -c "create function pg_temp.f() returns int language sql set tenancy.bypass = on as 'select 1'")" 'ERROR:  42501' \
    'the gateway makes no function with such a SET clause'
ask -c "create function count_as_admin() returns bigint language plpgsql set tenancy.bypass = on set role = tenancy_admin as 'begin return (select count(*) from thing); end'" >/dev/null
is "$(as_gateway -c 'select count_as_admin()' | tail -n 1)" 'ERROR:  42501' 'and one that a superuser made without the library shows no row'
is "$(as_gateway -c 'select tenancy.bypassing()' -c 'select count_as_admin()' | tail -n 1)" 'ERROR:  42501' 'nor with it'

# ---------------------------------------------------------------- loaded before everybody
stop_cluster
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"
is "$(as_gateway -c 'show tenancy.bypass' | tail -n 1)" off 'with shared_preload_libraries what is stored has no effect from the first moment'
is "$(as_gateway -c 'set role tenancy_admin' -c 'select count(*) from thing' | tail -n 1)" 'ERROR:  42501' 'and shows no row'
stop_cluster
# A forged value in the server's own configuration: it starts, and the value has no effect.
ask_forged() { as_gateway -c 'set role tenancy_admin' -c "select '[' || current_setting('$1') || ']'" -c 'select count(*) from thing' | grep -v -e WARNING -e HINT; }
for forged in tenancy.tenant_id=2 tenancy.bypass=on; do
    [[ $forged == *bypass* ]] && empty='[off]' || empty='[]'
    start_cluster -c shared_preload_libraries=tenancy -c "$forged"
    is "$(ask_forged "${forged%%=*}")" "$empty"$'\nERROR:  42501' "the server's command line cannot set $forged"
    stop_cluster
    printf '%s\n' "${forged/=/ = }" | unprivileged tee "$cluster/forged.conf" >/dev/null
    printf "include '%s'\n" "$cluster/forged.conf" | unprivileged tee -a "$cluster/data/postgresql.conf" >/dev/null
    start_cluster -c shared_preload_libraries=tenancy
    is "$(ask_forged "${forged%%=*}")" "$empty"$'\nERROR:  42501' "postgresql.conf cannot set $forged"
    stop_cluster
    unprivileged tee "$cluster/forged.conf" </dev/null >/dev/null
done
finish
