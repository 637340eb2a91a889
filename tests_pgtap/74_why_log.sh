#!/usr/bin/env bash
#
# What the server's log holds of a look past the policies: the operator and the table, and never the values. On a cluster
# of its own, whose log can be read.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster || give_up "the cluster did not start: $(cat "$cluster/log")"

quiet_psql -c 'create extension tenancy' -c "create role operator login password 'operator' in role tenancy_operator" \
    -c 'create table thing (code text primary key, tenant_id bigint)' -c "insert into thing values ('value-of-a-key', 1)" \
    -c "select count(*) from tenancy.protect('thing')" >/dev/null
ask() { quiet_psql -c "select string_agg(reason, ' ') from tenancy.why('thing', '$1')"; }

is "$(PGUSER=operator PGPASSWORD=operator ask value-of-a-key)" 'no_context row_of_tenant' 'an operator looks for a row'
is "$(PGUSER=operator PGPASSWORD=operator ask value-of-no-key)" no_such_row 'and for one that is not there'
is "$(grep -c 'LOG: .*operator "operator" looked past the policies of table public.thing' "$cluster/log")" 2 'the log holds who looked, and at which table'
is "$(grep -c 'value-of-' "$cluster/log")" 0 'and neither the values nor the statement'
is "$(ask value-of-a-key)" visible 'a superuser looks'
is "$(grep -c 'looked past' "$cluster/log")" 2 'which is not logged: the log cannot hold him'

finish
