#!/usr/bin/env bash
#
# The guard beside a dump and its restore, extensions of others, and logical replication: it breaks none of them in any mode.
# What it says is read as psql shows it. Two clusters of its own, one of which preloads no library.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c wal_level=logical || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1 | sed '/^$/d'; }
tell() { psql -X -q -A -t "$@" 2>&1 | sed '/^$/d'; }

# ---------------------------------------------------------------- the library is not there yet
ask -c 'create extension tenancy' >/dev/null
like "$(tell -c 'create table first (id int, tenant_id bigint)')" "^WARNING:  table public.first has the tenant column tenant_id and no protection"$'\n'"HINT:  select tenancy.protect\('public.first', 'tenant_id'\)$" \
    'the first statement of a session, which loads the library, is looked at; the warning has the mend as its hint'
is "$(tell -c "select count(*) > 5 from tenancy.protect('first')")" t 'and protect() as the first statement is silent'
is "$(tell -c 'select 1::bigint as tenant_id into second' | head -n 1)" 'WARNING:  table public.second has the tenant column tenant_id and no protection' 'SELECT INTO is seen'
is "$(ask -c 'set tenancy.guard = refuse' -c 'select 1::bigint as tenant_id into third')" 'ERROR:  55000' 'and refused'
is "$(ask -c 'set tenancy.guard = protect' -c 'select 1::bigint as tenant_id into third' -c "select count(*) from pg_policy where polrelid = 'third'::regclass" | tail -n 1)" 4 'and protected'
is "$(tell -c "create table parted (id int, tenant_id bigint) partition by range (id)" -c "select count(*) > 5 from tenancy.protect('parted')" -c 'create table part partition of parted default' | tail -n 1)" \
    'NOTICE:  public.part is protected as its parent is' 'a partition is protected, and a notice tells it'
ask -c 'drop table second, third' >/dev/null
stop_cluster
start_cluster -c wal_level=logical -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"

# ---------------------------------------------------------------- a database with everything in it
ask -c 'create database shop' >/dev/null
PGDATABASE=shop ask <<'SQL' >/dev/null
create extension tenancy;
create role keeper;
create schema shop authorization keeper;
grant usage on schema shop to tenancy_user, tenancy_admin;
set client_min_messages = error;
set role keeper;
create table shop.customer (id bigint primary key, name text);
create table shop.invoice (id bigint generated always as identity primary key, tenant_id bigint, amount int);
create table shop.visit (id int, tenant_id bigint, primary key (id)) partition by range (id);
create table shop.visit_low partition of shop.visit for values from (0) to (100);
create table shop.base (id int, org uuid);
create table shop.kid (more text) inherits (shop.base);
create table shop.account (id int, tenant_id bigint); -- left without protection on purpose
insert into shop.customer values (1, 'one'), (2, 'two');
insert into shop.invoice (tenant_id, amount) values (1, 10), (2, 20);
insert into shop.visit values (1, 1), (2, 2);
reset role;
select tenancy.protect('shop.customer', 'id', 'read');
select tenancy.protect('shop.invoice');
select tenancy.protect('shop.visit');
select tenancy.protect('shop.base', 'org');
create view shop.totals as select tenant_id, sum(amount) from shop.invoice group by 1; -- a hole, on purpose
create materialized view shop.kept as select * from shop.invoice;
grant truncate on shop.visit to tenancy_user;
create policy everything on shop.invoice using (true);
SQL
# What a database holds, as far as isolation goes.
shape() {
    PGDATABASE=$1 tell -c "select c.oid::regclass, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole, c.relacl, c.reloptions from pg_class c where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r','p','v','m') order by c.relname" \
        -c "select p.polrelid::regclass, p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), obj_description(p.oid) from pg_policy p order by p.polrelid::regclass::text, p.polname" \
        -c 'select count(*) from shop.invoice' -c 'select count(*) from shop.visit_low' -c 'select count(*) from shop.kept'
}
before=$(shape shop)
like "$before" 'tenancy_wall' 'the database that is dumped is protected'
pg_dump -d shop -f "$SCRATCH/plain.sql"
pg_dump -d shop -Fc -f "$SCRATCH/archive"
chmod 644 "$SCRATCH/plain.sql" "$SCRATCH/archive"

for mode in off warn protect refuse; do
    for how in psql pg_restore; do
        ask -c 'drop database if exists copy' -c 'create database copy' -c "alter database copy set tenancy.guard = $mode" >/dev/null
        case $how in
        psql) said=$(psql -X -q -A -t -o /dev/null -v ON_ERROR_STOP=1 -d copy -f "$SCRATCH/plain.sql" 2>&1) ;;
        pg_restore) said=$(pg_restore --exit-on-error -d copy "$SCRATCH/archive" 2>&1) ;;
        esac
        is "$?:$said" 0: "with guard = $mode $how says nothing"
        is "$(shape copy)" "$before" 'and the copy is what was dumped'
    done
done
is "$(PGDATABASE=copy ask -c 'show tenancy.guard' -c 'alter table shop.invoice disable row level security' | tail -n 1)" 'ERROR:  55000' 'after it the guard is there'
# It can fail: without the settings of a dump the same text is stopped.
ask -c 'drop database copy' -c 'create database copy' -c "alter database copy set tenancy.guard = refuse" >/dev/null
like "$(grep -v -e row_security "$SCRATCH/plain.sql" | psql -X -q -d copy -v VERBOSITY=sqlstate 2>&1)" 'ERROR:  55000' 'a script that does not say it is a dump is refused'
# Who may not lower the guard has no use for these settings.
ask -c 'create role plain login' -c "alter role plain password 'plain'" >/dev/null
PGDATABASE=copy ask -c 'create schema his authorization plain' >/dev/null
is "$(PGDATABASE=copy PGUSER=plain PGPASSWORD=plain ask -c 'set check_function_bodies = off' -c 'set row_security = off' -c 'create table his.t (tenant_id bigint)')" 'ERROR:  55000' \
    'nobody gets around the guard with them who may not lower it'

