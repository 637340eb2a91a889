#!/usr/bin/env bash
#
# What the .sql files cannot send: COPY, the protocol's function call message, and statements of the extended protocol.
# psql does: \copy, \lo_import (which calls lo_creat by message), pgbench with -M extended and prepared.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

in_context() { # USER, further psql arguments
    local user=$1
    shift
    local token
    token=$(token "$user")
    as_login shop_gateway quiet_psql -v VERBOSITY=sqlstate -c begin -c "select tenancy.attach('$token')" "$@" | sed '/^$/d'
}

# ---------------------------------------------------------------- COPY
is "$(in_context ann -c 'copy shop.patient (tenant_id) to stdout' | sort | uniq -c | tr -s ' ')" ' 5 1' 'COPY TO gives the tenant'"'"'s rows'
is "$(in_context ann -c 'copy (select tenant_id from shop.patient) to stdout' | sort -u)" 1 'COPY of a query too'
is "$(in_context eve -c 'copy shop.patient (tenant_id) to stdout' | wc -l)" 1500 'for an admin all'
printf '2\tx\n' >"$SCRATCH/rows"
is "$(in_context ann -c "\\copy shop.patient (tenant_id, name) from '$SCRATCH/rows'")" 'ERROR:  0A000' 'COPY FROM into a protected table is refused by the server'
is "$(in_context ann -c "copy shop.patient to program 'cat'")" 'ERROR:  42501' 'COPY TO PROGRAM is refused by the seal'

# ---------------------------------------------------------------- the function call message
is "$(in_context ann -c "\\lo_import '$SCRATCH/rows'")" 'ERROR:  42501' 'a large object by function call message is refused by the seal'
is "$(as_login shop_gateway quiet_psql -c "\\lo_import '$SCRATCH/rows'" >/dev/null && echo made)" made 'without a context it is made'
quiet_psql -c 'select lo_unlink(oid) from pg_largeobject_metadata' >/dev/null

# ---------------------------------------------------------------- extended protocol
# pgbench prepares its statements and sends parameters apart. One connection, two users in turn.
ann=$(token ann)
bob=$(token bob)
cat >"$SCRATCH/turns.sql" <<'SQL'
begin;
select tenancy.attach(:ann);
select 1 / (count(*) = 5 and bool_and(tenant_id = 1))::int as ok from shop.patient;
commit;
begin;
select tenancy.attach(:bob);
select 1 / (count(*) = 5 and bool_and(tenant_id = 2))::int as ok from shop.patient;
commit;
SQL
# Other than five rows, or one of another tenant, and a division by zero ends the run.
for protocol in simple extended prepared; do
    quote="'"
    [[ $protocol == simple ]] || quote= # a parameter's value, and no SQL
    as_login shop_gateway pgbench -n -M "$protocol" -c 1 -t 50 -D ann="$quote$ann$quote" -D bob="$quote$bob$quote" -f "$SCRATCH/turns.sql" >"$SCRATCH/out" 2>&1
    like "$(cat "$SCRATCH/out")" 'actually processed: 50/50' "users take turns on one connection with the $protocol protocol"
done
finish
