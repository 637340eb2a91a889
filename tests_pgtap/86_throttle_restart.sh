#!/usr/bin/env bash
#
# Failures are counted beyond a crash, and a server that has no background worker to count with fails closed: a
# cluster of its own, without any in the second half.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1; }
login() { PGUSER=gateway PGPASSWORD=gateway ask -c "select user_id from tenancy.login('$1', '$2')"; } # NAME PASSWORD

ask <<'SQL'
create role gateway login password 'gateway';
create extension tenancy;
grant tenancy_gateway to gateway;
create table account (user_id bigint, user_name text, password_hash text, is_admin boolean);
insert into account select n, name, tenancy.hash_password('secret'), false from unnest(array['ann', 'bob']) with ordinality a (name, n);
create view accounts as select * from account;
create view memberships as select 1::bigint as user_id, 1::bigint as tenant_id, 'one'::text as tenant_name;
select tenancy.use_directory('accounts', 'memberships');
SQL
is "$(for _ in 1 2 3 4 5; do login ann wrong; done)" "$(printf 'ERROR:  28P01\n%.0s' 1 2 3 4 5)" 'five guesses are free'
ask -c "select tenancy.note_sign_in(jsonb_build_object('longest_wait', 900, 'failed', jsonb_build_array(jsonb_build_object(
    'key', encode(tenancy.sign_in_key('ann', null), 'hex'), 'kind', 'name', 'most', 15)))) from generate_series(1, 10)" >/dev/null

stop_cluster # at once, as in a crash
start_cluster -c shared_preload_libraries=tenancy -c max_worker_processes=0 -c max_parallel_workers=0
is "$(login ann secret)" 'ERROR:  53400' 'after a crash the name still has to wait'
is "$(login bob wrong)" 'ERROR:  53400' 'a failure that cannot be counted ends as an error, after the wait for a worker'
is "$(ask -c "select count(*) from tenancy.sign_in_attempt where key = tenancy.sign_in_key('bob', null)")" 0 'for it is not counted'
is "$(login bob secret)" 2 'the right password signs in'
finish
