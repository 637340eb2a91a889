#!/usr/bin/env bash
#
# A plan that writes checks a row once for each condition of the policies, not once for each policy; and every condition.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# checks STATEMENT: how many row checks its plan holds. The server prints plans for those who ask; nothing is written.
checks() {
    quiet_psql -c 'set role tenancy_user' -c "set tenancy.on_missing_context = 'empty'" -c 'set client_min_messages = log' -c 'set debug_print_plan = on' \
        -c "explain (costs off) $1" | grep -c '{WITHCHECKOPTION'
}
insert="insert into shop.patient (name) values ('x')"
upsert="insert into shop.bed (id, name) values (1, 'x') on conflict (id) do update set name = 'x'"
at_end drop_bed
drop_bed() { quiet_psql -c 'drop table shop.bed' >/dev/null; }
quiet_psql -c 'create table shop.bed (id bigint primary key, tenant_id bigint, name text)' -c "insert into shop.bed values (1, 2, 'of tenant 2')" \
    -c "select tenancy.protect('shop.bed')" >/dev/null

is "$(checks "$insert")" 1 'an insert checks the new row once, under the tenant policy and the wall'
is "$(checks "$insert returning id")" 1 'the same where it returns the row, which is to be readable'
is "$(checks "update shop.patient set name = 'x' where id = 1")" 1 'an update too'
is "$(checks "$upsert")" 3 'an upsert once for each kind: of the row to be inserted, of the row it met, of the row it makes of that'
is "$(checks "with made as ($insert returning id) select id from made")" 1 'a write in a WITH query is like any other'

quiet_psql -c "create policy named on shop.patient as restrictive with check (name <> '')" >/dev/null
is "$(checks "$insert")" 2 'a policy with a condition of its own is checked beside'
quiet_psql -c 'drop policy named on shop.patient' \
    -c 'create policy luck on shop.patient as restrictive for insert with check (random() < 2)' \
    -c 'create policy more_luck on shop.patient as restrictive for insert with check (random() < 2)' >/dev/null
is "$(checks "$insert")" 3 'equal conditions that may differ from one moment to the next are both checked'
quiet_psql -c 'drop policy luck on shop.patient' -c 'drop policy more_luck on shop.patient' >/dev/null

ann=$(token ann)
write() { as_login shop_gateway quiet_psql -c begin -c "select tenancy.attach('$ann')" -c "$1" -c rollback; }
like "$(write "insert into shop.patient (tenant_id, name) values (2, 'x')")" '42501: new row violates row-level security policy for table "patient"' \
    'a row of another tenant is refused as before'
like "$(write 'update shop.patient set tenant_id = 2')" '42501: new row violates row-level security policy for table "patient"' 'and a row that would become one'
like "$(write "$upsert")" '42501: new row violates row-level security policy \(USING expression\) for table "bed"' 'and an upsert that meets one'

finish