# ---------------------------------------------------------------- extensions of others
folder=$(pg_config --sharedir)/extension
for mode in warn protect refuse; do
    ask -c 'drop database if exists copy' -c 'create database copy' -c "alter database copy set tenancy.guard = $mode" >/dev/null
    is "$(PGDATABASE=copy ask -c 'create extension tenancy' -c 'create extension pgtap' -c 'create extension pg_stat_statements' -c 'drop extension pgtap' -c 'drop extension tenancy')" '' \
        "with guard = $mode extensions come and go, ours too"
done
if [[ -w $folder ]]; then
    remove_tenants() { rm -f "$folder/tenancy_test_tenants.control" "$folder/tenancy_test_tenants--1.sql" "$folder/tenancy_test_tenants--1--2.sql"; }
    at_end remove_tenants
    printf "default_version = '1'\n" >"$folder/tenancy_test_tenants.control"
    printf 'create table tenants (id int, tenant_id bigint);\ncreate view v as select * from tenants;\n' >"$folder/tenancy_test_tenants--1.sql"
    printf 'alter table tenants add column more int;\ngrant select on tenants to public;\n' >"$folder/tenancy_test_tenants--1--2.sql"
    for mode in warn protect refuse; do
        ask -c 'drop database if exists copy' -c 'create database copy' -c "alter database copy set tenancy.guard = $mode" >/dev/null
        is "$(PGDATABASE=copy ask -c 'create extension tenancy' -c 'create extension tenancy_test_tenants' -c "alter extension tenancy_test_tenants update to '2'" -c "select count(*) from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace <> 'tenancy'::regnamespace")" 0 \
            "with guard = $mode an extension makes and updates tables of tenants as it likes"
    done
fi

# ---------------------------------------------------------------- logical replication
PGDATABASE=shop ask -c 'alter table shop.invoice replica identity full' -c 'create publication everything for table shop.invoice, shop.visit with (publish_via_partition_root = true)' >/dev/null
primary=$PGHOST
second_cluster
start_second -c shared_preload_libraries=tenancy || give_up "the second cluster did not start: $(cat "$second/log")"
on_second() { PGHOST=$second PGDATABASE=copy "$@"; }
PGHOST=$second ask -c 'create role keeper' -c 'create database copy' -c 'alter database copy set tenancy.guard = refuse' >/dev/null
on_second pg_restore --section=pre-data --section=post-data -d copy "$SCRATCH/archive"
on_second ask -c "create table shop.made (n int)" -c "create function shop.part() returns trigger language plpgsql as \$\$ begin
  execute format('create table shop.visit_%s partition of shop.visit for values from (%s) to (%s)', new.amount, new.amount, new.amount + 10);
  execute format('create table shop.loose_%s (tenant_id bigint)', new.amount); return null; end \$\$" \
    -c 'create trigger part after insert on shop.invoice for each row when (new.amount >= 1000) execute function shop.part()' -c 'alter table shop.invoice enable always trigger part' >/dev/null
# From 16 on a subscription writes as the table's owner, whom FORCE holds, unless it is told to write as its own.
as_its_owner=
(($(on_second ask -c 'show server_version_num') < 160000)) || as_its_owner='with (run_as_owner = true)'
is "$(on_second ask -c "create subscription mirror connection 'host=$primary port=5432 user=$PGUSER password=$PGPASSWORD dbname=shop' publication everything $as_its_owner" -c 'select 1' | grep -v NOTICE)" 1 \
    'a subscriber under refuse subscribes'
# The subscriber is asked until it has what it should, a minute at most.
eventually() { # QUERY WANT
    local answer
    for _ in $(seq 600); do
        answer=$(on_second ask -c "$1")
        [[ $answer == "$2" ]] && break
        read -r -t 0.1 <> <(:) || true
    done
    printf '%s' "$answer"
}
is "$(eventually 'select count(*) from shop.invoice' 2)" 2 'the first copy comes'
PGDATABASE=shop ask -c 'insert into shop.invoice (tenant_id, amount) values (1, 30), (2, 40)' -c 'insert into shop.visit values (3, 1)' -c 'update shop.invoice set amount = 31 where amount = 30' >/dev/null
is "$(eventually "select string_agg(amount::text, ',' order by amount) from shop.invoice" '10,20,31,40')" '10,20,31,40' 'inserts and updates are applied'
is "$(eventually 'select count(*) from shop.visit' 3)" 3 'to partitions as well'
PGDATABASE=shop ask -c 'insert into shop.invoice (tenant_id, amount) values (1, 1000)' >/dev/null
is "$(eventually "select count(*) from pg_policy where polrelid = to_regclass('shop.visit_1000')" 4)" 4 'a partition that a trigger makes there is protected, and what refuse would stop goes through'
PGDATABASE=shop ask -c 'truncate shop.invoice' >/dev/null
is "$(eventually 'select count(*) from shop.invoice' 0)" 0 'and TRUNCATE is applied'
is "$(grep -c -e PANIC -e 'logical replication worker.*exited with exit code' "$second/log")" 0 'no worker has died'
finish
