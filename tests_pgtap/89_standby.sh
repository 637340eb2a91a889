#!/usr/bin/env bash
#
# On a hot standby nothing can be written: what a token opens is to be read there, a password is not looked at. Two clusters of
# the test's own.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1 | sed '/^$/d'; }
as_gateway() { PGUSER=gateway PGPASSWORD=gateway PGOPTIONS='-c statement_timeout=20s' ask "$@"; }
as_operator() { PGUSER=operator PGPASSWORD=operator ask "$@"; }

ask <<'SQL'
create role gateway login password 'gateway';
create role operator login password 'operator';
create extension tenancy;
grant tenancy_gateway to gateway;
grant tenancy_operator to operator;
create table account (user_id bigint, user_name text, password_hash text, is_admin boolean);
insert into account values (1, 'ann', tenancy.hash_password('secret'), false), (2, 'eve', tenancy.hash_password('secret'), true);
create view accounts as select * from account;
create view memberships as select 1::bigint as user_id, 1::bigint as tenant_id, 'one'::text as tenant_name;
select tenancy.use_directory('accounts', 'memberships');
create table thing (id int primary key, tenant_id bigint);
insert into thing values (1, 1), (2, 2);
create temporary table quiet as select * from tenancy.protect('thing');
SQL
ann=$(as_gateway -c "select (tenancy.login('ann', 'secret')).token")
eve=$(as_gateway -c "select (tenancy.login('eve', 'secret')).token")

second=$SCRATCH/second
mkdir -m 700 "$second"
if [[ $EUID -eq 0 ]]; then chown postgres: "$second"; fi
printf '*:*:*:*:%s\n' "$password" | unprivileged tee "$cluster/pgpass" >/dev/null
unprivileged chmod 600 "$cluster/pgpass"
unprivileged env PGPASSFILE="$cluster/pgpass" "$bin/pg_basebackup" -w -D "$second/data" -R -X stream -c fast || give_up "no base backup"
at_end stop_second
start_second -c shared_preload_libraries=tenancy || give_up "the standby did not start: $(cat "$second/log")"
export PGHOST=$second
is "$(ask -c 'select pg_is_in_recovery()')" t 'this is a standby'

is "$(as_gateway -c begin -c "select tenancy.attach('$ann')" -c 'select id from thing')" 1 'a token opens its tenant there'
is "$(as_gateway -c begin -c "select tenancy.attach('$eve')" -c 'select count(*) from thing')" 2 'an admin sees all'
like "$(cat "$second/log")" 'tenancy audit: .*admin_bypass' 'which goes to the server log'
is "$(as_operator -c begin -c "select tenancy.act_as('1', '1', 'a look')" -c 'select id from thing')" 1 'an operator acts as a user'
# The limit of time is there for a backend that waits for a worker which no standby starts.
is "$(as_gateway -c "select tenancy.login('ann', 'wrong')")" 'ERROR:  25006' 'a wrong password is refused at once'
is "$(as_gateway -c "select tenancy.login('ann', 'secret')")" 'ERROR:  25006' 'and a right one'
told() { PGUSER=gateway PGPASSWORD=gateway psql -X -q -A -t -c "$1" 2>&1; }
is "$(told "select tenancy.login('ann', 'wrong')")" "$(told "select tenancy.login('ann', 'secret')")" 'in the same words: guessing there tells nothing'
change() { as_gateway -c begin -c "select tenancy.attach('$ann')" -c "select tenancy.change_password('$1', 'another')" | tail -n 1; }
is "$(change wrong)" 'ERROR:  25006' 'a change of password does not look at the old one either, wrong'
is "$(change secret)" 'ERROR:  25006' 'or right'
finish
